package draw

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// inUnit says a figure in Grafana's unit of that name.
func inUnit(value float64, unit string) string {
	switch {
	case math.IsNaN(value) || math.IsInf(value, 0):
		return "–"
	case unit == "percentunit":
		return short(value*100) + " %"
	case unit == "s":
		return seconds(value)
	case unit == "bytes":
		return sized(value)
	case unit == "reqps" || unit == "ops" || unit == "cps":
		return short(value) + "/s"
	default:
		return short(value)
	}
}

// short is a figure with three digits that count.
func short(value float64) string {
	if value == 0 {
		return "0"
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(value))))
	text := strconv.FormatFloat(value, 'f', max(0, min(digits, 4)), 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

func seconds(value float64) string {
	switch {
	case value == 0:
		return "0 s"
	case math.Abs(value) < 0.001:
		return short(value*1e6) + " µs"
	case math.Abs(value) < 1:
		return short(value*1e3) + " ms"
	case math.Abs(value) < 120:
		return short(value) + " s"
	}
	whole := time.Duration(value * float64(time.Second))
	const day = 24 * time.Hour
	if whole < 2*day {
		return fmt.Sprintf("%d h %d min", int(whole.Hours()), int(whole.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", whole/day, int((whole % day).Hours()))
}

func sized(value float64) string {
	for _, prefix := range []string{"", "Ki", "Mi"} {
		if math.Abs(value) < 1024 {
			return short(value) + " " + prefix + "B"
		}
		value /= 1024
	}
	return short(value) + " GiB"
}

// clock is a time since the beginning.
func clock(since float64) string {
	return fmt.Sprintf("%d:%02d", int(since)/60, int(since)%60)
}

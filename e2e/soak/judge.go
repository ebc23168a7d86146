package soak

import (
	"fmt"
	"time"
)

// enough is how many samples a quarter must have for its median to say something.
const enough = 4

// Bound is how much a figure may rise under a load that does not change.
type Bound struct {
	// Ratio is what the last quarter's median may be of the first's at most.
	Ratio float64
	// Slack is a rise, in the unit of the figure, that is none: a connection more or
	// less, a heap that is collected a little later.
	Slack float64
	// PerHour is how much a figure may rise in an hour. A trend counts if it is certain
	// to be steeper, and has already come to more than Slack.
	PerHour float64
}

// Verdict is what is said of a figure.
type Verdict struct {
	// First and Last are the medians of the first and the last quarter after the
	// warm-up.
	First, Last float64
	// PerHour is the trend over all of it, and AtLeast what that is for certain.
	PerHour, AtLeast float64
	// Leak says why this is one; empty: the figure is flat.
	Leak string
}

// Ratio is Last beside First. A figure that was zero and is not any more counts as if it
// had begun with one.
func (v Verdict) Ratio() float64 {
	if v.First == 0 {
		return max(1, v.Last)
	}
	return v.Last / v.First
}

// Judge says whether a figure is flat after the warm-up. Points are in the order of time;
// too few of them to say anything are an error.
func Judge(points []Point, warmUp time.Duration, b Bound) (Verdict, error) {
	for len(points) > 0 && points[0].At < warmUp {
		points = points[1:]
	}
	if len(points) < 4*enough {
		return Verdict{}, fmt.Errorf("%d samples after the warm-up of %s say nothing, want %d", len(points), warmUp, 4*enough)
	}
	quarter := len(points) / 4
	v := Verdict{First: median(values(points[:quarter])), Last: median(values(points[len(points)-quarter:]))}
	v.PerHour, v.AtLeast = trend(points)
	lasted := points[len(points)-1].At - points[0].At
	switch risen := v.Last - v.First; {
	case v.Last > v.First*b.Ratio && risen > b.Slack:
		v.Leak = fmt.Sprintf("it rose by %.4g to %.2f of what it was, may be %.2f", risen, v.Ratio(), b.Ratio)
	case v.AtLeast > b.PerHour && v.AtLeast*lasted.Hours() > b.Slack:
		v.Leak = fmt.Sprintf("it rises by %.4g an hour, %.4g at least, may be %.4g", v.PerHour, v.AtLeast, b.PerHour)
	}
	return v, nil
}

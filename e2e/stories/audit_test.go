package stories

import (
	"bufio"
	"cmp"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// auditNothing asks for an audit log of no more than what Spillway's processes do, with
// a rule about nobody else.
const auditNothing = `- {level: None, users: ["system:anonymous"]}` + "\n"

// entry is what an audit log says of a request.
type entry struct {
	Verb, RequestURI         string
	User                     struct{ Username string }
	ObjectRef                struct{ Namespace, Resource, Subresource, Name string }
	RequestReceivedTimestamp time.Time
	// ResponseObject is the answer, where the rules ask for it.
	ResponseObject json.RawMessage
}

// audited returns what an audit log says of requests that write.
func (s *story) audited(log string) (all []entry) {
	s.Helper()
	file, err := os.Open(log)
	s.must("open the audit log", err)
	defer func() { s.must("close the audit log", file.Close()) }()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e entry
		s.must("read the audit log", json.Unmarshal(lines.Bytes(), &e))
		if slices.Contains([]string{"create", "update", "patch", "delete"}, e.Verb) {
			all = append(all, e)
		}
	}
	s.must("read the audit log", lines.Err())
	return all
}

// writes returns what webhooks wrote in the story's namespace.
func (s *story) writes(log string) []entry {
	s.Helper()
	return slices.DeleteFunc(s.audited(log), func(e entry) bool { return e.ObjectRef.Namespace != s.namespace })
}

// samples sums the samples of a metric, in the text form of Prometheus, whose
// labels include all those given, each like `name="value"`.
func samples(text, metric string, labels ...string) (sum float64) {
	for line := range strings.Lines(text) {
		name, value, ok := sample(line)
		if !ok || !strings.HasPrefix(name, metric+"{") {
			continue
		}
		if !slices.ContainsFunc(labels, func(label string) bool { return !strings.Contains(name, label) }) {
			sum += value
		}
	}
	return sum
}

func sample(line string) (name string, value float64, ok bool) {
	at := strings.LastIndex(strings.TrimSpace(line), " ")
	if at < 0 || strings.HasPrefix(line, "#") {
		return "", 0, false
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
	return line[:at], value, err == nil
}

// histogram holds, by upper bounds in seconds, how many observations were no
// larger.
type histogram map[float64]float64

// add adds those of a metric in the text form of Prometheus, or with a sign of
// -1 takes them away.
func (h histogram) add(text, metric string, sign float64, labels ...string) {
	for line := range strings.Lines(text) {
		name, _, ok := sample(line)
		_, rest, has := strings.Cut(name, `le="`)
		if !ok || !has || !strings.HasPrefix(name, metric+"_bucket{") {
			continue
		}
		bound, _, _ := strings.Cut(rest, `"`)
		upper, err := strconv.ParseFloat(bound, 64)
		if err == nil {
			h[upper] += sign * samples(line, metric+"_bucket", labels...)
		}
	}
}

// quantile interpolates, as Prometheus does.
func (h histogram) quantile(q float64) time.Duration {
	bounds := make([]float64, 0, len(h))
	for bound := range h {
		bounds = append(bounds, bound)
	}
	slices.Sort(bounds)
	rank, lower, below := q*h[math.Inf(1)], 0.0, 0.0
	for _, upper := range bounds {
		if h[upper] >= rank {
			if math.IsInf(upper, 1) {
				return seconds(lower)
			}
			return seconds(lower + (upper-lower)*(rank-below)/max(h[upper]-below, 1))
		}
		lower, below = upper, h[upper]
	}
	return 0
}

func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond / 10)
}

// percentile of durations that were measured one by one.
func percentile(of []time.Duration, q float64) time.Duration {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.SortedFunc(slices.Values(of), cmp.Compare[time.Duration])
	return sorted[int(q*float64(len(sorted)-1))].Round(time.Millisecond / 10)
}

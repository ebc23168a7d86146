package ratio

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/prometheus/procfs"
)

// Report is what a suite has measured.
type Report struct {
	// Suite is the name of the command that measured.
	Suite string `json:"suite"`
	// Date is when, and Machine on what.
	Date    time.Time `json:"date"`
	Machine Machine   `json:"machine"`
	// Tables are for people.
	Tables []Table `json:"tables"`
	// Ratios have limits.
	Ratios []Ratio `json:"ratios"`
	// Curves are drawn.
	Curves []Curve `json:"curves,omitempty"`
}

// Machine is where something was measured.
type Machine struct {
	// CPU is the model's name, and Cores how many of them this process may use.
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	// Go is the version that built what was measured.
	Go string `json:"go"`
}

// Table has a title and cells of text; the first column names the rows.
type Table struct {
	Title   string     `json:"title"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// Ratio is a figure beside another of the same run.
type Ratio struct {
	// Name is that of the figure, lower case with hyphens, first the suite's.
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	// Limit is what Value may be at most, or, if AtLeast, what it must reach.
	Limit   float64 `json:"limit"`
	AtLeast bool    `json:"atLeast,omitempty"`
}

// Curve is a line in a plot; those with the same Plot, its title, share one.
type Curve struct {
	Plot string `json:"plot"`
	// X and Y say what the axes are, with units.
	X    string `json:"x"`
	Y    string `json:"y"`
	Name string `json:"name"`
	// Points are in the order of their X. A few whose last X is more than fifty times
	// the first are drawn with logarithms of X.
	Points []Point `json:"points"`
	// Computed says that nobody measured it, as a straight line beside what was
	// measured. It is dashed.
	Computed bool `json:"computed,omitempty"`
}

// Point is one measurement of a curve.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// New begins the report of a suite.
func New(suite string) *Report {
	r := &Report{Suite: suite, Date: time.Now().UTC().Truncate(time.Second), Machine: Machine{Cores: runtime.NumCPU(), Go: runtime.Version()}}
	// A machine that does not say what it is has no name; nothing depends on it.
	if proc, err := procfs.NewDefaultFS(); err == nil {
		if cpus, err := proc.CPUInfo(); err == nil && len(cpus) > 0 {
			r.Machine.CPU = cpus[0].ModelName
		}
	}
	return r
}

// AtMost adds a ratio that is to be no more than limit.
func (r *Report) AtMost(name string, value, limit float64) {
	r.Ratios = append(r.Ratios, Ratio{Name: name, Value: value, Limit: limit})
}

// AtLeast adds a ratio that is to be no less than limit.
func (r *Report) AtLeast(name string, value, limit float64) {
	r.Ratios = append(r.Ratios, Ratio{Name: name, Value: value, Limit: limit, AtLeast: true})
}

// Holds says whether the value is within the limit, by the two digits that are told.
func (r Ratio) Holds() bool {
	value, limit := int(r.Value*100+0.5), int(r.Limit*100+0.5)
	if r.AtLeast {
		return value >= limit
	}
	return value <= limit
}

// String is the line that is printed: RATIO, the name, the value and the limit, which
// begins with >= if it is to be reached.
func (r Ratio) String() string {
	sign := ""
	if r.AtLeast {
		sign = ">="
	}
	return fmt.Sprintf("RATIO %s %.2f %s%.2f", r.Name, r.Value, sign, r.Limit)
}

// Print writes the tables and, a line for each, the ratios.
func (r *Report) Print(out io.Writer) error {
	// What cannot be written shows when a table is flushed.
	for _, table := range r.Tables {
		_, _ = fmt.Fprintf(out, "\n%s\n", table.Title)
		columns := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, row := range append([][]string{table.Columns}, table.Rows...) {
			for _, cell := range row {
				_, _ = fmt.Fprintf(columns, "%s\t", cell)
			}
			_, _ = fmt.Fprintln(columns)
		}
		if err := columns.Flush(); err != nil {
			return err
		}
	}
	for _, ratio := range r.Ratios {
		if _, err := fmt.Fprintln(out, ratio); err != nil {
			return err
		}
	}
	return nil
}

// Write stores the report for those who draw it; an empty file name is nobody.
func (r *Report) Write(file string) error {
	if file == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode the report: %w", err)
	}
	return os.WriteFile(file, append(text, '\n'), 0o600)
}

// Read returns a report that was written.
func Read(file string) (*Report, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read a report: %w", err)
	}
	r := &Report{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("cannot read the report %s: %w", file, err)
	}
	return r, nil
}

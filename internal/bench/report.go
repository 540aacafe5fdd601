package bench

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// Figure is one thing measured. Zero fields were not measured.
type Figure struct {
	Group string `json:"group"`
	Name  string `json:"name"`
	// Unit is what Rate and BareRate count in a second.
	Unit     string  `json:"unit,omitempty"`
	Calls    int     `json:"calls,omitempty"`
	Rate     float64 `json:"rate,omitempty"`
	BareRate float64 `json:"bareRate,omitempty"`
	// Ratio is Rate to BareRate.
	Ratio float64 `json:"ratio,omitempty"`
	// CPU and BareCPU are microseconds of the server's processor time a call.
	CPU     float64 `json:"cpuMicrosPerCall,omitempty"`
	BareCPU float64 `json:"bareCpuMicrosPerCall,omitempty"`
	// P50 and P99 are latencies in milliseconds.
	P50 float64 `json:"p50Millis,omitempty"`
	P99 float64 `json:"p99Millis,omitempty"`
	// MiB is memory.
	MiB float64 `json:"mib,omitempty"`
	// Goal is what the figure should reach, Met whether it does.
	Goal string `json:"goal,omitempty"`
	Met  *bool  `json:"met,omitempty"`
	Note string `json:"note,omitempty"`
	// Skipped says why it was not measured, Error why it could not be.
	Skipped string `json:"skipped,omitempty"`
	Error   string `json:"error,omitempty"`

	goals []goal
}

// goal is one bound on one measure of a figure.
type goal struct {
	measure string
	atLeast bool
	limit   float64
	unit    string
}

func atLeast(measure string, limit float64, unit string) goal {
	return goal{measure, true, limit, unit}
}
func atMost(measure string, limit float64, unit string) goal {
	return goal{measure, false, limit, unit}
}

func (g goal) String() string {
	sign := "≤"
	if g.atLeast {
		sign = "≥"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", g.measure, sign, thousands(g.limit), g.unit))
}

func (f *Figure) value(measure string) float64 {
	switch measure {
	case "ratio":
		return f.Ratio
	case "rate":
		return f.Rate
	case "CPU":
		return f.CPU
	case "p50":
		return f.P50
	case "p99":
		return f.P99
	default:
		return f.MiB
	}
}

// judge compares a measured figure with its goals. A measure that could not be
// taken (the server's processor time, when it is not our child) is not judged.
func (f *Figure) judge() {
	var texts []string
	met, judged := true, false
	for _, g := range f.goals {
		texts = append(texts, g.String())
		v := f.value(g.measure)
		if v == 0 {
			continue
		}
		judged = true
		if g.atLeast {
			met = met && v >= g.limit
		} else {
			met = met && v <= g.limit
		}
	}
	f.Goal = strings.Join(texts, ", ")
	if judged && f.Error == "" && f.Skipped == "" {
		f.Met = &met
	}
}

// Report is one run.
type Report struct {
	Time    time.Time `json:"time"`
	Machine Machine   `json:"machine"`
	// Seconds is how long each figure was measured.
	Seconds float64  `json:"seconds"`
	Figures []Figure `json:"figures"`
}

// Machine is where it ran.
type Machine struct {
	OS, Arch, Go string
	CPUs         int
	// Load is the one-minute load average when the run began: others on the machine count.
	Load string
}

func machine() Machine {
	return Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(), CPUs: runtime.NumCPU(), Load: loadAverage()}
}

// Header and Row are the printed table.
func Header() []string {
	return []string{"FIGURE", "RATE", "OF BARE", "BARE", "CPU/CALL", "BARE CPU", "P50", "P99", "MEMORY", "GOAL", ""}
}

// Row is the figure as a line of the table.
func (f Figure) Row() []string {
	if f.Skipped != "" {
		return []string{f.Name, "skipped: " + f.Skipped}
	}
	if f.Error != "" {
		return []string{f.Name, "failed: " + f.Error}
	}
	cell := func(v float64, format string) string {
		if v == 0 {
			return "-"
		}
		return fmt.Sprintf(format, v)
	}
	rate := func(v float64) string {
		if v == 0 {
			return "-"
		}
		return thousands(v) + " " + f.Unit
	}
	verdict := ""
	if f.Met != nil {
		verdict = map[bool]string{true: "met", false: "missed"}[*f.Met]
	}
	return []string{
		f.Name, rate(f.Rate), cell(f.Ratio, "%.2f"), rate(f.BareRate), cell(f.CPU, "%.0f µs"), cell(f.BareCPU, "%.0f µs"),
		cell(f.P50, "%.2f ms"), cell(f.P99, "%.2f ms"), cell(f.MiB, "%.0f MiB"), f.Goal, verdict,
	}
}

// thousands writes 150000 as 150,000, and small numbers with their fraction.
func thousands(v float64) string {
	if v < 100 {
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".")
	}
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

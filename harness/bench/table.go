package bench

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// Line is a row of the table of floors.
type Line struct {
	What    string
	Threads string
	Ours    string
	Peer    string // the best one
	Ratio   string
	Floor   string
	Limit   string // what a measured limit of the machine allows at most in place of Ratio
	Verdict string // Ok, Below or NotMeasured with a reason
	Details []Line // one a shape
}

// What a verdict can be; NotMeasured is followed by the reason.
const (
	Ok          = "ok"
	Below       = "below"
	NotMeasured = "not measured: "
)

// empty is a cell without a value.
const empty = "–"

// worse returns the verdict of two demands on one row: below if either is,
// otherwise the reason why one was not measured.
func worse(a, b string) string {
	if a == Below || b == Below {
		return Below
	}
	if a != Ok {
		return a
	}
	return b
}

// atLeast judges a value; what is not a number is below.
func atLeast(v, floor float64) string {
	if v >= floor {
		return Ok
	}
	return Below
}

// atMost judges a value; what is not a number is below.
func atMost(v, ceiling float64) string {
	if v <= ceiling {
		return Ok
	}
	return Below
}

// writeTable writes the table in Markdown.
func writeTable(w io.Writer, lines []Line, detail bool) error {
	var b strings.Builder
	b.WriteString("| what | threads | ours | best peer | ratio | floor | limit here | verdict |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n")
	write := func(l Line) {
		cells := []string{l.What, l.Threads, l.Ours, l.Peer, l.Ratio, l.Floor, l.Limit, l.Verdict}
		for i := range cells {
			if cells[i] == "" {
				cells[i] = empty
			}
		}
		if l.Verdict == Below {
			cells[len(cells)-1] = "**below**"
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	for _, l := range lines {
		write(l)
		if !detail {
			continue
		}
		for _, d := range l.Details {
			d.What = "· " + d.What
			write(d)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Write prints the table of floors in Markdown with what was measured where;
// detail adds a line for each shape.
func (s *Set) Write(w io.Writer, detail bool) error {
	for _, key := range []string{"cpu", "goversion", "commit", "peers", "path-bf16", "path-bf16x3"} {
		if values := s.config[key]; len(values) > 0 {
			if _, err := fmt.Fprintf(w, "%s: %s\n", key, strings.Join(values, ", ")); err != nil {
				return err
			}
		}
	}
	least, most := s.rounds()
	if _, err := fmt.Fprintf(w, "\nMedians of %s measurements.%s\n\n", between(least, most), fewNote(least)); err != nil {
		return err
	}
	return writeTable(w, s.Table(), detail)
}

// rounds is how often the rows were measured, at least and at most. Memory, which hardly
// varies, does not count.
func (s *Set) rounds() (least, most int) {
	least = math.MaxInt
	for _, r := range s.order {
		if r.who == "torch-malloc" {
			continue
		}
		for _, v := range r.samples {
			least, most = min(least, len(v)), max(most, len(v))
		}
	}
	return min(least, most), most
}

func between(least, most int) string {
	if least == most {
		return fmt.Sprint(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

func fewNote(least int) string {
	if least >= 10 {
		return ""
	}
	return " Fewer than ten prove nothing: no verdict here is to be quoted."
}

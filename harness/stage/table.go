package stage

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// WriteTable prints the stages and what the run took, for the end of a run.
// Columns that nothing filled show a dash.
func WriteTable(w io.Writer, stages []Stage, t Totals) error {
	rows := [][]string{{"stage", "seconds", "time", "calls", "GFLOP", "GFLOP/s", "of peak", "resident"}}
	for _, s := range stages {
		rows = append(rows, []string{
			s.Name, fmt.Sprintf("%.3f", s.Seconds), fmt.Sprintf("%.1f %%", s.PercentTime), fmt.Sprint(s.Calls),
			orDash("%.1f", s.GFLOPs), orDash("%.1f", s.GFLOPPerSecond), orDash("%.1f %%", s.PercentPeak), Bytes(s.RSSBytes),
		})
	}
	untimed := 100 * ratio(t.Untimed, t.Seconds)
	rows = append(rows,
		[]string{"untimed", fmt.Sprintf("%.3f", t.Untimed), fmt.Sprintf("%.1f %%", untimed), "", "", "", "", ""},
		[]string{"total", fmt.Sprintf("%.3f", t.Seconds), "", "", orDash("%.1f", t.GFLOPs), "", "", Bytes(t.PeakRSSBytes)})
	var b strings.Builder
	writeAligned(&b, rows)
	fmt.Fprintf(&b, "peak: %s\n", t.Peak)
	_, err := io.WriteString(w, b.String())
	return err
}

// String says the peak in words.
func (p Peak) String() string {
	if p.GFLOPPerSecond <= 0 {
		return "not measured"
	}
	threads := "threads"
	if p.Threads == 1 {
		threads = "thread"
	}
	of := "f32"
	if p.Of != "" {
		of = p.Of
	}
	return fmt.Sprintf("%.1f GFLOP/s %s (%s, %d %s)", p.GFLOPPerSecond, of, p.ISA, p.Threads, threads)
}

// Bytes writes a size with a binary unit: "812 B", "1.5 MiB", "-" for none.
func Bytes(n int64) string {
	if n <= 0 {
		return "-"
	}
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, units := float64(n)/1024, []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	for len(units) > 1 && v >= 1023.95 {
		v, units = v/1024, units[1:]
	}
	return fmt.Sprintf("%.1f %s", v, units[0])
}

func orDash(format string, v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

// writeAligned pads every column: the first to the left, the others to the right.
func writeAligned(b *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				line.WriteString(cell + pad)
			} else {
				line.WriteString("  " + pad + cell)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

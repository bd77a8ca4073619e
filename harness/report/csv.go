package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"lethe/harness/metric"
)

// WriteMetricsCSV writes one line for each metric of each row:
//
//	mask,set,metric,unit,n,before,before_lo,before_hi,after,after_lo,after_hi,
//	change,change_lo,change_hi,change_kind
//
// Numbers have all their digits; what is unknown is empty.
func WriteMetricsCSV(w io.Writer, m Metrics) error {
	out := csv.NewWriter(w)
	out.Write([]string{"mask", "set", "metric", "unit", "n", "before", "before_lo", "before_hi",
		"after", "after_lo", "after_hi", "change", "change_lo", "change_hi", "change_kind"})
	for _, row := range m.Rows {
		if len(row.Cells) != len(m.Measures) {
			return fmt.Errorf("report: row %s, %s has %d cells, want %d", row.Mask, row.Set, len(row.Cells), len(m.Measures))
		}
		for i, measure := range m.Measures {
			c := row.Cells[i]
			line := []string{row.Mask, string(row.Set), measure.Key, measure.Unit, strconv.Itoa(row.N)}
			line = append(line, summaryFields(c.Before)...)
			line = append(line, summaryFields(c.After)...)
			line = append(line, changeFields(measure, c)...)
			out.Write(line)
		}
	}
	out.Flush()
	return out.Error()
}

func summaryFields(s metric.Summary) []string {
	if s.N == 0 {
		return []string{"", "", ""}
	}
	return []string{number(s.Mean), number(s.Lo), number(s.Hi)}
}

func changeFields(m Measure, c Cell) []string {
	change, ok := m.change(c)
	if !ok {
		return []string{"", "", "", ""}
	}
	kind := "ratio"
	if m.Compare == ByDifference {
		kind = "difference"
	}
	if !change.Known {
		return []string{number(change.Value), "", "", kind}
	}
	return []string{number(change.Value), number(change.Lo), number(change.Hi), kind}
}

// WriteSeriesCSV writes the curves as columns over the values of X that any of
// them has, in ascending order. A curve without that X leaves the field empty;
// a value that is not finite is written as NaN, +Inf or -Inf.
func WriteSeriesCSV(w io.Writer, xName string, series []Series) error {
	var xs []float64
	at := make([]map[float64]float64, len(series))
	header := []string{xName}
	for i, s := range series {
		header = append(header, s.Name)
		at[i] = make(map[float64]float64, s.points())
		for k := range s.points() {
			if math.IsNaN(s.X[k]) {
				return fmt.Errorf("report: series %q: x[%d] is NaN", s.Name, k)
			}
			at[i][s.X[k]] = s.Y[k]
			xs = append(xs, s.X[k])
		}
	}
	slices.Sort(xs)
	out := csv.NewWriter(w)
	out.Write(header)
	for _, x := range slices.Compact(xs) {
		line := []string{number(x)}
		for i := range series {
			if y, ok := at[i][x]; ok {
				line = append(line, number(y))
			} else {
				line = append(line, "")
			}
		}
		out.Write(line)
	}
	out.Flush()
	return out.Error()
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

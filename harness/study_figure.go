package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"lethe/harness/report"
)

// tradeAxis is a number that may stand for the error of a group in the figure: of
// those that every row has, the first is taken.
type tradeAxis struct {
	metric, name string
	of           func(v float64) float64
	worst        float64 // that there can be; 0: no limit
}

// farthest is how much of the way from the original's error on retain images to the
// worst one the figure shows: a method that destroys the model has values that
// leave the others no room.
const farthest = 0.2

var tradeAxes = []tradeAxis{
	{"FID", "FID", func(v float64) float64 { return v }, 0},
	{"ssim", "1 − SSIM", func(v float64) float64 { return 1 - v }, 1},
}

// figure is the error on forget images over that on retain images, a line a method
// and retain set over alpha, beside the original and the retrained model. ok is
// false without the numbers for it.
func (t *studyTable) figure() (f report.TradeOff, ok bool) {
	for _, axis := range tradeAxes {
		retain, forget := t.column("retain", axis.metric), t.column("forget", axis.metric)
		if retain < 0 || forget < 0 {
			continue
		}
		f = report.TradeOff{Title: t.title(), XName: axis.name + " on retain images", YName: axis.name + " on forget images",
			Note: "Means over the seeds; a line joins a method's values of α. Up forgets, left keeps what is to stay; forgetting by retraining gives the marked point."}
		limit := math.Inf(1)
		var outside []string
		for _, r := range t.Rows {
			if r.Stats[retain].N == 0 || r.Stats[forget].N == 0 {
				continue
			}
			x, y := axis.of(r.Stats[retain].Mean), axis.of(r.Stats[forget].Mean)
			if r.Method == rowOriginal && axis.worst > 0 {
				limit = x + farthest*(axis.worst-x)
			}
			if x > limit {
				outside = append(outside, r.name())
				continue
			}
			if !r.method() {
				f.Marks = append(f.Marks, report.TradeMark{Name: r.Method, Retain: x, Forget: y})
				continue
			}
			name, label := r.studyRow, ""
			if name.Alpha = nil; r.Alpha != nil {
				label = fmt.Sprintf("%g", *r.Alpha)
			}
			i := slices.IndexFunc(f.Lines, func(l report.TradeLine) bool { return l.Name == name.name() })
			if i < 0 {
				i, f.Lines = len(f.Lines), append(f.Lines, report.TradeLine{Name: name.name()})
			}
			f.Lines[i].Points = append(f.Lines[i].Points, report.TradePoint{Label: label, Retain: x, Forget: y})
		}
		if len(outside) > 0 {
			f.Note += fmt.Sprintf(" Left out, with an error on retain images beyond %.2f: %s.", limit, strings.Join(outside, "; "))
		}
		return f, len(f.Lines) > 0
	}
	return f, false
}

func (t *studyTable) title() string { return t.Model + ", mask " + t.Mask }

// page is the table for the report's page.
func (t *studyTable) page(title, note string, of func(*studyTableRow) ([]stat, []bool)) report.StudyTable {
	out := report.StudyTable{Title: title, Note: note, Columns: []string{"model"}}
	for _, c := range t.Columns {
		out.Columns = append(out.Columns, c.head())
	}
	for _, r := range t.Rows {
		stats, best := of(r)
		row := report.StudyRow{Name: fmt.Sprintf("%s, n = %d", r.name(), r.seeds())}
		for i, s := range stats {
			row.Cells = append(row.Cells, report.StudyCell{Mean: s.Mean, SD: s.SD, N: s.N, Digits: digits(s.Mean), Bold: best[i]})
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// digits behind the point leave four that matter.
func digits(v float64) int {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 1
	}
	return min(max(3-int(math.Floor(math.Log10(math.Abs(v)))), 0), 8)
}

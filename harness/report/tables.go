package report

import (
	"fmt"
	"html/template"
	"math"

	"lethe/harness/metric"
	"lethe/harness/stage"
)

// numbersView is the metric table as text.
type numbersView struct {
	Shift    template.HTML
	Measures []measureView
	Groups   []maskView
}

type measureView struct {
	Measure
	Head   string   // name and unit
	Parts  []string // sub-columns: before, after, ratio
	Spans  int
	Better string
}

type maskView struct {
	Mask string
	Rows []rowView
}

type rowView struct {
	Set   Set
	Class string
	N     int
	Cells []cellView
}

type cellView struct {
	Text   string
	Spread string // of the interval, "" when not known
	First  bool   // opens the columns of a measure
	Strong bool
}

func newNumbersView(m Metrics) (*numbersView, error) {
	if len(m.Rows) == 0 || len(m.Measures) == 0 {
		return nil, nil
	}
	v := &numbersView{}
	for _, measure := range m.Measures {
		v.Measures = append(v.Measures, newMeasureView(measure))
	}
	for _, row := range m.Rows {
		if len(row.Cells) != len(m.Measures) {
			return nil, fmt.Errorf("report: row %s, %s has %d cells, want %d", row.Mask, row.Set, len(row.Cells), len(m.Measures))
		}
		if n := len(v.Groups); n == 0 || v.Groups[n-1].Mask != row.Mask {
			v.Groups = append(v.Groups, maskView{Mask: row.Mask})
		}
		rv := rowView{Set: row.Set, Class: row.Set.class(), N: row.N}
		for i, measure := range m.Measures {
			rv.Cells = append(rv.Cells, measure.cells(row.Cells[i])...)
		}
		group := &v.Groups[len(v.Groups)-1]
		group.Rows = append(group.Rows, rv)
	}
	v.Shift = m.shiftSVG()
	return v, nil
}

func newMeasureView(m Measure) measureView {
	v := measureView{Measure: m, Head: m.Name}
	if m.Unit != "" {
		v.Head += ", " + m.Unit
	}
	switch m.Compare {
	case ByRatio:
		v.Parts = []string{"before", "after", "ratio"}
	case ByDifference:
		v.Parts = []string{"before", "after", "change"}
	default:
		v.Parts = []string{"after"}
	}
	v.Spans = len(v.Parts)
	if m.Better != "" {
		v.Better = m.Better + " is closer"
	}
	return v
}

// cells are the columns of one measure in one row.
func (m Measure) cells(c Cell) []cellView {
	after := m.summaryCell(c.After)
	if m.Compare == AfterOnly {
		after.First = true
		return []cellView{after}
	}
	before := m.summaryCell(c.Before)
	before.First = true
	change := cellView{Text: "\u2013"}
	if d, ok := m.change(c); ok {
		change = cellView{Text: m.changeText(d.Value), Strong: true}
		if d.Known {
			change.Spread = m.rangeText(d)
		}
	}
	return []cellView{before, after, change}
}

func (m Measure) summaryCell(s metric.Summary) cellView {
	if s.N == 0 {
		return cellView{Text: "\u2013"}
	}
	c := cellView{Text: Fixed(s.Mean, m.Digits)}
	if half := (s.Hi - s.Lo) / 2; s.N > 1 && half > 0 {
		c.Spread = "\u00b1" + Fixed(half, m.Digits)
	}
	return c
}

// timeView is the stage table as text, with the widths of its bars.
type timeView struct {
	Rows   []stageView
	Total  string
	Rest   string // seconds in no stage
	RestPC string
	RestW  string
	GFLOP  string
	Peak   string
	Memory string
	Rated  bool // a stage has GFLOP/s
	Peaked bool // and a percent of peak
}

type stageView struct {
	Name, Seconds, Percent, Calls, GFLOP, Rate, OfPeak, Resident string
	Time, Share                                                  string // bar widths, 0 to 100
}

func newTimeView(stages []stage.Stage, t stage.Totals) *timeView {
	if len(stages) == 0 {
		return nil
	}
	longest := 0.0
	for _, s := range stages {
		longest = math.Max(longest, s.PercentTime)
	}
	rest := 0.0
	if t.Seconds > 0 {
		rest = 100 * t.Untimed / t.Seconds
	}
	longest = math.Max(longest, rest)
	v := &timeView{
		Total: Fixed(t.Seconds, 2), Rest: Fixed(t.Untimed, 2), RestPC: Fixed(rest, 1), RestW: barWidth(rest, longest),
		GFLOP: dash(t.GFLOPs, 1), Peak: t.Peak.String(), Memory: stage.Bytes(t.PeakRSSBytes),
	}
	for _, s := range stages {
		v.Rated = v.Rated || s.GFLOPPerSecond > 0
		v.Peaked = v.Peaked || s.PercentPeak > 0
		sv := stageView{
			Name: s.Name, Seconds: Fixed(s.Seconds, 2), Percent: Fixed(s.PercentTime, 1), Calls: fmt.Sprint(s.Calls),
			GFLOP: dash(s.GFLOPs, 1), Rate: dash(s.GFLOPPerSecond, 1), Resident: stage.Bytes(s.RSSBytes),
			Time: barWidth(s.PercentTime, longest), Share: barWidth(s.PercentPeak, 100),
		}
		if s.PercentPeak > 0 {
			sv.OfPeak = Fixed(s.PercentPeak, 0)
		}
		v.Rows = append(v.Rows, sv)
	}
	return v
}

// barWidth is v of full in percent, at least a sliver for what is above 0.
func barWidth(v, full float64) string {
	if !(v > 0) || !(full > 0) {
		return "0"
	}
	return num(math.Min(100, math.Max(0.5, 100*v/full)))
}

func dash(v float64, digits int) string {
	if v == 0 {
		return "\u2013"
	}
	return Fixed(v, digits)
}

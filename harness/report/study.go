package report

import (
	"fmt"
	"html/template"
	"io"
)

// StudyPage is a report over many runs. Empty parts are left out.
type StudyPage struct {
	Kicker   string
	Title    string
	When     string // as it shall be printed
	Lead     string // what was found, in a sentence
	Warnings []string
	Settings []Setting
	Tables   []StudyTable
	Trades   []TradeOff
	Scatters []Scatter
	Curves   []Chart
	Command  string // reproduces the study
	Machine  []Setting
	Notes    []string
}

// StudyTable is a table of numbers over runs. Columns names the column of row
// names first.
type StudyTable struct {
	Title   string
	Note    string // what the cells are, and their units
	Columns []string
	Rows    []StudyRow
}

// StudyRow is such as a method.
type StudyRow struct {
	Name  string
	Cells []StudyCell // one for each column after the first
}

// StudyCell is a mean over N runs with its standard deviation, both printed with
// Digits behind the point. N = 0 is unknown and shown as a dash; the deviation of
// one run is not shown.
type StudyCell struct {
	Mean, SD float64
	N        int
	Digits   int
	Bold     bool // the best of its column
}

// Text is the mean, "" when it is unknown.
func (c StudyCell) Text() string {
	if c.N == 0 {
		return ""
	}
	return Fixed(c.Mean, c.Digits)
}

// Spread is the deviation, "" when there is none to show.
func (c StudyCell) Spread() string {
	if c.N < 2 {
		return ""
	}
	return "± " + Fixed(c.SD, c.Digits)
}

// studyView is the study ready for the template.
type studyView struct {
	StudyPage
	dress
	Sections []link
	Views    []studyTableView
	Trades   []planeView
	Planes   []planeView
	Charts   []chartView
}

type studyTableView struct {
	StudyTable
	ID string
}

// WriteStudy writes the study as one self-contained HTML page. Nothing is written
// when a row does not have a cell for each column.
func WriteStudy(w io.Writer, p StudyPage) error {
	v := &studyView{
		StudyPage: p, dress: newDress(), Trades: tradeViews(p.Trades), Planes: scatterViews(p.Scatters), Charts: chartViews(p.Curves),
	}
	for i, t := range p.Tables {
		for _, row := range t.Rows {
			if len(row.Cells) != len(t.Columns)-1 {
				return fmt.Errorf("report: study table %q: row %q has %d cells, want %d", t.Title, row.Name, len(row.Cells), len(t.Columns)-1)
			}
		}
		id := "table" + letters(i)
		v.Views = append(v.Views, studyTableView{t, id})
		v.Sections = append(v.Sections, link{id, t.Title})
	}
	for _, l := range []struct {
		link
		has bool
	}{
		{link{"trade", "Retain against forget"}, len(v.Trades) > 0},
		{link{"planes", "Where the images lie"}, len(v.Planes) > 0},
		{link{"curves", "Curves"}, len(v.Charts) > 0},
		{link{"asked", "What was asked"}, len(p.Settings) > 0},
		{link{"again", "Run it again"}, p.Command != "" || len(p.Machine) > 0},
	} {
		if l.has {
			v.Sections = append(v.Sections, l.link)
		}
	}
	return fillTemplate(w, studyText, v)
}

// letters numbers from a to z, then aa, ab, ...
func letters(i int) string {
	if i < 26 {
		return string(rune('a' + i))
	}
	return letters(i/26-1) + letters(i%26)
}

// planeView is a scatter or a trade-off.
type planeView struct {
	Title, Note string
	Picture     template.HTML
	Legend      []keyView
	Table       [][4]string
}

type keyView struct{ Name, Class, Marker string }

func scatterViews(all []Scatter) []planeView {
	var out []planeView
	for _, s := range all {
		v := planeView{Title: s.Title, Note: s.Note, Picture: s.SVG()}
		for i, c := range s.Clouds {
			class := "point " + c.Set.class()
			if c.Set == "" {
				class = fmt.Sprintf("point s%d", i%6)
			}
			if c.Hollow {
				class += " open"
			}
			v.Legend = append(v.Legend, keyView{c.Name, class, markerPath(c.shape(i), 7, 7)})
		}
		out = append(out, v)
	}
	return out
}

func tradeViews(all []TradeOff) []planeView {
	var out []planeView
	for _, t := range all {
		v := planeView{Title: t.Title, Note: t.Note, Picture: t.SVG()}
		row := func(name, label string, retain, forget float64) {
			v.Table = append(v.Table, [4]string{name, label, tickText(round(retain, 4)), tickText(round(forget, 4))})
		}
		for i, l := range t.Lines {
			v.Legend = append(v.Legend, keyView{l.Name, fmt.Sprintf("point s%d", (i+1)%6), markerPath(i%5, 7, 7)})
			for _, p := range l.Points {
				row(l.Name, p.Label, p.Retain, p.Forget)
			}
		}
		for i, m := range t.Marks {
			v.Legend = append(v.Legend, keyView{m.Name, "point mark-own", markerPath(5+i%2, 7, 7)})
			row(m.Name, "", m.Retain, m.Forget)
		}
		out = append(out, v)
	}
	return out
}

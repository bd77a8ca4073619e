package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for the page and its style
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleText string

//go:embed parts.html
var partsText string

//go:embed study.html
var studyText string

//go:embed script.js
var scriptText string

// Write writes the page as HTML. Nothing is written when a part of the page is
// inconsistent: a grid with pictures of different sizes, a row with a cell too few.
func Write(w io.Writer, p Page) error {
	v, err := newView(p)
	if err != nil {
		return err
	}
	return fillTemplate(w, pageText, v)
}

// fillTemplate writes a template with the shared parts, wholly or not at all.
func fillTemplate(w io.Writer, text string, v any) error {
	t, err := template.New("page").Parse(partsText)
	if err == nil {
		t, err = t.Parse(text)
	}
	if err != nil {
		return fmt.Errorf("report: parsing the page: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, v); err != nil {
		return fmt.Errorf("report: filling the page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// dress is the style and the script, which the page allows by its hash alone.
type dress struct {
	Style      template.CSS
	Script     template.JS
	ScriptHash string
}

func newDress() dress {
	sum := sha256.Sum256([]byte(scriptText))
	return dress{template.CSS(styleText), template.JS(scriptText), "sha256-" + base64.StdEncoding.EncodeToString(sum[:])}
}

// view is the page as text, ready for the template.
type view struct {
	Page
	dress
	Sections []link
	Panels   []panelView
	Charts   []chartView
	Planes   []planeView
	Numbers  *numbersView
	Time     *timeView
	Flame    template.HTML
	OpTable  []opView
}

// opView is a row of the ops behind the flame bar.
type opView struct {
	Stage, Name, Seconds string
	Calls                int64
}

type link struct{ ID, Name string }

type panelView struct {
	Mask, Note string
	Grids      []gridView
}

type gridView struct {
	Set           Set
	Class         string
	Title         string
	Columns       []string
	Labels        []string
	URL           template.URL
	Alt           string
	Width, Height int
	Pixelated     bool
}

type chartView struct {
	Chart
	Picture template.HTML
	Legend  []legendView
	Note    string
}

type legendView struct{ Name, Class string }

func newView(p Page) (*view, error) {
	v := &view{Page: p, dress: newDress()}
	if v.Shows == "" {
		v.Shows = "What was forgotten"
	}
	for _, panel := range p.Pictures {
		pv := panelView{Mask: panel.Mask, Note: panel.Note}
		for _, g := range panel.Grids {
			gv, err := newGridView(panel.Mask, g)
			if err != nil {
				return nil, err
			}
			pv.Grids = append(pv.Grids, gv)
		}
		v.Panels = append(v.Panels, pv)
	}
	v.Charts = chartViews(p.Curves)
	v.Planes = append(scatterViews(p.Scatters), tradeViews(p.Trades)...)
	v.Flame = flameSVG(p.Stages, p.Totals, p.Ops)
	for _, s := range p.Stages {
		for _, op := range p.Ops[s.Name] {
			v.OpTable = append(v.OpTable, opView{s.Name, op.Name, Fixed(op.Seconds, 3), op.Calls})
		}
	}
	var err error
	if v.Numbers, err = newNumbersView(p.Metrics); err != nil {
		return nil, err
	}
	v.Time = newTimeView(p.Stages, p.Totals)
	v.Sections = v.links()
	return v, nil
}

// links are the sections that the page has, in order.
func (v *view) links() []link {
	all := []struct {
		link
		has bool
	}{
		{link{"pictures", v.Shows}, len(v.Panels) > 0},
		{link{"curves", "Training"}, len(v.Charts) > 0},
		{link{"numbers", "Numbers"}, v.Numbers != nil},
		{link{"sets", "Sets"}, len(v.Sets) > 0},
		{link{"planes", "Where the images lie"}, len(v.Planes) > 0},
		{link{"audits", "Audits"}, len(v.Audits) > 0},
		{link{"time", "Time and memory"}, v.Time != nil},
		{link{"asked", "What was asked"}, len(v.Asked) > 0 || len(v.Data) > 0},
		{link{"again", "Run it again"}, v.Command != "" || len(v.Machine) > 0},
	}
	var out []link
	for _, l := range all {
		if l.has {
			out = append(out, l.link)
		}
	}
	return out
}

func chartViews(charts []Chart) []chartView {
	var out []chartView
	for _, c := range charts {
		cv := chartView{Chart: c, Picture: c.SVG(), Note: c.windowNote()}
		for i, s := range c.Series {
			cv.Legend = append(cv.Legend, legendView{s.Name, s.class(i)})
		}
		out = append(out, cv)
	}
	return out
}

func newGridView(mask string, g Grid) (gridView, error) {
	data, w, h, err := g.sheet()
	if err != nil {
		return gridView{}, err
	}
	gv := gridView{
		Set: g.Set, Class: g.Set.class(), Title: g.Title, Columns: g.Columns, Width: w, Height: h,
		URL:       template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(data)),
		Pixelated: g.Rows[0].Pictures[0].W < sheetSize,
	}
	if gv.Title == "" {
		gv.Title = string(g.Set)
	}
	for _, row := range g.Rows {
		gv.Labels = append(gv.Labels, row.Label)
	}
	gv.Alt = fmt.Sprintf("%s, %s: %d samples in rows (%s), each as %s.", gv.Title, mask,
		len(g.Rows), strings.Join(gv.Labels, ", "), strings.Join(g.Columns, ", "))
	return gv, nil
}

package report

import (
	"bytes"
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

// Write writes the page as HTML. Nothing is written when a part of the page is
// inconsistent: a grid with pictures of different sizes, a row with a cell too few.
func Write(w io.Writer, p Page) error {
	v, err := newView(p)
	if err != nil {
		return err
	}
	t, err := template.New("page").Parse(pageText)
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

// view is the page as text, ready for the template.
type view struct {
	Page
	Style    template.CSS
	Sections []link
	Panels   []panelView
	Charts   []chartView
	Numbers  *numbersView
	Time     *timeView
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
	v := &view{Page: p, Style: template.CSS(styleText)}
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
	for _, c := range p.Curves {
		cv := chartView{Chart: c, Picture: c.SVG(), Note: c.windowNote()}
		for i, s := range c.Series {
			cv.Legend = append(cv.Legend, legendView{s.Name, s.class(i)})
		}
		v.Charts = append(v.Charts, cv)
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
		{link{"asked", "What was asked"}, len(v.Asked) > 0 || len(v.Data) > 0},
		{link{"pictures", v.Shows}, len(v.Panels) > 0},
		{link{"curves", "Training"}, len(v.Charts) > 0},
		{link{"numbers", "Numbers"}, v.Numbers != nil},
		{link{"time", "Time and memory"}, v.Time != nil},
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

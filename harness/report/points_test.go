package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// Points that are not finite are left out, and nothing at all says so.
func TestPlanesLeaveOutWhatIsNotFinite(t *testing.T) {
	s := Scatter{Clouds: []Cloud{{Name: "a", Set: Retain, Points: []Point{{1, 2}, {nan, 1}, {3, inf}, {2, 5}}}}}
	if svg := string(s.SVG()); strings.Count(svg, `class="point `) != 2 || strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Errorf("want two points and no NaN in\n%s", svg)
	}
	trade := TradeOff{Lines: []TradeLine{{"m", []TradePoint{{"1", nan, 1}, {"2", 1, 2}}}}, Marks: []TradeMark{{"original", inf, 1}}}
	if svg := string(trade.SVG()); strings.Count(svg, "<title>") != 1 || strings.Contains(svg, `d="NaN`) {
		t.Errorf("want one point in\n%s", svg)
	}
	for _, svg := range []string{string(Scatter{}.SVG()), string(TradeOff{}.SVG())} {
		if !strings.Contains(svg, "no finite value") {
			t.Errorf("an empty plane does not say so:\n%s", svg)
		}
	}
}

// The four clouds of two sets differ in colour, shape and filling.
func TestCloudsStayApart(t *testing.T) {
	svg := string(fixture().Scatters[0].SVG())
	for _, want := range []string{`class="point open retain"`, `class="point retain"`, `class="point open forget"`, `class="point forget"`} {
		if n := strings.Count(svg, want); n != 50 {
			t.Errorf("%d points are %s, want 50", n, want)
		}
	}
}

func TestStudy(t *testing.T) {
	var b bytes.Buffer
	p := fixtureStudy()
	if err := WriteStudy(&b, p); err != nil {
		t.Fatal(err)
	}
	page := withoutScript(t, b.String())
	for _, want := range []string{"<td class=\"n strong\">0.188 <small>± 0.009</small></td>", "<td class=\"n\">–</td>", `href="#tablea"`, "oracle"} {
		if !strings.Contains(page, want) {
			t.Errorf("the study lacks %q", want)
		}
	}
	for _, word := range []string{"<script", "http:", "https:", "url("} {
		if strings.Contains(page, word) {
			t.Errorf("the study holds %q", word)
		}
	}
	p.Tables[0].Rows[1].Cells = p.Tables[0].Rows[1].Cells[:1]
	b.Reset()
	if err := WriteStudy(&b, p); err == nil || b.Len() > 0 {
		t.Errorf("a row with a cell too few: error %v and %d bytes, want an error and none", err, b.Len())
	}
	b.Reset()
	if err := WriteStudy(&b, StudyPage{Title: "nothing yet"}); err != nil || strings.Contains(b.String(), "<section") {
		t.Errorf("an empty study: error %v, or it shows sections", err)
	}
}

// TestTradeOffFile: the trade-off alone is XML, names its lines and marks, and has
// no value that is not a number.
func TestTradeOffFile(t *testing.T) {
	trade := fixtureTradeOff()
	trade.Title = "a < b"
	text := trade.File()
	dec := xml.NewDecoder(bytes.NewReader(text))
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"a &lt; b", trade.Lines[0].Name, trade.Marks[0].Name, "<style>"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the file lacks %q", want)
		}
	}
	if strings.Contains(string(text), "NaN") {
		t.Error("the file has a NaN")
	}
}

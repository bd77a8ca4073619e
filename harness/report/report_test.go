package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"html"
	"image"
	"image/png"
	"os"
	"regexp"
	"strings"
	"testing"

	"lethe/harness/metric"
)

var (
	pageOut = flag.String("page", "", "write the page of the fixture to this file, to look at it")
	update  = flag.Bool("update", false, "rewrite the golden page")
)

const goldenPage = "testdata/page.golden.html"

var dataURI = regexp.MustCompile(`data:image/png;base64,([A-Za-z0-9+/=]+)`)

func render(t *testing.T, p Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The page, with each picture replaced by a hash of its pixels: how PNG packs
// them may change with the Go release, what it shows may not.
func TestPageMatchesGolden(t *testing.T) {
	page := render(t, fixture())
	if *pageOut != "" {
		if err := os.WriteFile(*pageOut, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if again := render(t, fixture()); again != page {
		t.Error("the same page gave different bytes")
	}
	if again := strings.Replace(page, styleText, "", 1); len(again) == len(page) {
		t.Error("the page does not hold its style")
	} else {
		page = again
	}
	page = strings.Replace(page, scriptText, "", 1)
	page = html.UnescapeString(page)
	got := dataURI.ReplaceAllStringFunc(page, func(uri string) string { return "pixels:" + pixelHash(t, uri) })
	if *update {
		if err := os.WriteFile(goldenPage, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenPage)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the page differs from %s, first at %q; look at it with -args -page FILE, then -args -update", goldenPage, firstDifference(got, string(want)))
	}
}

func pixelHash(t *testing.T, uri string) string {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(dataURI.FindStringSubmatch(uri)[1])
	if err != nil {
		t.Fatal(err)
	}
	m := decode(t, data)
	sum := sha256.New()
	fmt.Fprint(sum, m.Bounds())
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			fmt.Fprintln(sum, m.At(x, y))
		}
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:8])
}

func firstDifference(a, b string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[max(0, i-30):min(len(a), i+30)]
		}
	}
	return "the end of the shorter one"
}

// No network and no script but the one of the page, whatever is in it.
func TestPageIsSelfContained(t *testing.T) {
	page := withoutScript(t, render(t, fixture()))
	for _, word := range []string{"<script", "http:", "https:", "//cdn", "@import", "<link", "url(", "javascript:", "onload"} {
		if strings.Contains(page, word) {
			t.Errorf("the page holds %q", word)
		}
	}
	sources := regexp.MustCompile(`src="([^"]{0,22})`).FindAllStringSubmatch(page, -1)
	if len(sources) != 6 {
		t.Errorf("%d pictures, want 6", len(sources))
	}
	for _, s := range sources {
		if s[1] != "data:image/png;base64," {
			t.Errorf("a picture comes from %q", s[1])
		}
	}
}

// withoutScript takes the page's own script out, which must be there once.
func withoutScript(t *testing.T, page string) string {
	t.Helper()
	for _, word := range []string{"http", "//cdn", "fetch", "XMLHttpRequest", "import", "eval", "innerHTML"} {
		if strings.Contains(scriptText, word) {
			t.Errorf("the script holds %q", word)
		}
	}
	script := "<script>" + scriptText + "</script>"
	if n := strings.Count(page, script); n != 1 {
		t.Errorf("the page's script is there %d times, want once", n)
	}
	return strings.Replace(page, script, "", 1)
}

func TestPageIsAccessible(t *testing.T) {
	page := render(t, fixture())
	for tag, need := range map[string]*regexp.Regexp{
		"img": regexp.MustCompile(` alt="[^"]{20,}"`),
		"th":  regexp.MustCompile(` scope="(col|colgroup|row|rowgroup)"`),
		"svg": regexp.MustCompile(` (role="img" aria-label="[^"]{20,}"|aria-hidden="true")`),
	} {
		tags := regexp.MustCompile(`<`+tag+`[ >][^>]*>?`).FindAllString(page, -1)
		if len(tags) == 0 {
			t.Errorf("the page has no <%s>", tag)
		}
		for _, found := range tags {
			if !need.MatchString(found) {
				t.Errorf("%.120s lacks what %v asks", found, need)
			}
		}
	}
	for _, anchor := range regexp.MustCompile(`href="#([a-z]+)"`).FindAllStringSubmatch(page, -1) {
		if strings.Count(page, `id="`+anchor[1]+`"`) != 1 {
			t.Errorf("the link to #%s has no one target", anchor[1])
		}
	}
}

// File names and classes come from the outside.
func TestPageEscapes(t *testing.T) {
	const evil = `</style><script>alert("x")</script><img src=x onerror=y>`
	p := fixture()
	p.Title, p.Kicker, p.When, p.Command = evil, evil, evil, evil
	p.Verdict = Verdict{Sentence: evil, Figures: []Figure{{Set: evil, Label: evil, Value: evil, Note: evil, Goal: evil}}}
	p.Warnings, p.Notes = []string{evil}, []string{evil}
	p.Asked, p.Machine = []Setting{{evil, evil, evil}}, []Setting{{evil, evil, evil}}
	p.Data = []Group{{Set(evil), 1, []string{evil}, evil, evil}}
	p.Pictures[0].Mask, p.Pictures[0].Note = evil, evil
	p.Pictures[0].Grids[0].Columns[0], p.Pictures[0].Grids[0].Rows[0].Label, p.Pictures[0].Grids[0].Title = evil, evil, evil
	p.Curves[0].Title, p.Curves[0].XName, p.Curves[0].Series[0].Name, p.Curves[0].Series[0].Set = evil, evil, evil, evil
	p.Metrics.Rows[0].Mask, p.Metrics.Rows[0].Set, p.Metrics.Measures[0].Name = evil, evil, evil
	p.Stages[0].Name = evil
	page := withoutScript(t, render(t, p))
	if n := strings.Count(page, "<script"); n != 0 {
		t.Errorf("%d scripts came through", n)
	}
	if n := strings.Count(page, "<img src=x"); n != 0 {
		t.Errorf("%d pictures came through", n)
	}
	if n := strings.Count(page, "&lt;script"); n < 30 {
		t.Errorf("%d places show the text, want at least 30", n)
	}
}

func TestEmptyPage(t *testing.T) {
	page := render(t, Page{Title: "nothing yet"})
	if !strings.Contains(page, "<h1>nothing yet</h1>") || strings.Contains(page, "<section") || strings.Contains(page, "<nav") {
		t.Errorf("an empty page shows sections:\n%s", page[strings.Index(page, "<body>"):])
	}
}

func TestWriteRefusesWhatDoesNotFit(t *testing.T) {
	for name, spoil := range map[string]func(*Page){
		"a row with a cell too few":  func(p *Page) { p.Metrics.Rows[2].Cells = p.Metrics.Rows[2].Cells[:3] },
		"a grid without rows":        func(p *Page) { p.Pictures[1].Grids[0].Rows = nil },
		"a grid with a picture less": func(p *Page) { p.Pictures[1].Grids[0].Rows[0].Pictures = p.Pictures[1].Grids[0].Rows[0].Pictures[1:] },
		"a picture of another size":  func(p *Page) { p.Pictures[1].Grids[0].Rows[0].Pictures[1] = Picture{W: 1, H: 1, Pix: make([]uint8, 3)} },
		"a picture cut short":        func(p *Page) { p.Pictures[1].Grids[0].Rows[0].Pictures[0].Pix = make([]uint8, 7) },
	} {
		p := fixture()
		spoil(&p)
		var b bytes.Buffer
		if err := Write(&b, p); err == nil || b.Len() > 0 {
			t.Errorf("%s: error %v and %d bytes, want an error and none", name, err, b.Len())
		}
	}
}

type full struct{}

var errFull = errors.New("disk full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrorsComeBack(t *testing.T) {
	if err := Write(full{}, Page{}); !errors.Is(err, errFull) {
		t.Errorf("error is %v, want %v", err, errFull)
	}
	if err := WriteMetricsCSV(full{}, fixtureMetrics()); !errors.Is(err, errFull) {
		t.Errorf("error is %v, want %v", err, errFull)
	}
	if err := WriteSeriesCSV(full{}, "step", nil); !errors.Is(err, errFull) {
		t.Errorf("error is %v, want %v", err, errFull)
	}
}

func TestMetricsCSV(t *testing.T) {
	m := Metrics{Measures: []Measure{Measures()[0], Measures()[1], Measures()[3]}, Rows: []Row{{
		Mask: `centre 4×4, "wide"`, Set: Forget, N: 7, Cells: []Cell{
			{Before: metric.Summary{N: 7, Mean: 0.125, Lo: 0.1, Hi: 0.2}, After: metric.Summary{N: 7, Mean: 0.5, Lo: 0.4, Hi: 0.6}, Change: Change{4, 3.5, 4.5, true}},
			{Before: metric.Summary{N: 7, Mean: 20, Lo: 19, Hi: 21}, After: metric.Summary{N: 7, Mean: 18.5, Lo: 18, Hi: 19}},
			{After: metric.Summary{N: 7, Mean: 0.25, Lo: 0.25, Hi: 0.25}},
		}}}}
	const want = `mask,set,metric,unit,n,before,before_lo,before_hi,after,after_lo,after_hi,change,change_lo,change_hi,change_kind
"centre 4×4, ""wide""",forget,hole_mse,,7,0.125,0.1,0.2,0.5,0.4,0.6,4,3.5,4.5,ratio
"centre 4×4, ""wide""",forget,psnr,dB,7,20,19,21,18.5,18,19,-1.5,,,difference
"centre 4×4, ""wide""",forget,encoder_rms,,7,,,,0.25,0.25,0.25,,,,
`
	var b strings.Builder
	if err := WriteMetricsCSV(&b, m); err != nil || b.String() != want {
		t.Errorf("error %v, CSV is\n%s\nwant\n%s", err, b.String(), want)
	}
	m.Rows[0].Cells = nil
	if err := WriteMetricsCSV(&b, m); err == nil {
		t.Error("a row without cells gave no error")
	}
}

func decode(t *testing.T, data []byte) image.Image {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

package report

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

func TestScatter(t *testing.T) {
	s := Scatter{Title: "a < b", Notes: []string{"n", "m"}, Clouds: []Cloud{
		{Name: "kept & more", X: []float64{0, 1, math.NaN()}, Y: []float64{0, 2, 1}},
		{Name: "forgotten", X: []float64{-4}, Y: []float64{-1}},
	}}
	text := string(s.File())
	dec := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"a &lt; b", "kept &amp; more", "forgotten", `class="dot s1"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the picture lacks %q", want)
		}
	}
	if strings.Contains(text, "NaN") || strings.Count(text, markers[0]) != 3 { // the key and two points
		t.Errorf("want two discs beside the key's, and no NaN: %s", text)
	}
	place := s.place(640, 92, 16)
	if x, _ := place(-4, -1); math.Abs(x-24) > 1e-9 {
		t.Errorf("the leftmost point lies at %v, want 24", x)
	}
	if x, y := (Scatter{Clouds: []Cloud{{X: []float64{3}, Y: []float64{3}}}}).place(640, 92, 16)(3, 3); x != 320 || y != 408 {
		t.Errorf("a single point lies at %v, %v, want the middle", x, y)
	}
	if len(Scatter{}.File()) == 0 {
		t.Error("no picture without points")
	}
}

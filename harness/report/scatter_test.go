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
	s := Scatter{Title: "a < b", Note: "n\nm", Clouds: []Cloud{
		{Name: "kept & more", Points: []Point{{0, 0}, {1, 2}, {math.NaN(), 1}}},
		{Name: "forgotten", Hollow: true, Points: []Point{{-4, -1}}},
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
	for _, want := range []string{"a &lt; b", "kept &amp; more", "forgotten", `class="dot open s1"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the picture lacks %q", want)
		}
	}
	disc := markerPath(0, 0, 0)[len("M0 0"):]
	if strings.Contains(text, "NaN") || strings.Count(text, disc) != 3 { // the key and two points
		t.Errorf("want two discs beside the key's, and no NaN: %s", text)
	}
	if xs, ys := sameScale(span{-4, 1, true}, span{-1, 2, true}, 2); xs != (span{-4.5, 1.5, true}) || ys != (span{-1, 2, true}) {
		t.Errorf("spans are %v and %v, want twice as wide as high", xs, ys)
	}
	if xs, ys := sameScale(span{3, 3, true}, span{5, 5, true}, 1); xs.hi-xs.lo != 2 || ys.hi-ys.lo != 2 {
		t.Errorf("a single point has the spans %v and %v, want it in the middle of 2", xs, ys)
	}
	if len(Scatter{}.File()) == 0 {
		t.Error("no picture without points")
	}
}

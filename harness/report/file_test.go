package report

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestChartFile: a file of its own is well-formed, names each curve once, gives one
// colour to curves of one name, and carries what it needs to be drawn.
func TestChartFile(t *testing.T) {
	x := []float64{0, 1, 2}
	c := Chart{Title: "a < b", Series: []Series{{Name: "f32", X: x, Y: []float64{3, 2, 1}}, {Name: "bf16", X: x, Y: []float64{3, 2, 2}}, {Name: "f32", X: x, Y: []float64{4, 2, 1}}}}
	text := string(c.File())
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for want, n := range map[string]int{">f32<": 1, ">bf16<": 1, ">a &lt; b<": 1, `class="line s0"`: 3, `class="line s1"`: 2, "xmlns=": 1, "prefers-color-scheme": 1, "http": 1} {
		if got := strings.Count(text, want); got != n {
			t.Errorf("%q is there %d times, want %d", want, got, n)
		}
	}
}

package layers

import (
	"fmt"
	"math"
	"testing"
)

// The sums and norms are those of the reference's tables for a grid of 14x14.
func TestSinCos2DMatchesReference(t *testing.T) {
	for _, row := range []struct {
		width     int
		sum, norm float64
	}{
		{768, 69594.493859, 274.342851},
		{1024, 92849.197918, 316.783838},
		{512, 46340.333103, 224.0},
	} {
		t.Run(fmt.Sprint(row.width), func(t *testing.T) {
			table := make([]float32, 197*row.width)
			SinCos2D(table, 14, row.width)
			var sum, squares float64
			for _, v := range table {
				sum += float64(v)
				squares += float64(v) * float64(v)
			}
			// Each of the 197*width entries is rounded to float32: at most 2^-25 off.
			tol := float64(len(table)) * 0x1p-25
			if !(math.Abs(sum-row.sum) <= tol) {
				t.Errorf("sum is %.6f, want %.6f", sum, row.sum)
			}
			if !(math.Abs(math.Sqrt(squares)-row.norm) <= 1e-5) {
				t.Errorf("norm is %.6f, want %.6f", math.Sqrt(squares), row.norm)
			}
			at := func(r, c int) float64 { return float64(table[r*row.width+c]) }
			d := row.width
			for _, e := range []struct {
				row, col int
				want     float64
			}{
				{0, 0, 0}, {0, d - 1, 0}, // class token
				{2, 0, 0.841471}, {2, d / 4, 0.5403023}, {2, d / 2, 0}, // x = 1, y = 0
				{15, d / 2, 0.841471}, {15, 0, 0}, // x = 0, y = 1
			} {
				if !(math.Abs(at(e.row, e.col)-e.want) <= 1e-6) {
					t.Errorf("entry [%d,%d] is %v, want %v", e.row, e.col, at(e.row, e.col), e.want)
				}
			}
		})
	}
}

func TestSinCos2DRejects(t *testing.T) {
	for _, row := range []struct{ len, side, width int }{
		{2 * 6, 1, 6}, // width is no multiple of 4
		{0, 1, 0},     // no width
		{15, 1, 8},    // short by one
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("side %d, width %d, %d values: did not panic", row.side, row.width, row.len)
				}
			}()
			SinCos2D(make([]float32, row.len), row.side, row.width)
		}()
	}
}

package kernels

import (
	"fmt"
	"math"
	"testing"

	"lethe/kernels/kerneltest"
	"lethe/kernels/ref"
)

// TestCrossEntropyMatchesRef. A row's exponentials are good to an ulp and added in
// float32, C of them; the loss takes the logarithm of their sum and float64
// otherwise, and the largest logit enters exactly.
func TestCrossEntropyMatchesRef(t *testing.T) {
	suite := kerneltest.New(t)
	for _, row := range []struct {
		rows, cols, classes int
		smoothing           float32
		spread              float32
	}{{1, 1, 1, 0, 1}, {3, 5, 5, 0, 1}, {7, 40, 33, 0.1, 4}, {300, 130, 100, 0.1, 1}, {4, 20, 20, 0.1, 1e4}, {0, 4, 4, 0, 1}} {
		suite.Run(fmt.Sprintf("%+v", row), func(c *kerneltest.Case) {
			x, dx := randomMat(c, row.rows, row.cols, 3), emptyMat(c, row.rows, row.cols, 1)
			a := CrossEntropyArgs{Weights: c.Input(row.rows, 0), Smoothing: row.smoothing, Classes: row.classes}
			want, bound := 0.0, 0.0
			for r := range row.rows {
				Scale(x.Row(r), row.spread, x.Row(r))
				Fill(x.Row(r)[row.classes:], float32(math.NaN())) // no classes
				a.Targets = append(a.Targets, int32(c.Rand.IntN(row.classes)))
				if r%4 == 1 {
					a.Weights[r] = 0
					a.Targets[r] = 1 << 20 // not looked at
					continue
				}
				w := float64(a.Weights[r])
				want += w * ref.CrossEntropy(x.Row(r)[:row.classes], int(a.Targets[r]), float64(row.smoothing))
				bound += math.Abs(w) * kerneltest.Bound(row.classes+8, 1)
			}
			if got := CrossEntropy(x, a); !(math.Abs(got-want) <= bound+1e-12*float64(row.spread)) {
				c.Fail("the loss is %g, want %g within %g", got, want, bound)
			}
			CrossEntropyGrad(dx, x, -2, a)
			inPlace := MatOf(append([]float32(nil), contiguous(x)...), row.rows, row.cols)
			CrossEntropyGrad(inPlace, inPlace, -2, a)
			c.Same("dx in place of x", inPlace.Data, contiguous(dx))
			for r := range row.rows {
				var logp []float64
				if a.Weights[r] != 0 {
					logp = ref.LogSoftmax(x.Row(r)[:row.classes])
				}
				for k, got := range dx.Row(r) {
					exact := 0.0
					if k < len(logp) {
						exact = math.Exp(logp[k]) - float64(row.smoothing)/float64(row.classes)
						if k == int(a.Targets[r]) {
							exact -= 1 - float64(row.smoothing)
						}
						exact *= -2 * float64(a.Weights[r])
					}
					// The scaled logit is exact; its difference to the largest rounds.
					c.Near("dx", r*row.cols+k, got, exact, 2*math.Abs(float64(a.Weights[r]))*(kerneltest.Bound(row.classes+12, 1)+float64(row.spread)*unit))
				}
			}
		})
	}
}

// A masked class is no trouble without smoothing; large logits are none at all.
func TestCrossEntropyOfExtremes(t *testing.T) {
	inf := float32(math.Inf(-1))
	x := MatOf([]float32{0, inf, 0}, 1, 3)
	if got := CrossEntropy(x, CrossEntropyArgs{Classes: 3, Targets: []int32{2}, Weights: []float32{1}}); !(math.Abs(got-math.Ln2) <= 4*unit) {
		t.Errorf("loss beside a masked class is %g, want log 2", got)
	}
	large := MatOf([]float32{1e30, 1e30}, 1, 2)
	if got := CrossEntropy(large, CrossEntropyArgs{Classes: 2, Targets: []int32{0}, Weights: []float32{1}}); got != 0 { // 1e30+log(2) is 1e30
		t.Errorf("loss of large logits is %g, want 0", got)
	}
}

func TestCrossEntropyPanics(t *testing.T) {
	x, w := MatOf(make([]float32, 6), 2, 3), []float32{1, 1}
	wantPanic(t, "kernels: CrossEntropy: a target is 2, want between 0 and 1", func() { CrossEntropy(x, CrossEntropyArgs{Targets: []int32{0, 2}, Weights: w, Classes: 2}) })
	wantPanic(t, "kernels: CrossEntropy: x.Cols is 3, want at least 4", func() { CrossEntropy(x, CrossEntropyArgs{Targets: []int32{0, 2}, Weights: w, Classes: 4}) })
	wantPanic(t, "kernels: CrossEntropyGrad: len(Weights) is 1, want at least 2", func() {
		CrossEntropyGrad(x, x, 1, CrossEntropyArgs{Targets: []int32{0, 2}, Weights: w[:1], Classes: 3})
	})
}

// TestNearestRow against a search in float64: another row may only be taken where
// it is as near within the rounding of the formula.
func TestNearestRow(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range [][3]int{{1, 1, 1}, {9, 5, 3}, {300, 512, 128}, {1100, 1024, 16}} {
		suite.Run(fmt.Sprint(s), func(c *kerneltest.Case) {
			rows, codes, width := s[0], s[1], s[2]
			x, table := randomMat(c, rows, width, 1), randomMat(c, codes, width, 0)
			idx := make([]int32, rows)
			NearestRow(idx, x, table)
			distance := func(r, code int) (d, size float64) {
				for k, v := range x.Row(r) {
					e := float64(v) - float64(table.Row(code)[k])
					d += e * e
					size += math.Abs(float64(v)*float64(table.Row(code)[k]))*2 + float64(v)*float64(v) + float64(table.Row(code)[k])*float64(table.Row(code)[k])
				}
				return d, size
			}
			for r := range rows {
				got, size := distance(r, int(idx[r]))
				for code := range codes {
					if d, other := distance(r, code); got > d+kerneltest.Bound(width+6, size)+kerneltest.Bound(width+6, other) {
						c.Fail("row %d: code %d is at %g, code %d at %g", r, idx[r], got, code, d)
					}
				}
			}
		})
	}
}

// TestCrossEntropyOfLargeLogits against hand values: nothing overflows, and what is
// certain costs 0 or the whole distance.
func TestCrossEntropyOfLargeLogits(t *testing.T) {
	suite := kerneltest.New(t)
	for _, row := range []struct {
		target    int32
		smoothing float32
		want      float64
	}{
		{0, 0, 0},
		{1, 0, 1e4},
		{2, 0, 2e4},
		{0, 0.1, float64(float32(0.1)) * 3e4 / 3}, // the mean distance is 1e4
	} {
		suite.Run(fmt.Sprintf("%+v", row), func(c *kerneltest.Case) {
			x, dx := MatOf([]float32{1e4, 0, -1e4}, 1, 3), emptyMat(c, 1, 3, 0)
			a := CrossEntropyArgs{Targets: []int32{row.target}, Weights: []float32{1}, Smoothing: row.smoothing, Classes: 3}
			if got := CrossEntropy(x, a); !(math.Abs(got-row.want) <= 1e-12*row.want) {
				c.Fail("the loss is %g, want %g", got, row.want)
			}
			CrossEntropyGrad(dx, x, 1, a)
			for k, p := range []float64{1, 0, 0} {
				want := p - float64(row.smoothing)/3
				if k == int(row.target) {
					want -= 1 - float64(row.smoothing)
				}
				c.Near("dx", k, dx.Data[k], want, 4*unit)
			}
		})
	}
}

// TestNearestRowTakesTheFirst: every row of the table is there twice, the second time
// at another place in the tiles of the product.
func TestNearestRowTakesTheFirst(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range [][3]int{{40, 3, 5}, {33, 37, 16}, {200, 515, 64}, {2500, 421, 3}} {
		suite.Run(fmt.Sprint(s), func(c *kerneltest.Case) {
			rows, half, width := s[0], s[1], s[2]
			x, table := randomMat(c, rows, width, 1), randomMat(c, 2*half, width, 0)
			for code := range half {
				copy(table.Row(half+code), table.Row(code))
			}
			copy(x.Row(rows-1), table.Row(half-1))
			x.Row(0)[0] = float32(math.NaN())
			idx := make([]int32, rows)
			NearestRow(idx, x, table)
			for r, code := range idx {
				if code < 0 || int(code) >= half {
					c.Fail("row %d: code %d, not the first of two", r, code)
				}
			}
			if idx[0] != 0 {
				c.Fail("a row with NaN has code %d, want 0", idx[0])
			}
		})
	}
}

// TestNearestRowTies: of equal rows the first, and 0 for a row with NaN.
func TestNearestRowTies(t *testing.T) {
	x := MatOf([]float32{1, 2, float32(math.NaN()), 0, 5, 5}, 3, 2)
	table := MatOf([]float32{9, 9, 1, 2, 1, 2, 5, 5, 5, 5}, 5, 2)
	idx := []int32{-1, -1, -1}
	NearestRow(idx, x, table)
	if idx[0] != 1 || idx[1] != 0 || idx[2] != 3 {
		t.Errorf("the rows are %v, want [1 0 3]", idx)
	}
	wantPanic(t, "kernels: NearestRow: table.Rows is 0, want at least 1", func() { NearestRow(idx, x, MatOf(nil, 0, 2)) })
}

package kernels

import (
	"fmt"
	"math"
	"testing"

	"lethe/kernels/kerneltest"
	"lethe/kernels/ref"
)

// imageShapes are even and odd sides, one pixel, one row, one column, channels
// that fill no vector, nothing, and work for several items.
var imageShapes = []ImageShape{
	{1, 2, 2, 1}, {2, 4, 6, 3}, {2, 5, 7, 17}, {1, 1, 1, 4}, {1, 1, 6, 2}, {3, 6, 1, 2},
	{0, 4, 4, 2}, {2, 0, 4, 2}, {2, 4, 4, 0}, {2, 33, 35, 40}, {1, 64, 64, 12},
}

// Every operation rounds by itself in an order that is part of the contract.
func TestResampleMatchesRef(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range imageShapes {
		suite.Run(fmt.Sprintf("%+v", s), func(c *kerneltest.Case) {
			half, double := s.half(), s.double()
			x, small, large := c.Input(s.size(), 3), c.Input(half.size(), 0), c.Input(double.size(), 0)
			image := ref.Image{Data: x, N: s.N, H: s.H, W: s.W, C: s.C}
			above := ref.Image{Data: small, N: s.N, H: half.H, W: half.W, C: s.C}
			below := ref.Image{Data: large, N: s.N, H: double.H, W: double.W, C: s.C}

			y := c.Output(half.size(), 3)
			AvgPool2(y, x, s)
			c.Same("AvgPool2", y, image.Resampled(half.H, half.W, func(n, i, j, c int) float32 { return image.Block2(n, i, j, c) / 4 }))
			y = c.Output(double.size(), 3)
			UpNearest2(y, x, s)
			c.Same("UpNearest2", y, image.Resampled(double.H, double.W, func(n, i, j, c int) float32 { return image.At(n, i/2, j/2, c) }))

			for _, add := range []bool{false, true} {
				was := float32(0)
				start := func() []float32 {
					dx := c.Output(s.size(), 8)
					if add {
						was = 3
						Fill(dx, 3)
					}
					return dx
				}
				dx := start()
				AvgPool2Grad(dx, small, s, ResampleOptions{Accumulate: add})
				c.Same("AvgPool2Grad", dx, image.Resampled(s.H, s.W, func(n, i, j, c int) float32 {
					if i/2 >= half.H || j/2 >= half.W {
						return was
					}
					return was + above.At(n, i/2, j/2, c)/4
				}))
				dx = start()
				UpNearest2Grad(dx, large, s, ResampleOptions{Accumulate: add})
				c.Same("UpNearest2Grad", dx, image.Resampled(s.H, s.W, func(n, i, j, c int) float32 { return was + below.Block2(n, i, j, c) }))
			}
		})
	}
}

func TestResamplePanics(t *testing.T) {
	s, x := ImageShape{1, 2, 2, 3}, make([]float32, 100)
	for want, call := range map[string]func(){
		"AvgPool2: len(x) is 11, want at least 12":                func() { AvgPool2(x, x[:11], s) },
		"AvgPool2: len(y) is 2, want at least 3":                  func() { AvgPool2(x[:2], x, s) },
		"AvgPool2: s.H is -1, want at least 0":                    func() { AvgPool2(x, x, ImageShape{1, -1, 2, 3}) },
		"AvgPool2Grad: len(dx) is 11, want at least 12":           func() { AvgPool2Grad(x[:11], x, s, ResampleOptions{}) },
		"AvgPool2Grad: len(dy) is 2, want at least 3":             func() { AvgPool2Grad(x, x[:2], s, ResampleOptions{}) },
		"UpNearest2: len(y) is 47, want at least 48":              func() { UpNearest2(x[:47], x, s) },
		"UpNearest2: len(x) is 11, want at least 12":              func() { UpNearest2(x, x[:11], s) },
		"UpNearest2Grad: len(dy) is 47, want at least 48":         func() { UpNearest2Grad(x, x[:47], s, ResampleOptions{}) },
		"UpNearest2Grad: len(dx) is 11, want at least 12":         func() { UpNearest2Grad(x[:11], x, s, ResampleOptions{}) },
		"ChannelsLast: n is -1, want at least 0":                  func() { ChannelsLast(x, x, -1, 2, 2) },
		"ChannelsLast: len(src) is 7, want at least 8":            func() { ChannelsLast(x, x[:7], 1, 2, 4) },
		"ChannelsFirst: len(dst) is 7, want at least 8":           func() { ChannelsFirst(x[:7], x, 1, 2, 4) },
		"CopyRows: dst.Cols is 3, want exactly 4":                 func() { CopyRows(MatOf(x, 2, 3), MatOf(x, 2, 4), CopyOptions{}) },
		"CopyRows: src.ColStride is 2, want exactly 1":            func() { CopyRows(MatOf(x, 2, 2), MatOf(x, 2, 2).T(), CopyOptions{}) },
		"CopyRows: dst.RowStride is 2, want at least 3":           func() { CopyRows(Mat{x, 2, 3, 2, 1}, MatOf(x, 2, 3), CopyOptions{}) },
		"NearestRow: table.Rows is 0, want at least 1":            func() { NearestRow(nil, MatOf(x, 2, 3), MatOf(x, 0, 3)) },
		"NearestRow: table.Cols is 4, want exactly 3":             func() { NearestRow(nil, MatOf(x, 2, 3), MatOf(x, 2, 4)) },
		"NearestRow: len(idx) is 0, want at least 2":              func() { NearestRow(nil, MatOf(x, 2, 3), MatOf(x, 5, 3)) },
		"NearestRow: x.ColStride is 3, want exactly 1":            func() { NearestRow(nil, MatOf(x, 2, 3).T(), MatOf(x, 5, 2)) },
		"ChannelsLast: a size of an image is -1, want at least 0": func() { ChannelsLast(x, x, 1, 2, -1) },
	} {
		wantPanic(t, "kernels: "+want, call)
	}
}

func TestChannelsMoveWhole(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range [][3]int{{1, 1, 1}, {2, 3, 5}, {0, 3, 5}, {2, 0, 5}, {1, 8, 8}, {2, 8, 9}, {2, 9, 8}, {3, 17, 65}, {1, 64, 100}, {1, 6, 4096}, {2, 130, 70}} {
		suite.Run(fmt.Sprint(s), func(c *kerneltest.Case) {
			n, channels, pixels := s[0], s[1], s[2]
			x, last, first := c.Input(n*channels*pixels, 3), c.Output(n*channels*pixels, 0), c.Output(n*channels*pixels, 8)
			ChannelsLast(last, x, n, channels, pixels)
			for i, v := range last {
				image, p, ch := i/(pixels*channels), i/channels%pixels, i%channels
				if want := x[(image*channels+ch)*pixels+p]; v != want {
					c.Fail("element %d is %g, want %g", i, v, want)
				}
			}
			ChannelsFirst(first, last, n, channels, pixels)
			c.Same("ChannelsFirst of ChannelsLast", first, x)
		})
	}
}

func TestCopyRows(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range [][2]int{{0, 3}, {3, 0}, {1, 1}, {5, 17}, {400, 65}} {
		suite.Run(fmt.Sprint(s), func(c *kerneltest.Case) {
			src, dst := randomMat(c, s[0], s[1], 3), emptyMat(c, s[0], s[1], 2)
			want := contiguous(src)
			CopyRows(dst, src, CopyOptions{})
			c.Same("copy", contiguous(dst), want)
			CopyRows(dst, src, CopyOptions{Accumulate: true})
			c.Same("sum", contiguous(dst), filled(s[0]*s[1], func(i int) float32 { return 2 * want[i] }))
		})
	}
}

func TestCrossEntropyMatchesRef(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range [][3]int{{0, 3, 3}, {1, 1, 1}, {3, 5, 5}, {4, 40, 33}, {90, 197, 197}, {50, 300, 256}} { // rows, columns, classes; the last two are several items
		for _, smoothing := range []float32{0, 0.1, 1} {
			suite.Run(fmt.Sprintf("%v/smoothing=%g", s, smoothing), func(c *kerneltest.Case) {
				rows, cols, classes := s[0], s[1], s[2]
				x, dx := randomMat(c, rows, cols, 1), emptyMat(c, rows, cols, 2)
				a := CrossEntropyArgs{Weights: c.Input(rows, 0), Smoothing: smoothing, Classes: classes}
				if classes == cols {
					a.Classes = 0
				}
				for r := range rows {
					a.Targets = append(a.Targets, int32(c.Rand.IntN(classes)))
					for i := range x.Row(r) {
						x.Row(r)[i] *= 8
					}
				}
				if rows > 2 {
					a.Weights[1] = 0
				}
				const scale = -1.5
				got := CrossEntropy(x, a)
				CrossEntropyGrad(dx, x, a, scale)
				want, bound := 0.0, 0.0
				for r := range rows {
					w := float64(a.Weights[r])
					loss, grad := ref.CrossEntropy(x.Row(r)[:classes], int(a.Targets[r]), float64(smoothing))
					want += w * loss
					// The sum of exponentials: exp, and a float32 sum whose lanes have classes/32 terms.
					e := boundSoftmax(classes, 1)
					bound += math.Abs(w) * (e + 1e-12*math.Abs(loss))
					p, _ := ref.Softmax(x.Row(r)[:classes], 1)
					for i, v := range dx.Row(r) {
						if i >= classes {
							c.Near("dx of no class", i, v, 0, 0)
							continue
						}
						share := float64(smoothing) / float64(classes)
						size := p[i] + share + 1
						c.Near("dx", i, v, scale*w*grad[i], math.Abs(scale*w)*(p[i]*e+6*unit*size))
					}
				}
				if !(math.Abs(got-want) <= bound) {
					c.Fail("loss is %g, want %g within %g", got, want, bound)
				}
				was := contiguous(dx)
				CrossEntropyGrad(x, x, a, scale)
				c.Same("in place", contiguous(x), was)
			})
		}
	}
}

// A masked class is no trouble without smoothing, and a loss that is not finite
// shows even with a weight of 0.
func TestCrossEntropyOfExtremes(t *testing.T) {
	inf := float32(math.Inf(-1))
	x := MatOf([]float32{0, inf, 0}, 1, 3)
	if got := CrossEntropy(x, CrossEntropyArgs{Targets: []int32{2}, Weights: []float32{1}}); !(math.Abs(got-math.Ln2) <= 4*unit) {
		t.Errorf("loss beside a masked class is %g, want log 2", got)
	}
	if got := CrossEntropy(x, CrossEntropyArgs{Targets: []int32{1}, Weights: []float32{0}}); got == got {
		t.Errorf("loss of weight 0 of a masked class is %g, want NaN", got)
	}
	large := MatOf([]float32{1e30, 1e30}, 1, 2)
	if got := CrossEntropy(large, CrossEntropyArgs{Targets: []int32{0}, Weights: []float32{1}}); got != 0 { // 1e30+log(2) is 1e30
		t.Errorf("loss of large logits is %g, want 0", got)
	}
}

func TestCrossEntropyPanics(t *testing.T) {
	m := MatOf(make([]float32, 6), 2, 3)
	good := CrossEntropyArgs{Targets: []int32{0, 2}, Weights: []float32{1, 1}}
	with := func(change func(a *CrossEntropyArgs)) CrossEntropyArgs {
		a := good
		change(&a)
		return a
	}
	for want, a := range map[string]CrossEntropyArgs{
		"a.Classes is -1, want at least 1":     with(func(a *CrossEntropyArgs) { a.Classes = -1 }),
		"columns of x is 3, want at least 4":   with(func(a *CrossEntropyArgs) { a.Classes = 4 }),
		"len(a.Targets) is 1, want at least 2": with(func(a *CrossEntropyArgs) { a.Targets = a.Targets[:1] }),
		"len(a.Weights) is 1, want at least 2": with(func(a *CrossEntropyArgs) { a.Weights = a.Weights[:1] }),
		"a target is 2, want at most 1":        with(func(a *CrossEntropyArgs) { a.Classes = 2 }),
		"a target is -1, want at least 0":      with(func(a *CrossEntropyArgs) { a.Targets = []int32{0, -1} }),
	} {
		wantPanic(t, "kernels: CrossEntropy: "+want, func() { CrossEntropy(m, a) })
	}
	wantPanic(t, "kernels: CrossEntropyGrad: dx.Rows is 1, want exactly 2", func() { CrossEntropyGrad(m.Sub(0, 1, 0, 3), m, good, 1) })
}

// The row found is at most as far as the nearest, but for the roundings of the
// three terms; equal rows give the lowest index.
func TestNearestRowMatchesRef(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range [][3]int{{0, 1, 2}, {1, 1, 1}, {5, 3, 2}, {70, 33, 17}, {40, 1024, 8}} {
		suite.Run(fmt.Sprint(s), func(c *kerneltest.Case) {
			x, table := randomMat(c, s[0], s[2], 1), randomMat(c, s[1], s[2], 3)
			idx := make([]int32, s[0])
			NearestRow(idx, x, table)
			for r, got := range idx {
				distances, best := ref.NearestRow(x.Row(r), contiguous(table))
				_, length := ref.Dot(x.Row(r), x.Row(r))
				e := 0.0
				for _, t := range []int{int(got), best} {
					_, other := ref.Dot(table.Row(t), table.Row(t))
					_, dot := ref.Dot(x.Row(r), table.Row(t))
					e += 2*kerneltest.Bound(s[2], dot) + 4*unit*(length+other+2*dot)
				}
				if !(distances[got] <= distances[best]+e) {
					c.Fail("row %d: code %d at %g, want %d at %g", r, got, distances[got], best, distances[best])
				}
			}
			if s[1] < 3 {
				return
			}
			copy(table.Row(2), table.Row(1))
			for r := range s[0] {
				copy(x.Row(r), table.Row(1+r%2))
			}
			NearestRow(idx, x, table)
			for r, got := range idx {
				if got != 1 {
					c.Fail("row %d: code %d of equal ones, want 1", r, got)
				}
			}
		})
	}
	suite.Run("NaN", func(c *kerneltest.Case) {
		nan := float32(math.NaN())
		idx := make([]int32, 2)
		NearestRow(idx, MatOf([]float32{1, nan}, 2, 1), MatOf([]float32{nan, 5, 2}, 3, 1))
		if idx[0] != 2 || idx[1] != 0 {
			c.Fail("codes are %v, want [2 0]", idx)
		}
	})
	suite.Run("several blocks", func(c *kerneltest.Case) { // 2048 codes, so 512 rows a block
		x, table := randomMat(c, 1100, 3, 0), randomMat(c, 2048, 3, 0)
		idx, one := make([]int32, 1100), make([]int32, 1)
		NearestRow(idx, x, table)
		for r, got := range idx {
			NearestRow(one, x.Sub(r, r+1, 0, 3), table)
			if got != one[0] {
				c.Fail("row %d: code %d, alone %d", r, got, one[0])
			}
		}
	})
}

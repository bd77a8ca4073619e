package kernels

import (
	"fmt"
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
			half, double := s.halved(), s.doubled()
			x, small, large := c.Input(s.len(), 3), c.Input(half.len(), 0), c.Input(double.len(), 0)
			image := ref.Image{Data: x, N: s.N, H: s.H, W: s.W, C: s.C}
			above := ref.Image{Data: small, N: s.N, H: half.H, W: half.W, C: s.C}
			below := ref.Image{Data: large, N: s.N, H: double.H, W: double.W, C: s.C}

			y := c.Output(half.len(), 3)
			AvgPool2(y, x, s)
			c.Same("AvgPool2", y, image.Resampled(half.H, half.W, func(n, i, j, c int) float32 { return image.Block2(n, i, j, c) / 4 }))
			y = c.Output(double.len(), 3)
			UpNearest2(y, x, s)
			c.Same("UpNearest2", y, image.Resampled(double.H, double.W, func(n, i, j, c int) float32 { return image.At(n, i/2, j/2, c) }))

			for _, add := range []bool{false, true} {
				was := float32(0)
				start := func() []float32 {
					dx := c.Output(s.len(), 8)
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
		"CopyColumns: dst.Cols is 3, want exactly 4":              func() { CopyColumns(MatOf(x, 2, 3), MatOf(x, 2, 4), CopyOptions{}) },
		"CopyColumns: src.ColStride is 2, want exactly 1":         func() { CopyColumns(MatOf(x, 2, 2), MatOf(x, 2, 2).T(), CopyOptions{}) },
		"CopyColumns: dst.RowStride is 2, want at least 3":        func() { CopyColumns(Mat{x, 2, 3, 2, 1}, MatOf(x, 2, 3), CopyOptions{}) },
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

func TestCopyColumns(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range [][2]int{{0, 3}, {3, 0}, {1, 1}, {5, 17}, {400, 65}} {
		suite.Run(fmt.Sprint(s), func(c *kerneltest.Case) {
			src, dst := randomMat(c, s[0], s[1], 3), emptyMat(c, s[0], s[1], 2)
			want := contiguous(src)
			CopyColumns(dst, src, CopyOptions{})
			c.Same("copy", contiguous(dst), want)
			CopyColumns(dst, src, CopyOptions{Accumulate: true})
			c.Same("sum", contiguous(dst), filled(s[0]*s[1], func(i int) float32 { return 2 * want[i] }))
		})
	}
}

func TestCopyColumnsLeavesTheOthers(t *testing.T) {
	kerneltest.New(t).Run("a part of the columns", func(c *kerneltest.Case) {
		const rows, cols = 700, 51
		src, dst := MatOf(c.Input(rows*cols, 0), rows, cols), MatOf(c.Output(rows*cols, 0), rows, cols)
		Fill(dst.Data, 9)
		CopyColumns(dst.Sub(0, rows, 10, 40), src.Sub(0, rows, 20, 50), CopyOptions{})
		for i, v := range dst.Data {
			want := float32(9)
			if col := i % cols; col >= 10 && col < 40 {
				want = src.Data[i+10]
			}
			if v != want {
				c.Fail("element %d is %g, want %g", i, v, want)
			}
		}
	})
}

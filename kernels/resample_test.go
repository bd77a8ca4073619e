package kernels

import (
	"fmt"
	"testing"

	"lethe/kernels/kerneltest"
)

// TestResampling: every element against its formula, in float32 and in the order
// that the documentation gives, on odd and even sizes and on several items.
func TestResampling(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range []ImageShape{{1, 2, 2, 1}, {2, 3, 5, 3}, {1, 1, 4, 2}, {2, 4, 1, 7}, {3, 6, 8, 16}, {2, 31, 40, 33}, {0, 4, 4, 2}} {
		suite.Run(fmt.Sprintf("%+v", s), func(c *kerneltest.Case) {
			half, twice := s.halved(), s.doubled()
			at := func(s ImageShape, n, y, x, k int) int { return ((n*s.H+y)*s.W+x)*s.C + k }
			each := func(s ImageShape, f func(n, y, x, k int)) {
				for n := range s.N {
					for y := range s.H {
						for x := range s.W {
							for k := range s.C {
								f(n, y, x, k)
							}
						}
					}
				}
			}
			block := func(data []float32, s ImageShape, n, y, x, k int) float32 {
				return (data[at(s, n, 2*y, 2*x, k)] + data[at(s, n, 2*y+1, 2*x, k)]) + (data[at(s, n, 2*y, 2*x+1, k)] + data[at(s, n, 2*y+1, 2*x+1, k)])
			}
			x, small, big := c.Input(s.len(), 3), c.Input(half.len(), 0), c.Input(twice.len(), 1)
			pooled, pooledGrad, up, upGrad := c.Output(half.len(), 0), c.Output(s.len(), 0), c.Output(twice.len(), 1), c.Output(s.len(), 2)
			AvgPool2(pooled, x, s)
			AvgPool2Grad(pooledGrad, small, s)
			UpNearest2(up, x, s)
			UpNearest2Grad(upGrad, big, s)
			each(half, func(n, y, q, k int) {
				if got, want := pooled[at(half, n, y, q, k)], block(x, s, n, y, q, k)*0.25; got != want {
					c.Fail("pooled %d %d %d %d is %g, want %g", n, y, q, k, got, want)
				}
			})
			each(s, func(n, y, q, k int) {
				want := float32(0)
				if y/2 < half.H && q/2 < half.W {
					want = small[at(half, n, y/2, q/2, k)] * 0.25
				}
				if got := pooledGrad[at(s, n, y, q, k)]; got != want {
					c.Fail("the gradient of pooling at %d %d %d %d is %g, want %g", n, y, q, k, got, want)
				}
				if got, want := upGrad[at(s, n, y, q, k)], block(big, twice, n, y, q, k); got != want {
					c.Fail("the gradient of up-sampling at %d %d %d %d is %g, want %g", n, y, q, k, got, want)
				}
			})
			each(twice, func(n, y, q, k int) {
				if got, want := up[at(twice, n, y, q, k)], x[at(s, n, y/2, q/2, k)]; got != want {
					c.Fail("up-sampled %d %d %d %d is %g, want %g", n, y, q, k, got, want)
				}
			})
		})
	}
}

func TestChannelsLastAndFirst(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range [][3]int{{1, 1, 1}, {2, 3, 49}, {1, 64, 65}, {3, 17, 130}, {2, 512, 70}, {0, 3, 4}, {2, 0, 5}} {
		suite.Run(fmt.Sprint(s), func(c *kerneltest.Case) {
			n, channels, pixels := s[0], s[1], s[2]
			x, last, back := c.Input(n*channels*pixels, 3), c.Output(n*channels*pixels, 0), c.Output(n*channels*pixels, 1)
			ChannelsLast(last, x, n, channels, pixels)
			ChannelsFirst(back, last, n, channels, pixels)
			c.Same("there and back", back, x)
			for i := range last {
				image, p, k := i/(channels*pixels), i/channels%pixels, i%channels
				if want := x[(image*channels+k)*pixels+p]; last[i] != want {
					c.Fail("element %d is %g, want %g", i, last[i], want)
				}
			}
		})
	}
}

func TestCopyColumns(t *testing.T) {
	kerneltest.New(t).Run("a part of the columns", func(c *kerneltest.Case) {
		const rows, cols = 700, 51
		src, dst := MatOf(c.Input(rows*cols, 0), rows, cols), MatOf(c.Output(rows*cols, 0), rows, cols)
		Fill(dst.Data, 9)
		CopyColumns(dst.Sub(0, rows, 10, 40), src.Sub(0, rows, 20, 50))
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

func TestImageOperationsPanic(t *testing.T) {
	v := make([]float32, 16)
	s := ImageShape{1, 4, 4, 1}
	wantPanic(t, "kernels: AvgPool2: len(y) is 3, want at least 4", func() { AvgPool2(v[:3], v, s) })
	wantPanic(t, "kernels: AvgPool2Grad: len(dx) is 15, want at least 16", func() { AvgPool2Grad(v[:15], v, s) })
	wantPanic(t, "kernels: UpNearest2: len(y) is 16, want at least 64", func() { UpNearest2(v, v, s) })
	wantPanic(t, "kernels: UpNearest2Grad: len(dy) is 16, want at least 64", func() { UpNearest2Grad(v, v, s) })
	wantPanic(t, "kernels: AvgPool2: H is -1, want at least 0", func() { AvgPool2(v, v, ImageShape{1, -1, 1, 1}) })
	wantPanic(t, "kernels: ChannelsLast: len(src) is 16, want at least 17", func() { ChannelsLast(make([]float32, 17), v, 1, 17, 1) })
	wantPanic(t, "kernels: CopyColumns: dst.Rows is 4, want exactly 2", func() { CopyColumns(MatOf(v, 4, 4), MatOf(v, 2, 4)) })
}

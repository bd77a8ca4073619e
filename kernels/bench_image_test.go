package kernels

import (
	"fmt"
	"testing"
)

// benchImages are feature maps of the U-Net: images, pixels on a side, channels.
var benchImages = [][3]int{{4, 64, 64}, {4, 32, 256}, {4, 16, 512}, {1, 256, 64}, {1, 8, 512}}

// imageName is the part of a benchmark's name that says the size.
func imageName(s [3]int) string { return fmt.Sprintf("b=%d/hw=%d/c=%d", s[0], s[1], s[2]) }

// BenchmarkGroupNorm counts the bytes of one reading of each operand and one
// writing of the result: 8 an element forward, 12 in the gradient.
func BenchmarkGroupNorm(b *testing.B) {
	for _, s := range benchImages {
		n := s[0] * s[1] * s[1] * s[2]
		x, y, dy := randomSlice(n), randomSlice(n), randomSlice(n)
		for _, silu := range []bool{false, true} {
			a := GroupNormArgs{N: s[0], Pixels: s[1] * s[1], C: s[2], Groups: 32, Eps: 1e-5, Gamma: randomSlice(s[2]), Beta: randomSlice(s[2]), SiLU: silu}
			keep := NormStats{Mean: make([]float32, s[0]*32), RStd: make([]float32, s[0]*32)}
			grads := GroupNormGrads{DX: y, DGamma: randomSlice(s[2]), DBeta: randomSlice(s[2])}
			GroupNorm(y, x, a, keep)
			for _, op := range []struct {
				name  string
				bytes int
				run   func()
			}{
				{"fwd", 8, func() { GroupNorm(y, x, a, keep) }},
				{"again", 8, func() { GroupNormAgain(y, x, a, keep) }},
				{"grad", 12, func() { GroupNormGrad(grads, dy, x, a, keep) }},
			} {
				b.Run(fmt.Sprintf("isa=%s/prec=f32/op=%s/silu=%t/%s", ISA(), op.name, silu, imageName(s)), func(b *testing.B) {
					perElement(b, n, op.bytes*n, op.run)
				})
			}
		}
	}
}

func BenchmarkSiLU(b *testing.B) {
	for _, s := range benchImages {
		n := s[0] * s[1] * s[1] * s[2]
		x, y, dy := randomSlice(n), randomSlice(n), randomSlice(n)
		b.Run(fmt.Sprintf("isa=%s/prec=f32/op=fwd/%s", ISA(), imageName(s)), func(b *testing.B) {
			perElement(b, n, 8*n, func() { SiLU(y, x) })
		})
		b.Run(fmt.Sprintf("isa=%s/prec=f32/op=grad/%s", ISA(), imageName(s)), func(b *testing.B) {
			perElement(b, n, 12*n, func() { SiLUGrad(y, dy, x) })
		})
	}
}

// BenchmarkResample counts the bytes of the large image and of the small one.
func BenchmarkResample(b *testing.B) {
	for _, s := range benchImages {
		shape := ImageShape{s[0], s[1], s[1], s[2]}
		n := shape.size()
		x, y, last := randomSlice(n), randomSlice(n/4), randomSlice(n)
		for _, op := range []struct {
			name string
			run  func()
		}{
			{"AvgPool2", func() { AvgPool2(y, x, shape) }},
			{"AvgPool2Grad", func() { AvgPool2Grad(x, y, shape, ResampleOptions{}) }},
			{"UpNearest2", func() { UpNearest2(x, y, shape.half()) }},
			{"UpNearest2Grad", func() { UpNearest2Grad(y, x, shape.half(), ResampleOptions{}) }},
		} {
			b.Run(fmt.Sprintf("isa=%s/prec=f32/op=%s/%s", ISA(), op.name, imageName(s)), func(b *testing.B) {
				perElement(b, n, 5*n, op.run)
			})
		}
		for _, op := range []struct {
			name string
			run  func()
		}{
			{"ChannelsLast", func() { ChannelsLast(last, x, s[0], s[2], s[1]*s[1]) }},
			{"ChannelsFirst", func() { ChannelsFirst(last, x, s[0], s[2], s[1]*s[1]) }},
		} {
			b.Run(fmt.Sprintf("isa=%s/prec=f32/op=%s/%s", ISA(), op.name, imageName(s)), func(b *testing.B) {
				perElement(b, n, 8*n, op.run)
			})
		}
	}
}

// BenchmarkCrossEntropy is the masked tokens of MAGE: rows, columns and classes.
func BenchmarkCrossEntropy(b *testing.B) {
	const rows, cols, classes = 8 * 257, 2025, 1024
	x, dx := MatOf(randomSlice(rows*cols), rows, cols), MatOf(randomSlice(rows*cols), rows, cols)
	a := CrossEntropyArgs{Targets: make([]int32, rows), Weights: randomSlice(rows), Smoothing: 0.1, Classes: classes}
	name := fmt.Sprintf("r=%d/c=%d/classes=%d", rows, cols, classes)
	b.Run(fmt.Sprintf("isa=%s/prec=f32/op=fwd/%s", ISA(), name), func(b *testing.B) {
		perElement(b, rows*classes, 4*rows*classes, func() { CrossEntropy(x, a) })
	})
	b.Run(fmt.Sprintf("isa=%s/prec=f32/op=grad/%s", ISA(), name), func(b *testing.B) {
		perElement(b, rows*classes, 4*rows*(classes+cols), func() { CrossEntropyGrad(dx, x, a, 1) })
	})
}

// BenchmarkNearestRow is the tokens of eight images against the codes of a VQGAN;
// it counts the 2*R*T*D operations of the product.
func BenchmarkNearestRow(b *testing.B) {
	const rows, codes, dim = 8 * 256, 1024, 256
	x, table, idx := MatOf(randomSlice(rows*dim), rows, dim), MatOf(randomSlice(codes*dim), codes, dim), make([]int32, rows)
	b.Run(fmt.Sprintf("isa=%s/prec=f32/r=%d/t=%d/d=%d", ISA(), rows, codes, dim), func(b *testing.B) {
		b.ReportAllocs()
		NearestRow(idx, x, table)
		peak := measuredPeak()
		for b.Loop() {
			NearestRow(idx, x, table)
		}
		reportRate(b, 2*rows*codes*dim, peak)
	})
}

package kernels

import (
	"fmt"
	"testing"
)

// benchImages are feature maps of the diffusion U-Net: four images of 64x64
// pixels and the two levels below, and one in the second-level cache.
var benchImages = []ImageShape{{1, 16, 16, 64}, {4, 64, 64, 64}, {4, 32, 32, 256}, {4, 16, 16, 512}}

// BenchmarkGroupNorm counts what has to move: x in and y out forward; dy and x
// in, dx out in the gradient.
func BenchmarkGroupNorm(b *testing.B) {
	for _, s := range benchImages {
		n := s.len()
		x, y, dy := randomSlice(n), randomSlice(n), randomSlice(n)
		gamma, beta, both := randomSlice(s.C), randomSlice(s.C), randomSlice(2*s.N*s.C)
		keep := NormStats{Mean: randomSlice(s.N * 32), RStd: randomSlice(s.N * 32)}
		plain := GroupNormArgs{N: s.N, Pixels: s.H * s.W, C: s.C, Groups: 32, Eps: 1e-5, Gamma: gamma, Beta: beta}
		grads := GroupNormGrads{DX: y, DGamma: randomSlice(s.C), DBeta: randomSlice(s.C)}
		full := plain
		full.Scale, full.Shift, full.ScaleShiftStride, full.SiLU = both, both[s.C:], 2*s.C, true
		dboth := randomSlice(2 * s.N * s.C)
		fullGrads := grads
		fullGrads.DScale, fullGrads.DShift = dboth, dboth[s.C:]
		run := func(op string, bytes int, body func()) {
			b.Run(fmt.Sprintf("isa=%s/prec=f32/op=%s/n=%d/hw=%d/c=%d", ISA(), op, s.N, s.H, s.C), func(b *testing.B) {
				perElement(b, n, bytes*n, body)
			})
		}
		run("fwd", 8, func() { GroupNorm(y, x, plain, keep) })
		run("grad", 12, func() { GroupNormGrad(grads, dy, x, plain, keep) })
		run("againSiLU", 8, func() { GroupNormAgain(y, x, full, keep) })
		run("fwdSiLU", 8, func() { GroupNorm(y, x, full, keep) })
		run("gradSiLU", 12, func() { GroupNormGrad(fullGrads, dy, x, full, keep) })
	}
}

func BenchmarkSiLU(b *testing.B) {
	for _, n := range vectorSizes {
		x, y, z := randomSlice(n), randomSlice(n), randomSlice(n)
		b.Run(fmt.Sprintf("isa=%s/prec=f32/op=fwd/n=%d", ISA(), n), func(b *testing.B) {
			perElement(b, n, 8*n, func() { SiLU(z, x) })
		})
		b.Run(fmt.Sprintf("isa=%s/prec=f32/op=grad/n=%d", ISA(), n), func(b *testing.B) {
			perElement(b, n, 12*n, func() { SiLUGrad(z, y, x) })
		})
	}
}

// BenchmarkResample counts the elements of the large image, n*hw*hw*c, and what
// moves of both: five quarters.
func BenchmarkResample(b *testing.B) {
	for _, s := range benchImages {
		n := s.len()
		big, small := randomSlice(n), randomSlice(n/4)
		for _, op := range []struct {
			name string
			run  func()
		}{
			{"AvgPool2", func() { AvgPool2(small, big, s) }},
			{"AvgPool2Grad", func() { AvgPool2Grad(big, small, s, ResampleOptions{}) }},
			{"UpNearest2", func() { UpNearest2(big, small, s.halved()) }},
			{"UpNearest2Grad", func() { UpNearest2Grad(small, big, s.halved(), ResampleOptions{}) }},
		} {
			b.Run(fmt.Sprintf("isa=%s/prec=f32/op=%s/n=%d/hw=%d/c=%d", ISA(), op.name, s.N, s.H, s.C), func(b *testing.B) {
				perElement(b, n, 5*n, op.run)
			})
		}
	}
}

// BenchmarkLayout moves images between planes of pixels and adjacent channels:
// pictures, and the feature maps of the U-Net.
func BenchmarkLayout(b *testing.B) {
	for _, s := range append([]ImageShape{{16, 256, 256, 3}}, benchImages...) {
		n := s.len()
		x, y := randomSlice(n), randomSlice(n)
		name := fmt.Sprintf("n=%d/hw=%d/c=%d", s.N, s.H, s.C)
		b.Run(fmt.Sprintf("isa=%s/prec=f32/op=ChannelsLast/%s", ISA(), name), func(b *testing.B) {
			perElement(b, n, 8*n, func() { ChannelsLast(y, x, s.N, s.C, s.H*s.W) })
		})
		b.Run(fmt.Sprintf("isa=%s/prec=f32/op=ChannelsFirst/%s", ISA(), name), func(b *testing.B) {
			perElement(b, n, 8*n, func() { ChannelsFirst(y, x, s.N, s.C, s.H*s.W) })
		})
	}
	wide, narrow := randomSlice(1024*768), randomSlice(1024*256)
	b.Run(fmt.Sprintf("isa=%s/prec=f32/op=CopyColumns/r=1024/c=256", ISA()), func(b *testing.B) {
		perElement(b, len(narrow), 8*len(narrow), func() {
			CopyColumns(MatOf(narrow, 1024, 256), MatOf(wide, 1024, 768).Sub(0, 1024, 256, 512), CopyOptions{})
		})
	})
}

// BenchmarkTokens are the masked transformer's losses, 4 images of 257 tokens and
// 2025 classes, and its tokenizer's search among 1024 codes of width 256.
func BenchmarkTokens(b *testing.B) {
	const rows, classes, codes, width = 4 * 257, 2025, 1024, 256
	x, dx := MatOf(randomSlice(rows*classes), rows, classes), MatOf(randomSlice(rows*classes), rows, classes)
	a := CrossEntropyArgs{Targets: make([]int32, rows), Weights: randomSlice(rows), Smoothing: 0.1, Classes: codes}
	b.Run(fmt.Sprintf("isa=%s/prec=f32/op=CrossEntropy/r=%d/c=%d", ISA(), rows, codes), func(b *testing.B) {
		perElement(b, rows*codes, 4*rows*codes, func() { CrossEntropy(x, a) })
	})
	b.Run(fmt.Sprintf("isa=%s/prec=f32/op=CrossEntropyGrad/r=%d/c=%d", ISA(), rows, codes), func(b *testing.B) {
		perElement(b, rows*codes, 8*rows*codes, func() { CrossEntropyGrad(dx, x, 1, a) })
	})
	tokens, table, idx := MatOf(randomSlice(1024*width), 1024, width), MatOf(randomSlice(codes*width), codes, width), make([]int32, 1024)
	b.Run(fmt.Sprintf("isa=%s/prec=f32/op=NearestRow/r=1024/t=%d/c=%d", ISA(), codes, width), func(b *testing.B) {
		perElement(b, 1024*codes, 4*(1024+codes)*width, func() { NearestRow(idx, tokens, table) })
	})
}

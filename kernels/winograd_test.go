package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"lethe/kernels/kerneltest"
)

// winogradShapes reach whole and clipped tiles, no padding and much, one channel and
// panels with an edge, several images, blocks and pieces of channels.
var winogradShapes = []ConvShape{
	{N: 1, H: 3, W: 3, Ci: 1, Co: 1},
	{N: 1, H: 1, W: 1, Ci: 3, Co: 2, PadH: 1, PadW: 1},
	{N: 2, H: 4, W: 4, Ci: 5, Co: 7, PadH: 1, PadW: 1},
	{N: 1, H: 9, W: 6, Ci: 17, Co: 49, PadH: 2, PadW: 0},
	{N: 3, H: 7, W: 10, Ci: 33, Co: 16, PadH: 1, PadW: 2},
	{N: 2, H: 13, W: 18, Ci: 70, Co: 65, PadH: 1, PadW: 1},
	{N: 1, H: 16, W: 16, Ci: 130, Co: 100, PadH: 1, PadW: 1},
}

// winogradNoise is how many times the direct sum's bound at the largest magnitudes
// an error may be. The norms of the transforms multiply, but the bound counts every
// rounding at its worst: the largest of 150 random shapes up to 20x20 pixels and 80 channels was 0.37
// times it forward, 0.51 in the gradient by x and 0.61 by w.
const winogradNoise = 2

// TestWinogradMatchesRef: within a multiple of the direct sum's bound at the
// largest magnitudes of a tile, since its sums mix the pixels of one.
func TestWinogradMatchesRef(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	random := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = rng.Float32()*2 - 1
		}
		return x
	}
	for _, s := range winogradShapes {
		s.KH, s.KW = 3, 3
		for _, accumulate := range []bool{false, true} {
			t.Run(fmt.Sprintf("%+v/accumulate=%t", s, accumulate), func(t *testing.T) {
				x, w, y := random(s.N*s.H*s.W*s.Ci), random(s.Co*9*s.Ci), random(s.N*s.OutH()*s.OutW()*s.Co)
				bias := random(s.Co)
				one := s
				one.StrideH, one.StrideW = 1, 1
				o := ConvOptions{Accumulate: accumulate, Bias: bias, Algorithm: ConvWinograd}
				near := func(name string, got, start []float32, want []float64, terms int) {
					t.Helper()
					for i := range got {
						base := 0.0
						if accumulate {
							base = float64(start[i])
						}
						bound := winogradNoise * kerneltest.Bound(terms+2, float64(terms)+2)
						if d := math.Abs(float64(got[i]) - want[i] - base); !(d <= bound) {
							t.Fatalf("%s[%d] is %g, want %g within %.3g", name, i, got[i], want[i]+base, bound)
						}
					}
				}
				got := slices.Clone(y)
				Conv2D(got, x, w, s, o)
				near("y", got, y, winogradRef(one, x, w, bias), 9*s.Ci)

				o.Bias = nil
				start := random(len(x))
				dx := slices.Clone(start)
				Conv2DGradInput(dx, y, w, s, o)
				wantX, wantW := winogradGradRef(one, x, w, y)
				near("dx", dx, start, wantX, 9*s.Co)

				start = random(len(w))
				dw := slices.Clone(start)
				Conv2DGradWeight(dw, y, x, s, o)
				near("dw", dw, start, wantW, s.N*s.OutH()*s.OutW())
			})
		}
	}
}

// winogradRef is the convolution in float64.
func winogradRef(s ConvShape, x, w, bias []float32) []float64 {
	y := make([]float64, s.N*s.OutH()*s.OutW()*s.Co)
	s.eachProduct(func(xi, wi, yi int) { y[yi] += float64(x[xi]) * float64(w[wi]) })
	for i := range y {
		y[i] += float64(bias[i%s.Co])
	}
	return y
}

// winogradGradRef is both gradients in float64.
func winogradGradRef(s ConvShape, x, w, dy []float32) (dx, dw []float64) {
	dx, dw = make([]float64, len(x)), make([]float64, len(w))
	s.eachProduct(func(xi, wi, yi int) {
		dx[xi] += float64(dy[yi]) * float64(w[wi])
		dw[wi] += float64(dy[yi]) * float64(x[xi])
	})
	return dx, dw
}

// eachProduct calls f with the places of the factors and of the sum of every product.
func (s ConvShape) eachProduct(f func(x, w, y int)) {
	for n := range s.N {
		for p := range s.OutH() {
			for q := range s.OutW() {
				for i := range s.KH {
					for j := range s.KW {
						h, v := p+i-s.PadH, q+j-s.PadW
						if h < 0 || h >= s.H || v < 0 || v >= s.W {
							continue
						}
						for o := range s.Co {
							for c := range s.Ci {
								f(((n*s.H+h)*s.W+v)*s.Ci+c, ((o*3+i)*3+j)*s.Ci+c, ((n*s.OutH()+p)*s.OutW()+q)*s.Co+o)
							}
						}
					}
				}
			}
		}
	}
}

// TestWinogradSameBitsEverywhere: for any number of workers, and on AVX2 and AVX-512.
func TestWinogradSameBitsEverywhere(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, s := range winogradShapes {
		s.KH, s.KW = 3, 3
		x, w, dy := make([]float32, s.N*s.H*s.W*s.Ci), make([]float32, s.Co*9*s.Ci), make([]float32, s.N*s.OutH()*s.OutW()*s.Co)
		for _, v := range [][]float32{x, w, dy} {
			for i := range v {
				v[i] = rng.Float32()*2 - 1
			}
		}
		run := func() [][]float32 {
			y, dx, dw := make([]float32, len(dy)), make([]float32, len(x)), make([]float32, len(w))
			o := ConvOptions{Algorithm: ConvWinograd}
			Conv2D(y, x, w, s, o)
			Conv2DGradInput(dx, dy, w, s, o)
			Conv2DGradWeight(dw, dy, x, s, o)
			return [][]float32{y, dx, dw}
		}
		useWorkers(t, 1)
		want := run()
		for _, workers := range []int{2, 3, 5} {
			useWorkers(t, workers)
			for i, got := range run() {
				if !slices.Equal(got, want[i]) {
					t.Errorf("%+v: result %d differs with %d workers", s, i, workers)
				}
			}
		}
		if isa != isaAVX512 {
			continue
		}
		t.Run("avx2", func(t *testing.T) {
			useLevel(t, isaAVX2)
			for i, got := range run() {
				if !slices.Equal(got, want[i]) {
					t.Errorf("%+v: result %d differs on AVX2", s, i)
				}
			}
		})
	}
}

// TestConvAuto: Winograd's way where there are channels and tiles to share the transforms.
func TestConvAuto(t *testing.T) {
	large := ConvShape{N: 4, H: 32, W: 32, Ci: 64, Co: 64, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1}
	for _, c := range []struct {
		change func(s *ConvShape)
		want   bool
	}{
		{func(*ConvShape) {}, true},
		{func(s *ConvShape) { s.Ci = 3 }, false},
		{func(s *ConvShape) { s.Co = 3 }, false},
		{func(s *ConvShape) { s.StrideW = 2 }, false},
		{func(s *ConvShape) { s.KH = 1 }, false},
		{func(s *ConvShape) { s.N, s.H, s.W = 1, 16, 16 }, false},
	} {
		s := large
		c.change(&s)
		if got := ConvAuto.winograd(s); got != c.want {
			t.Errorf("%+v: %t, want %t", s, got, c.want)
		}
		if ConvDirect.winograd(s) {
			t.Errorf("%+v: ConvDirect takes Winograd's way", s)
		}
	}
}

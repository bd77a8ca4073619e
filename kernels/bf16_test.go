package kernels

import (
	"fmt"
	"math"
	"testing"

	"lethe/kernels/internal/generic"
	"lethe/kernels/kerneltest"
	"lethe/kernels/ref"
)

// nearestBF16 is the specification of the rounding: of the two bf16 numbers
// around x the nearer, of two equally near the even one.
func nearestBF16(x float32) float32 {
	bits := math.Float32bits(x)
	down := math.Float32frombits(bits &^ 0xffff)
	switch {
	case x != x:
		return math.Float32frombits(bits&^0xffff | 0x00400000)
	case math.Abs(float64(x)) < 0x1p-126:
		return float32(math.Copysign(0, float64(x)))
	case down == x:
		return x
	}
	exponent := int(bits>>23&0xff) - 127
	step := math.Copysign(math.Ldexp(1, exponent-7), float64(x))
	up := float64(down) + step // exact, past the largest number too
	below, above := math.Abs(float64(x)-float64(down)), math.Abs(up-float64(x))
	if below < above || below == above && bits>>16&1 == 0 {
		return down
	}
	return float32(up) // 2^128 becomes an infinity
}

// roundingCases are numbers of both signs and every exponent: zeros, subnormals,
// ties to either side, their neighbours, infinities and NaNs.
func roundingCases(tc *kerneltest.Case) []float32 {
	mantissas := []uint32{0, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 0x10000, 0x17fff, 0x18000, 0x18001, 0x3fffff, 0x400000, 0x7f7fff, 0x7f8000, 0x7f8001, 0x7fffff}
	var x []float32
	for sign := range uint32(2) {
		for exponent := range uint32(256) {
			for _, m := range append(mantissas, tc.Rand.Uint32()>>9, tc.Rand.Uint32()>>9) {
				x = append(x, math.Float32frombits(sign<<31|exponent<<23|m))
			}
		}
	}
	return x
}

func TestRoundBF16MatchesSpecification(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		suite := kerneltest.New(t)
		suite.Run("all exponents", func(tc *kerneltest.Case) {
			x := roundingCases(tc)
			got, want := tc.Output(len(x), 0), make([]float32, len(x))
			for i := range x {
				want[i] = nearestBF16(x[i])
			}
			roundBF16(got, x)
			tc.Same("rounded", got, want)
			roundBF16(x, x)
			tc.Same("rounded in place", x, want)
		})
		for n := range 70 {
			suite.Run(fmt.Sprint("length ", n), func(tc *kerneltest.Case) {
				x, got, want := tc.Input(n, n%3), tc.Output(n, n%5), make([]float32, n)
				generic.RoundBF16(want, x)
				roundBF16(got, x)
				tc.Same("rounded", got, want)
			})
		}
	})
}

// roundedCopy is x rounded to bf16.
func roundedCopy(x []float32) []float32 {
	y := make([]float32, len(x))
	generic.RoundBF16(y, x)
	return y
}

// useFloats leaves the tiles out for the rest of a test: products are those of
// the float32 kernels.
func useFloats(t testing.TB) { useLevel(t, min(isa, isaAVX512)) }

// TestGemmRoundsOperands: BF16 without tiles is F32 of rounded operands, bit for
// bit, on every instruction set and for any number of workers, and all
// instruction sets agree.
func TestGemmRoundsOperands(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range [][3]int{{1, 1, 1}, {130, 197, 900}, {37, 300, 400}, {500, 20, 385}, {61, 70, 5000}, {61, 530, 300}} {
		suite.Run(fmt.Sprint(s), func(tc *kerneltest.Case) {
			want, a, b := product(tc, s)
			useFloats(t)
			ra, rb := a, b
			ra.Data, rb.Data = roundedCopy(a.Data), roundedCopy(b.Data)
			Gemm(want, ra, rb, GemmOptions{})
			sum, magnitude := ref.Gemm(ref.View(ra), ref.View(rb))
			for i, x := range want.Data {
				tc.Near("c", i, x, sum[i], kerneltest.Bound(s[2]+2, magnitude[i]))
			}
			for l := range min(widest(), isaAVX512) + 1 {
				for workers := 1; workers <= 3; workers++ {
					useLevel(t, l)
					useWorkers(t, workers)
					got := MatOf(tc.Output(s[0]*s[1], 0), s[0], s[1])
					Gemm(got, a, b, GemmOptions{Precision: BF16})
					tc.Same(levels[l], got.Data, want.Data)
					got = MatOf(tc.Output(s[0]*s[1], 0), s[1], s[0]).T()
					Gemm(got, a, b, GemmOptions{Precision: BF16})
					for i := range want.Data {
						tc.Near("c, columns adjacent", i, got.Data[got.offset(i/s[1], i%s[1])], float64(want.Data[i]), 0)
					}
				}
			}
		})
	}
}

// TestGemmWithoutTilesStandsInForBF16x3: there it is F32 to the bit.
func TestGemmWithoutTilesStandsInForBF16x3(t *testing.T) {
	useFloats(t)
	kerneltest.New(t).Run("130x197x900", func(tc *kerneltest.Case) {
		want, a, b := product(tc, [3]int{130, 197, 900})
		Gemm(want, a, b, GemmOptions{})
		got := MatOf(tc.Output(130*197, 0), 130, 197)
		Gemm(got, a, b, GemmOptions{Precision: BF16x3})
		tc.Same("c", got.Data, want.Data)
	})
}

// TestGemmRoundsEveryOption: layouts, accumulation and bias, against the
// reference of the rounded operands.
func TestGemmRoundsEveryOption(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		suite := kerneltest.New(t)
		for i := range 96 {
			g := variety(i*7, kerneltest.GemmCase{M: 1 + i%19, N: 1 + i*5%101, K: i * 11 % 500, Round: nearestBF16})
			suite.Gemm(g, gemmIn(BF16))
		}
	})
}

// gemmIn adapts Gemm in a precision to the views of the conformance suite.
func gemmIn(p Precision) kerneltest.GemmFunc {
	return func(c, a, b ref.View, accumulate bool, bias []float32) {
		Gemm(Mat(c), Mat(a), Mat(b), GemmOptions{Accumulate: accumulate, Bias: bias, Precision: p})
	}
}

// TestConvRoundsOperands compares all three convolutions in BF16 with the
// reference of the rounded operands.
func TestConvRoundsOperands(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		suite := kerneltest.New(t)
		for i, cc := range convCases {
			suite.Run(cc.name, func(tc *kerneltest.Case) { convolveIn(BF16, tc, cc.s, i) })
		}
	})
}

func convolveIn(p Precision, c *kerneltest.Case, s ConvShape, i int) {
	ny, nx, nw := s.sizes()
	x, w, dy := c.Input(nx, 0), c.Input(nw, 0), c.Input(ny, 0)
	rx, rw, rdy, loose := x, w, dy, splitLoose
	if p == BF16 {
		rx, rw, rdy, loose = roundedCopy(x), roundedCopy(w), roundedCopy(dy), 0
	}
	o := ConvOptions{Accumulate: i%2 == 1, Precision: p}
	withBias := o
	if i%3 != 2 {
		withBias.Bias = c.Input(s.Co, 0)
	}
	// A looser product is as good as more terms: g(k) is about k*2^-24.
	terms := func(n int) int { return n + int(loose*(1<<24)) }
	sum, magnitude := s.reference().Conv2D(rx, rw)
	compareConv(c, "y", convBound{sum, magnitude, terms(s.KH * s.KW * s.Ci)}, o.Accumulate, withBias.Bias, 0, func(y []float32) { Conv2D(y, x, w, s, withBias) })
	sum, magnitude = s.reference().GradInput(rdy, rw)
	compareConv(c, "dx", convBound{sum, magnitude, terms(s.KH * s.KW * s.Co)}, o.Accumulate, nil, 0, func(dx []float32) { Conv2DGradInput(dx, dy, w, s, o) })
	sum, magnitude = s.reference().GradWeight(rdy, rx)
	compareConv(c, "dw", convBound{sum, magnitude, terms(s.N * s.OutH() * s.OutW())}, o.Accumulate, nil, 0, func(dw []float32) { Conv2DGradWeight(dw, dy, x, s, o) })
}

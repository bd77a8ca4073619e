package kernels

import (
	"fmt"
	"math"
	"testing"

	"lethe/kernels/kerneltest"
	"lethe/kernels/ref"
)

// useSplits carries BF16x3 out without tiles for the rest of a test.
func useSplits(t testing.TB) {
	useFloats(t)
	splits = true
	t.Cleanup(func() { splits = false })
}

// lowCopy is what rounding to bf16 leaves of x, rounded.
func lowCopy(x []float32) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = nearestBF16(v - nearestBF16(v))
	}
	return y
}

// TestGemmSplitsOperands: BF16x3 as three products is the sum of three products in
// F32 of split operands, bit for bit, whatever the instruction set and the number of
// workers, with bias, what c held, and the epilogue in their places; and it is
// nearer to the exact product than BF16 by orders.
func TestGemmSplitsOperands(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range [][3]int{{1, 1, 1}, {130, 197, 900}, {37, 300, 400}, {61, 70, 5000}} {
		suite.Run(fmt.Sprint(s), func(tc *kerneltest.Case) {
			want, a, b := product(tc, s)
			bias := tc.Input(s[1], 0)
			useSplits(t)
			ha, hb, la, lb := a, b, a, b
			ha.Data, hb.Data, la.Data, lb.Data = roundedCopy(a.Data), roundedCopy(b.Data), lowCopy(a.Data), lowCopy(b.Data)
			Gemm(want, la, hb, GemmOptions{Bias: bias})
			Gemm(want, ha, hb, GemmOptions{Accumulate: true})
			Gemm(want, ha, lb, GemmOptions{Accumulate: true})
			for l := range min(widest(), isaAVX512) + 1 {
				for workers := 1; workers <= 3; workers++ {
					useLevel(t, l)
					useWorkers(t, workers)
					got := MatOf(tc.Output(s[0]*s[1], 0), s[0], s[1])
					h := MatOf(tc.Output(s[0]*s[1], 0), s[0], s[1])
					Gemm(got, a, b, GemmOptions{Precision: BF16x3, Bias: bias, Epilogue: Epilogue{Gelu: h}})
					tc.Same(levels[l], got.Data, want.Data)
					gelu := make([]float32, len(want.Data))
					Gelu(gelu, want.Data)
					tc.Same("epilogue on "+levels[l], h.Data, gelu)
				}
			}
			sum, _ := ref.Gemm(ref.View(a), ref.View(b))
			errorOf := func(p Precision) float64 {
				c := MatOf(make([]float32, s[0]*s[1]), s[0], s[1])
				Gemm(c, a, b, GemmOptions{Precision: p})
				var num, den float64
				for i, v := range c.Data {
					num, den = num+(float64(v)-sum[i])*(float64(v)-sum[i]), den+sum[i]*sum[i]
				}
				return math.Sqrt(num / den)
			}
			if three, one := errorOf(BF16x3), errorOf(BF16); !(three <= 1e-5) || s[2] > 1 && !(three < one/100) {
				t.Errorf("%v: relative error %g in three products, %g in one; want at most 1e-5, and a hundredth", s, three, one)
			}
		})
	}
}

// TestSplitsAreAskedFor: by one word, and a path of their own says so.
func TestSplitsAreAskedFor(t *testing.T) {
	if chooseSplits("") || !chooseSplits("products") {
		t.Error("KERNELS_BF16X3 is read wrongly")
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("an unknown word was taken")
			}
		}()
		chooseSplits("product")
	}()
	useFloats(t)
	if BF16x3.Path() != F32.Path() {
		t.Errorf("without being asked, BF16x3 runs on %q", BF16x3.Path())
	}
	useSplits(t)
	if BF16x3.Path() == F32.Path() || BF16x3.Path() == BF16.Path() {
		t.Errorf("the path of three products is %q", BF16x3.Path())
	}
}

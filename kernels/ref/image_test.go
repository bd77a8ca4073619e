package ref

import (
	"math"
	"testing"
)

// TestGroupNorm by hand: one image of two pixels, two groups of one channel each.
// Channel 0 is 1 and 3: mean 2, variance 1; channel 1 is 5 and 5: variance 0.
func TestGroupNorm(t *testing.T) {
	s := GroupNormShape{N: 1, Pixels: 2, C: 2, Groups: 2}
	s.Eps = 0.25 // 1/sqrt(1.25), 1/sqrt(0.25) = 2
	p := GroupNormParams{Gamma: []float32{2, 1}, Beta: []float32{1, 3}, Scale: []float32{1, 0}, Shift: []float32{0, 1}}
	y, _, mean, rstd := GroupNorm([]float32{1, 5, 3, 5}, p, s)
	r := 1 / math.Sqrt(1.25)
	near(t, "mean", mean, []float64{2, 5})
	near(t, "rstd", rstd, []float64{r, 2})
	near(t, "y", y, []float64{(-2*r + 1) * 2, 4, (2*r + 1) * 2, 4})
	// dy is 1 everywhere on channel 1, where n is 0; on channel 0 it is 1 and 0, n is -r and r:
	// dn = 4, 0, its mean 2, the mean of dn*n -2r.
	d := GroupNormGrad([]float32{1, 1, 0, 1}, []float32{1, 5, 3, 5}, p, s)
	near(t, "dx", d.DX, []float64{r * (2 - 2*r*r), 0, r * (-2 + 2*r*r), 0})
	near(t, "dgamma", d.DGamma, []float64{-2 * r, 0})
	near(t, "dbeta", d.DBeta, []float64{2, 2})
	near(t, "dscale", d.DScale, []float64{-2*r + 1, 6})
	near(t, "dshift", d.DShift, []float64{1, 2})
	s.SiLU = true
	y, z, _, _ := GroupNorm([]float32{1, 5, 3, 5}, p, s)
	near(t, "silu", y[1:2], []float64{4 / (1 + math.Exp(-4))})
	near(t, "z", z[1:2], []float64{4})
}

func TestSiLU(t *testing.T) {
	e := math.E
	near(t, "SiLU", []float64{SiLU(0), SiLU(1), SiLU(-1)}, []float64{0, e / (1 + e), -1 / (1 + e)})
	h := 1e-5
	for _, x := range []float64{-3, -0.5, 0, 2} {
		if got, want := SiLUGrad(x), (SiLU(x+h)-SiLU(x-h))/(2*h); math.Abs(got-want) > 1e-9 {
			t.Errorf("SiLUGrad(%g) is %g, want %g", x, got, want)
		}
	}
}

// TestCrossEntropy: of two equal logits.
func TestCrossEntropy(t *testing.T) {
	near(t, "loss", []float64{CrossEntropy([]float32{1, 1}, 0, 0.5)}, []float64{math.Ln2})
}

func TestBlock2(t *testing.T) {
	x := Image{Data: []float32{1, 2, 9, 4, 8, 9}, N: 1, H: 2, W: 3, C: 1}
	if got := x.Block2(0, 0, 0, 0); got != 15 {
		t.Errorf("block is %g, want 15", got)
	}
}

// near compares within a few roundings of float64.
func near(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i, w := range want {
		if !(math.Abs(got[i]-w) <= 1e-14*(1+math.Abs(w))) {
			t.Errorf("%s[%d] is %g, want %g", what, i, got[i], w)
		}
	}
}

package kerneltest

import (
	"math"
	"strings"
	"testing"

	"lethe/kernels/ref"
)

// recorder stands for a test that must fail.
type recorder struct {
	testing.TB
	errors int
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.errors++ }

// TestCatchesWrongKernels feeds the suite products with one fault each.
func TestCatchesWrongKernels(t *testing.T) {
	right := func(c, a, b ref.View, accumulate bool, bias []float32) {
		sum, _ := ref.Gemm(a, b)
		for i := range c.Rows {
			for j := range c.Cols {
				c.Data[i*c.RowStride+j*c.ColStride] = float32(sum[i*c.Cols+j])
			}
		}
	}
	after := func(fault func(c ref.View)) GemmFunc {
		return func(c, a, b ref.View, accumulate bool, bias []float32) {
			right(c, a, b, accumulate, bias)
			fault(c)
		}
	}
	for name, f := range map[string]GemmFunc{
		"wrong value":     after(func(c ref.View) { c.Data[0] += 0.01 }),
		"missing element": after(func(c ref.View) { c.Data[0] = float32(math.NaN()) }),
		"written gap":     after(func(c ref.View) { c.Data[c.Cols] = 0 }),
	} {
		r := &recorder{TB: t}
		(&Suite{t: r}).Gemm(GemmCase{M: 3, N: 4, K: 5, C: Padded}, f)
		if r.errors == 0 {
			t.Errorf("%s passed the suite", name)
		}
	}
	r := &recorder{TB: t}
	(&Suite{t: r}).Gemm(GemmCase{M: 3, N: 4, K: 5, C: Padded}, right)
	if r.errors != 0 {
		t.Error("the right product failed the suite")
	}
}

func TestCatchesWritesOutside(t *testing.T) {
	for _, i := range []int{-1, 5, guard + 4} {
		b := newBuffer(5, 3)
		if err := b.intact(); err != nil {
			t.Errorf("an untouched buffer: %v", err)
		}
		b.whole[b.lo+i] = 0
		if b.intact() == nil {
			t.Errorf("a write to element %d was not seen", i)
		}
	}
}

func TestRefusesEmptySuite(t *testing.T) {
	s := &Suite{t: t}
	if err := s.verdict(); err == nil || !strings.Contains(err.Error(), "ran no case") {
		t.Errorf("an empty suite gave %v", err)
	}
	s.Run("one", func(*Case) {})
	if err := s.verdict(); err != nil {
		t.Error(err)
	}
}

func TestNearFailsOnNaN(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		got, want, tolerance float64
		ok                   bool
	}{
		{1, 1, 0, true},
		{1, 1.5, 0.5, true},
		{1, 2, 0.5, false},
		{nan, 1, inf, false},    // NaN is not near anything
		{1, nan, inf, false},    // and only NaN is near NaN
		{nan, nan, 0, true},     //
		{1, 1, nan, false},      // a broken tolerance accepts nothing
		{inf, inf, 0, true},     //
		{1, inf, inf, false},    // an infinity must be itself
		{-inf, inf, inf, false}, //
	} {
		if near(float32(c.got), c.want, c.tolerance) != c.ok {
			t.Errorf("near(%g, %g, %g) is not %t", c.got, c.want, c.tolerance, c.ok)
		}
	}
}

// TestBound checks the bound against hand values: one product has one rounding
// error of at most u.
func TestBound(t *testing.T) {
	if got := Bound(0, 5); got != 0 {
		t.Errorf("Bound(0, 5) = %g, want 0", got)
	}
	const u = 1.0 / (1 << 24)
	if got, want := Bound(1, 1), u/(1-u); math.Abs(got-want) > 1e-20 {
		t.Errorf("Bound(1, 1) = %g, want %g", got, want)
	}
}

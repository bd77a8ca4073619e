package kernels

import (
	"math"
	"slices"
	"testing"
)

func TestMatViews(t *testing.T) {
	m := MatOf([]float32{0, 1, 2, 10, 11, 12}, 2, 3)
	if got := m.Row(1); !slices.Equal(got, []float32{10, 11, 12}) || cap(got) != 3 {
		t.Errorf("row 1 is %v with capacity %d", got, cap(got))
	}
	if tr := m.T(); tr.Rows != 3 || tr.Cols != 2 || tr.Data[tr.offset(2, 1)] != 12 {
		t.Errorf("the transpose is %+v", tr)
	}
	s := m.Sub(1, 2, 1, 3)
	if got := s.Row(0); !slices.Equal(got, []float32{11, 12}) {
		t.Errorf("the block is %v", got)
	}
	if e := m.Sub(2, 2, 0, 3); e.Rows != 0 || e.span() != 0 {
		t.Errorf("the empty block is %+v", e)
	}
}

func TestMatRejectsBrokenContracts(t *testing.T) {
	m := MatOf(make([]float32, 6), 2, 3)
	for _, c := range []struct {
		f    func()
		want string
	}{
		{func() { MatOf(nil, 1, 1) }, "kernels: MatOf: len(data) is 0, want at least 1"},
		{func() { MatOf(nil, -1, 1) }, "kernels: MatOf: data.Rows is -1, want at least 0"},
		{func() { MatOf(nil, math.MaxInt, math.MaxInt) }, "kernels: MatOf: len(data) is 0, want at least 9223372036854775807"},
		{func() { m.Row(2) }, "kernels: Row: row is 2, want at most 1"},
		{func() { m.T().Row(0) }, "kernels: Row: ColStride is 3, want exactly 1"},
		{func() { m.Sub(0, 3, 0, 1) }, "kernels: Sub: m.Rows is 2, want at least 3"},
		{func() { m.Sub(0, 1, 2, 1) }, "kernels: Sub: c1 is 1, want at least 2"},
		{func() { Slab(-1) }, "kernels: Slab: n is -1, want at least 0"},
		{func() { FMAPeak(-1) }, "kernels: FMAPeak: iterations is -1, want at least 0"},
	} {
		if got := panicText(c.f); got != c.want {
			t.Errorf("panic %q, want %q", got, c.want)
		}
	}
}

func TestSaturation(t *testing.T) {
	for _, c := range []struct{ a, b, product, sum int }{
		{0, math.MaxInt, 0, math.MaxInt},
		{2, 3, 6, 5},
		{2, math.MaxInt, math.MaxInt, math.MaxInt},
		{math.MaxInt, math.MaxInt, math.MaxInt, math.MaxInt},
	} {
		if got := mulSat(c.a, c.b); got != c.product {
			t.Errorf("mulSat(%d, %d) = %d", c.a, c.b, got)
		}
		if got := addSat(c.a, c.b); got != c.sum {
			t.Errorf("addSat(%d, %d) = %d", c.a, c.b, got)
		}
	}
}

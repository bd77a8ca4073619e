package kernels

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestEpilogueIsItsParts: every part alone and together gives the bits of the
// operation on all of c, whichever way the product goes: one block, many, pieces of k
// shared by workers, no k at all, rows of c that lie apart.
func TestEpilogueIsItsParts(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	touching := false // rows of c and of the operands that it is added to or multiplied with
	matrix := func(rows, cols, gap int) Mat {
		if touching {
			gap = 0
		}
		m := MatOf(make([]float32, rows*(cols+gap)), rows, cols)
		m.RowStride = cols + gap
		for i := range m.Data {
			m.Data[i] = rng.Float32()*4 - 2
		}
		return m
	}
	clone := func(m Mat) Mat { m.Data = slices.Clone(m.Data); return m }
	for _, s := range []struct {
		m, n, k  int
		touching bool
	}{{1, 1, 1, false}, {5, 7, 3, false}, {9, 50, 390, false}, {40, 700, 800, false}, {700, 33, 20, false}, {16, 20, 5000, false}, {4, 5, 0, false}, {500, 64, 64, false}, {500, 64, 64, true}, {40, 700, 800, true}} {
		touching = s.touching
		a, b := matrix(s.m, s.k, 0), matrix(s.k, s.n, 3)
		start, residual, z := matrix(s.m, s.n, 2), matrix(s.m, s.n, 1), matrix(s.m, s.n, 0)
		bias := matrix(1, s.n, 0).Data
		for parts := range 9 { // 8: Gelu over GradAt
			for _, accumulate := range []bool{false, true} {
				t.Run(fmt.Sprintf("%+v/parts=%d/accumulate=%t", s, parts, accumulate), func(t *testing.T) {
					c, h := clone(start), matrix(s.m, s.n, 4)
					var e Epilogue
					parts := parts
					if parts == 8 {
						copyRows(h.Data, h.RowStride, z.Data, z.RowStride, s.m, s.n)
						parts, e.Gelu, e.GradAt = 6, h, h
					}
					if parts&1 != 0 {
						e.Add = residual
					}
					if parts&2 != 0 {
						e.Gelu = h
					}
					if parts&4 != 0 && e.GradAt.Data == nil {
						e.GradAt = z
					}
					Gemm(c, a, b, GemmOptions{Bias: bias, Accumulate: accumulate, Epilogue: e})

					want, wantH := clone(start), clone(h)
					Gemm(want, a, b, GemmOptions{Bias: bias, Accumulate: accumulate})
					for r := range s.m {
						row := want.Row(r)
						if parts&1 != 0 {
							Add(row, row, residual.Row(r))
						}
						switch from := row; {
						case parts&4 != 0:
							GeluGrad(row, row, z.Row(r))
							from = z.Row(r)
							fallthrough
						default:
							if parts&2 != 0 {
								Gelu(wantH.Row(r), from)
							}
						}
					}
					if !slices.Equal(c.Data, want.Data) {
						t.Error("c differs")
					}
					if parts&2 != 0 {
						for r := range s.m {
							if !slices.Equal(h.Row(r), wantH.Row(r)) {
								t.Fatalf("row %d of Gelu differs", r)
							}
						}
					}
				})
			}
		}
	}
}

// TestEpilogueRejects: parts of another shape, and results whose rows are not contiguous.
func TestEpilogueRejects(t *testing.T) {
	c, a, b := MatOf(make([]float32, 6), 2, 3), MatOf(make([]float32, 4), 2, 2), MatOf(make([]float32, 6), 2, 3)
	wantPanic(t, "kernels: Gemm: o.Gelu.Rows is 3, want exactly 2", func() {
		Gemm(c, a, b, GemmOptions{Epilogue: Epilogue{Gelu: MatOf(make([]float32, 9), 3, 3)}})
	})
	wantPanic(t, "kernels: Gemm: c.ColStride is 2, want with an epilogue exactly 1", func() {
		Gemm(MatOf(make([]float32, 6), 3, 2).T(), a, b, GemmOptions{Epilogue: Epilogue{Add: c}})
	})
	wantPanic(t, "kernels: Gemm: o.Add.ColStride is 2, want exactly 1", func() {
		Gemm(c, a, b, GemmOptions{Epilogue: Epilogue{Add: MatOf(make([]float32, 6), 3, 2).T()}})
	})
}

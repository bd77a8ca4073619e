package kernels

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"lethe/kernels/kerneltest"
)

// cutProduct prepares c = a*b in blocks as small as they can be, cut in rows by columns
// rectangles. The workspace is the caller's to give back.
func cutProduct(c, a, b Mat, rows, columns int) *gemmCall {
	ws := getWorkspace()
	g := &ws.call
	*g = gemmCall{c: c, a: lanesOfRows(a), b: lanesOfRows(b.T()), k: a.Cols, workspace: ws, tile: gemmTileShape()}
	g.form, g.columns = formOfRows(g.a, c.Cols, g.tile), cutColumns(c.Cols, g.tile)
	g.mItems, g.nItems, g.group, g.blockPanels, g.rowsAtOnce = rows, columns, 1, 1, 1
	return g
}

func (g *gemmCall) giveBack() {
	ws := g.workspace
	*g = gemmCall{}
	putWorkspace(ws)
}

var cuts = [][2]int{{2, 1}, {3, 1}, {1, 2}, {1, 3}, {2, 2}}

// TestGemmOfALateWorker: what the other workers do not come to, one does alone, so that
// the items that are left have nothing to do.
func TestGemmOfALateWorker(t *testing.T) {
	suite := kerneltest.New(t)
	for _, k := range []int{90, 1300} {
		for _, cut := range cuts {
			suite.Run(fmt.Sprint(k, cut), func(tc *kerneltest.Case) {
				want, a, b := product(tc, [3]int{300, 200, k})
				Gemm(want, a, b, GemmOptions{})
				got := MatOf(tc.Output(len(want.Data), 0), want.Rows, want.Cols)
				g := cutProduct(got, a, b, cut[0], cut[1])
				defer g.giveBack()
				useWorkers(t, 1)
				g.multiplyShared(1)
				tc.Same("c of items one after another", got.Data, want.Data)

				clear(got.Data)
				g.workspace.shares.reset(len(g.workspace.shares))
				j := (*gemmMultiply)(g)
				j.run(0, cut[0]*cut[1]-1)
				tc.Same("c of the last item alone", got.Data, want.Data)
				got.Data[0]++
				j.run(0, 0)
				if got.Data[0] != want.Data[0]+1 {
					t.Error("the first item computed again what the last had done")
				}
			})
		}
	}
}

// TestGemmSharesRowsInOrder has more workers than processors and many groups of
// pieces of k, each of which adds to what the one before left.
func TestGemmSharesRowsInOrder(t *testing.T) {
	suite := kerneltest.New(t)
	for _, cut := range cuts {
		suite.Run(fmt.Sprint(cut), func(tc *kerneltest.Case) {
			want, a, b := product(tc, [3]int{70, 150, 6000})
			useWorkers(t, 1)
			Gemm(want, a, b, GemmOptions{})
			useWorkers(t, 5)
			for range 20 {
				got := MatOf(tc.Output(len(want.Data), 0), want.Rows, want.Cols)
				g := cutProduct(got, a, b, cut[0], cut[1])
				g.multiplyShared(5)
				g.giveBack()
				tc.Same("c", got.Data, want.Data)
			}
		})
	}
}

// TestGemmPanicKeepsNobodyWaiting: rows that a worker took before it panicked count as
// done for those who wait to add the next piece of k to them.
func TestGemmPanicKeepsNobodyWaiting(t *testing.T) {
	kerneltest.New(t).Run("two items", func(tc *kerneltest.Case) {
		c, a, b := product(tc, [3]int{300, 200, 1300})
		g := cutProduct(c, a, b, 2, 1)
		defer g.giveBack()
		g.workspace.shares.reset(kPieces(g.k) * g.blocks() * 2)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic without memory for c")
				}
			}()
			g.c.Data = nil
			(*gemmMultiply)(g).run(0, 0)
		}()
		g.c.Data = c.Data
		ended := make(chan struct{})
		go func() {
			(*gemmMultiply)(g).run(1, 1)
			close(ended)
		}()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Fatal("the other worker waits for rows of one that panicked")
		}
	})
}

// TestGemmTilesOfManyRows: one call for many panels of a is as many calls for one.
func TestGemmTilesOfManyRows(t *testing.T) {
	if asksAhead() {
		t.Skip("each call is for one panel of a and its part of what comes next")
	}
	suite := kerneltest.New(t)
	shape := gemmTileShape()
	for width := shape.step; width <= shape.nr; width += shape.step {
		for _, m := range []int{1, shape.mr, shape.mr + 1, 3 * shape.mr, 4*shape.mr - 1} {
			for _, d := range []string{"nothing", "c", "a bias"} {
				for _, form := range []tileForm{packedRows, rowsInPlace} {
					suite.Run(fmt.Sprintf("%dx%d of %d rows of form %d, added to %s", shape.mr, width, m, form, d), func(tc *kerneltest.Case) {
						manyRows(tc, form, shape, width, m, d)
					})
				}
			}
		}
	}
}

// manyRows multiplies m rows with two panels of b, the second whole or cut, both ways.
func manyRows(tc *kerneltest.Case, form tileForm, shape gemmShape, width, m int, d string) {
	const k, panels, gap = 21, 2, 5
	n := panels*width - m%shape.step
	stride, apart := shape.mr*k+gap, shape.mr*k+gap // of panels
	if form == rowsInPlace {
		stride, apart = k+gap, shape.mr*(k+gap)
	}
	a := tc.Input(ceilDiv(m, shape.mr)*apart, 0)
	b, bias := tc.Input(panels*k*width, 0), tc.Input(panels*width, 0)
	got := tc.Output((m-1)*(n+gap)+n, 0)
	for i := range got {
		got[i] = float32(i)
	}
	want := slices.Clone(got)
	multiply := func(a, c []float32, m int) {
		out := tileOutput{c: c, ldc: n + gap}
		switch d {
		case "c":
			out.d, out.ldd = c, out.ldc
		case "a bias":
			out.d = bias
		}
		gemmTiles(width, k, tileRows{data: a, form: form, stride: stride}, b, c, out.ldc, out.d, out.ldd, m, n-(panels-1)*width, panels)
	}
	multiply(a, got, m)
	for r := 0; r < m; r += shape.mr {
		multiply(a[r/shape.mr*apart:], want[r*(n+gap):], min(shape.mr, m-r))
	}
	tc.Same("c", got, want)
}

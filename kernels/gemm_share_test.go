package kernels

import (
	"fmt"
	"testing"

	"lethe/kernels/kerneltest"
)

// TestGemmOfALateWorker: what one worker does not come to, the other does, so that the
// item that is left has nothing to do.
func TestGemmOfALateWorker(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range [][3]int{{130, 60, 90}, {300, 100, 1300}} {
		for _, workers := range []int{2, 3} {
			suite.Run(fmt.Sprint(s, workers), func(tc *kerneltest.Case) {
				want, a, b := product(tc, s)
				Gemm(want, a, b, GemmOptions{})
				got := MatOf(tc.Output(len(want.Data), 0), s[0], s[1])
				ws := getWorkspace()
				defer putWorkspace(ws)
				g := &ws.call
				*g = gemmCall{c: got, a: lanesOfRows(a), b: lanesOfRows(b.T()), k: s[2], workspace: ws}
				useWorkers(t, 1) // items of the product below, one after another
				g.multiply(workers)
				if g.mItems < 2 {
					t.Fatalf("%d rectangles share rows, want at least 2", g.mItems)
				}
				tc.Same("c", got.Data, want.Data)

				clear(got.Data)
				ws.shares.reset(len(ws.shares))
				j := (*gemmMultiply)(g)
				j.run(0, g.mItems-1)
				tc.Same("c of the last item alone", got.Data, want.Data)
				got.Data[0]++
				j.run(0, 0)
				if got.Data[0] != want.Data[0]+1 {
					t.Error("the first item computed again what the last had done")
				}
				*g = gemmCall{}
			})
		}
	}
}

// TestGemmSharesRowsInOrder has more workers than processors and many groups of
// pieces of k, each of which adds to what the one before left.
func TestGemmSharesRowsInOrder(t *testing.T) {
	kerneltest.New(t).Run("", func(tc *kerneltest.Case) {
		s := [3]int{70, 48, 12000}
		want, a, b := product(tc, s)
		useWorkers(t, 1)
		Gemm(want, a, b, GemmOptions{})
		useWorkers(t, 5)
		for range 20 {
			got := MatOf(tc.Output(len(want.Data), 0), s[0], s[1])
			ws := getWorkspace()
			g := &ws.call
			*g = gemmCall{c: got, a: lanesOfRows(a), b: lanesOfRows(b.T()), k: s[2], workspace: ws}
			g.tile, g.form = gemmTileShape(), formOfRows(g.a, s[1])
			g.columns = cutColumns(s[1], g.tile)
			g.mItems, g.nItems, g.group, g.blockPanels, g.rowsAtOnce = 3, 1, 1, 1, 1
			g.multiplyShared(5)
			*g = gemmCall{}
			putWorkspace(ws)
			tc.Same("c", got.Data, want.Data)
		}
	})
}

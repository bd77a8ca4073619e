package kernels

// On AVX2 a tile has six rows. In place they are six streams: where rows lie a multiple of
// 4 KiB apart, all of them fall into one set of the first-level cache. In a panel they are one.
// So there, and where c has few rows, all of a is packed first if enough columns make up for
// it, by all workers for all:
//
//	a [M,K] in place            panels, each [K,6]
//	[row][k0 k1 k2 ...]  --->   [panel][k0: r0 r1 ... r5][k1: r0 r1 ... r5] ...
//
// On Zen 3 (November 2026, in turn with rows in place, processes started anew six times)
// products of 197 to 2048 rows with K of 1024 to 3072, and 197x768x768, became 3 to 6 % faster
// at one thread, in the mean 4, and 0 to 6 at two, in the mean 3. Other products of ViT-B
// became 5 % faster to 5 % slower, those of 128 columns 8 to 10 % slower. BenchmarkGemm has these shapes.
const (
	copiedColumns = 768  // fewest columns of c that are worth it
	aliasedRows   = 1024 // elements in 4 KiB
)

// copiedPanels is how many panels of a a worker packs at a time.
const copiedPanels = 4

// copiesRows reports whether rows in place are packed first.
func (g *gemmCall) copiesRows() bool {
	worth := g.a.lane%aliasedRows == 0 || g.c.Rows < fewRows
	return isa == isaAVX2 && g.form == rowsInPlace && g.c.Cols >= copiedColumns && worth
}

// copyRows packs all of a to memory that the workers share.
func (g *gemmCall) copyRows(workers int) {
	g.copied = g.workspace.sharedFloats(g.rowPanels() * g.tile.mr * g.k)
	dispatch((*gemmCopy)(g), ceilDiv(g.rowPanels(), copiedPanels), workers)
}

// gemmCopy packs rows of a: one item is a few panels.
type gemmCopy gemmCall

func (j *gemmCopy) run(_, item int) {
	g := (*gemmCall)(j)
	r0 := item * copiedPanels
	g.packRows(g.copied[r0*g.tile.mr*g.k:], 0, g.k, r0, min(r0+copiedPanels, g.rowPanels()))
}

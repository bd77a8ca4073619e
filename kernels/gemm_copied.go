package kernels

// On AVX2 a tile has six rows. In place they are six streams, which where rows lie a multiple
// of 4 KiB apart fall into one set of the first-level cache; in a panel they are one. So all of
// a is packed first if enough columns make up for it, by all workers for all:
//
//	a [M,K] in place            panels, each [K,6]
//	[row][k0 k1 k2 ...]  --->   [panel][k0: r0 r1 ... r5][k1: r0 r1 ... r5] ...
//
// Then a costs little to read again, so a block of b is small: what another thread on the same
// core leaves of the second-level cache holds it. And one call of assembly goes through many
// panels of a.
//
// On Zen 3 (November 2026, medians of 7 to 9 in turn with rows in place but for K a multiple of
// 1024 or few rows, and blocks of all that stays in the cache) 32 products of ViT-B and squares, b
// packed before and on the way, became 5 % faster in the mean at one thread, 7 at two; a core that
// nobody else used gained 0 to 2. With 256 columns and less they became slower, by up to 35 % with 64.
// BenchmarkGemm and BenchmarkGemmPacked have these shapes.
// Rows that are packed in any case, of a weight gradient, are packed once instead of once a
// block where columns are many: 768x3072 with K of 400 and 800 became 2 to 5 % faster at one thread
// and 0 to 7 at two, 3072x768 as much slower. With K of 128 and 512 columns nothing was gained, and
// GELU and its gradient, which then come for some columns of a row after the other, made the hidden
// layers of mae_tiny 12 and 29 % slower (lethe budget).
const (
	copiedColumns = 512 // fewest columns of c that are worth it
	copiedSteps   = 256 // shortest K
	copiedPart    = 3   // a block of b has one part in so many of what else stays in the cache; half gained 2 % less, all 4
)

// copiedPanels is how many panels of a a worker packs at a time.
const copiedPanels = 4

// copiesRows reports whether all rows are packed first.
func (g *gemmCall) copiesRows() bool {
	if isa != isaAVX2 || g.c.Cols < copiedColumns || g.k < copiedSteps {
		return false
	}
	return g.form == rowsInPlace || g.form == packedRows && g.c.Cols >= 2*g.c.Rows
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

package kernels

// The products of attention are small, so they do not go through Gemm, which
// packs both operands: attentionTile reads the left operand where it lies and a
// panel of rows of the right one. On a Xeon with AVX-512 the two products of a
// head take 0.46 instead of 1.47 us at 17 tokens of 32, 4.9 instead of 7.6 at 50
// of 64 and 66 instead of 71 at 197 of 64.
//
// Keys (and values, in the gradient) are transposed into panels,
//
//	panel 0             panel 1
//	k[0,0] ... k[NR-1,0]   k[NR,0] ...        one row per d,
//	k[0,1] ... k[NR-1,1]   k[NR,1] ...        NR = attentionNR columns
//	...
//
// and everything else is used in place.

// scoreElements bounds the block of scores that is worked on at a time: 128
// KiB, a small part of the second-level cache. Half and a quarter of it measured
// the same within 5 % at 50 to 197 tokens and slower at 1024 (BenchmarkAttention,
// Xeon with AVX-512).
const scoreElements = 1 << 15

// scoreBlock is how many rows of scores are computed at a time. It depends on
// the shapes alone.
func scoreBlock(queries, keys int) int {
	return min(queries, max(scoreRows, scoreElements/keys/scoreRows*scoreRows))
}

// scoreStride is the distance of the rows of scores: whole cache lines, and an
// odd number of them, so that a column of scores does not fall into few sets of
// the cache.
func scoreStride(keys int) int { return roundUp(keys, slabAlign) | slabAlign }

// scoreRows is a multiple of the rows of every attention tile, so that only
// the last block has an edge.
const scoreRows = 12

// panelSize is how many elements packKeys writes.
func panelSize(k Mat) int { return roundUp(k.Rows, attentionNR()) * k.Cols }

// packKeys transposes k [T,Dim] into panels. attentionTile reads no column
// beyond the last key, so what stands there does not matter.
func packKeys(dst []float32, k Mat) {
	nr := attentionNR()
	for lo := 0; lo < k.Rows; lo += nr {
		panel := dst[lo*k.Cols : (lo+nr)*k.Cols]
		for l := 0; l < min(nr, k.Rows-lo); l += transposedRows {
			packTranspose8(panel[l:], nr, k.Data[(lo+l)*k.RowStride:], k.RowStride, min(transposedRows, k.Rows-lo-l), k.Cols)
		}
	}
}

// transposedRows is how many rows one call of packTranspose8 takes.
const transposedRows = 8

// multiplyPanels computes c = a * transpose(k) for k packed by packKeys.
func multiplyPanels(c, a Mat, panels []float32) {
	nr := attentionNR()
	for lo := 0; lo < c.Cols; lo += nr {
		n := min(nr, roundUp(c.Cols-lo, 8))
		attentionTile(c.Data[lo:], c.RowStride, a.Data, a.RowStride, a.ColStride,
			panels[lo*a.Cols:], nr, c.Rows, n, a.Cols, 0)
	}
}

// multiplyRows computes c = a * b, or c += a * b when add is 1, for b with
// contiguous rows.
func multiplyRows(c, a, b Mat, add int) {
	nr := attentionNR()
	for lo := 0; lo < c.Cols; lo += nr {
		n := min(nr, c.Cols-lo)
		attentionTile(c.Data[lo:], c.RowStride, a.Data, a.RowStride, a.ColStride,
			b.Data[lo:], b.RowStride, c.Rows, n, a.Cols, add)
	}
}

// band is rows [lo,hi) of a head or a block of one, which are there.
func (m Mat) band(lo, hi int) Mat {
	m.Data, m.Rows = m.Data[lo*m.RowStride:], hi-lo
	return m
}

// smallHeads reports whether a head is a few kilobytes.
func smallHeads(h Heads) bool { return h.Tokens*h.Dim < smallHead }

// smallHead is the elements of a head that is not small.
const smallHead = 1 << 11

// headsOfItem is how many heads a worker does at a time: all of a batch where they are small and
// every worker has several batches.
func headsOfItem(h Heads) int {
	if smallHeads(h) && h.Batch >= 4*workers() {
		return h.Heads
	}
	return 1
}

// fetch asks for one head of each to be in the second-level cache soon. The rows of a head
// are a few cache lines each, a page apart, which the processor does not
// foresee. Large ones would push out what was asked for before. The gradient of a ViT-B head
// (50 tokens, 64 wide) went from 28 to 17 us with it on a Xeon with AVX-512
// (BenchmarkAttention). Attention itself gains nothing by asking for what it is about to read, but by
// asking for the next head, a part at a time, and for where it writes: 0.84 of the time at 50
// tokens, 0.89 at 65, 0.97 at 197 (Xeon of the Emerald Rapids class, two threads, operands of six layers in
// turn, medians of 60). The gradient gains nothing by the next head, unless heads are small, where asking
// for this one comes too late: in the step of mae_tiny (17 tokens, 32 wide) attention went from 21.2 to 14.3 ms
// and its gradient from 18.3 to 16.5 (lethe budget --model mae_tiny --images 64, one thread, Zen 3, November 2026,
// medians of 6 to 12 in turn), while operands that lie in the cache anyway made it 0.90 as fast.
func fetch(b, head int, heads ...*Heads) {
	const least, most = 1 << 9, 1 << 14
	for _, h := range heads {
		if size := h.Tokens * h.Dim; size >= least && size <= most {
			prefetch(h.Data[b*h.BatchStride+head*h.HeadStride:], h.TokenStride, h.Tokens, (h.Dim+slabAlign-1)/slabAlign)
		}
	}
}

// fetchNext is fetch for the head after this one, which mostly is the same worker's next; nothing
// after the last one.
func fetchNext(b, head int, heads ...*Heads) {
	if head++; head == heads[0].Heads {
		b, head = b+1, 0
	}
	if b < heads[0].Batch {
		fetch(b, head, heads...)
	}
}

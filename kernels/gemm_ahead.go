package kernels

// What is packed next of b is asked for while a block is multiplied, a little by each
// row of tiles, so that packing finds it in the second-level cache: two lines every 16 steps
// of the micro-kernels of AVX-512, whose loads do not feel it. Where rows are many
// that is more than a row's part, and the next rows ask for some of it again. Where the block
// is so large that the next one would push it out, nothing is asked for.
//
// On a Xeon with AVX-512 (November 2026, one thread, a loop over as many operands as
// the second-level cache does not hold, medians of four in turn) products of 197 rows became
// 2 to 5 % faster, weight gradients of mae_tiny (BenchmarkGemmInTurn) 0 to 6, 512 cubed 4.
//
// Of a b that was packed before, the next block's panels are asked for. Without, it was no
// faster than one that is packed on the way; with it, 800 rows and ViT-B's weights, 16 sets of them in
// turn, are 1 to 4 % faster at one thread and at two (Xeon of the Emerald Rapids class, medians of 40).

// blockAhead is the memory of a block of b that is packed next: rows of pairs of
// cache lines.
type blockAhead struct {
	data        []float32
	rows, pairs int // how many, and in each
	stride      int // of rows
}

// tileAhead is the part of it that a row of tiles asks for.
type tileAhead struct {
	data      []float32
	left, run int // pairs of lines to the end of the row, and in the rows after it
	skip      int // elements from the end of a run to the next one
}

// pairElements is how many elements two cache lines have.
const pairElements = 32

// asksAhead reports whether the micro-kernels ask for it.
func asksAhead() bool { return isa >= isaAVX512 }

// lookAhead notes panels [c0,c1) and pieces [p0,p1) of b as the ones that are packed next.
func (b *gemmBlock) lookAhead(c0, c1, p0, p1 int) {
	b.next = blockAhead{}
	if p0 == p1 || c0 == c1 || b.pairs {
		return
	}
	lane, end := b.columns.lane(c0), min(b.columns.lane(c1), b.columns.n)
	lo, _ := kPiece(b.k, p0)
	_, hi := kPiece(b.k, p1-1)
	if 2*(end-lane)*(hi-lo) > residentElements {
		return
	}
	if b.whole != nil { // pieces are of nearly one length
		piece, width := (hi-lo)/(p1-p0), b.columns.lane(c1)-lane
		b.next = blockAhead{b.whole[lo*b.columns.lanes+lane*piece:], p1 - p0, ceilDiv(width*piece, pairElements), b.columns.lanes * piece}
		return
	}
	switch next := b.b.at(lane, lo); {
	case b.b.step == 1:
		b.next = blockAhead{next, end - lane, ceilDiv(hi-lo, pairElements), b.b.lane}
	case b.b.lane == 1:
		b.next = blockAhead{next, hi - lo, ceilDiv(end-lane, pairElements), b.b.step}
	}
}

// ahead returns what of it panel r of a asks for while it computes piece p: each of the
// rectangle's rows of tiles as much as the others. Another's rows ask for none of it.
func (b *gemmBlock) ahead(r, p int) tileAhead {
	n := &b.next
	r0, r1 := b.rowsOf(b.item)
	if n.data == nil || r < r0 || r >= r1 {
		return tileAhead{}
	}
	pieces := b.p1 - b.p0
	first := int(int64(n.rows*n.pairs) * int64((r-r0)*pieces+p-b.p0) / int64((r1-r0)*pieces))
	row, pair := first/n.pairs, first%n.pairs
	return tileAhead{n.data[row*n.stride+pair*pairElements:], n.pairs - pair, n.pairs, n.stride - n.pairs*pairElements}
}

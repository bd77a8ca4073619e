package kernels

import "sync/atomic"

// How workers share rows. A machine that others use, or whose cores differ, makes one
// worker late; cut in fixed parts, a product takes as long as its last one. So the
// rectangles of the same columns share their rows, block by block of b: each worker
// takes its own panels of a in order, and when it has none left, the last ones of
// another. Each has packed the block in any case. Once a worker's columns are done, it
// packs blocks of the others' too, where enough rows are left (fewestOthers). Who computes
// an element does not change its bits.
//
//	block of b:     0                      1
//	worker 0        0 1 2 3 4 ... 48 49    0 1 2 3 ...
//	worker 1        50 51 52 ... 98        50 51 ...
//	                takes from the end of the other's when its own are done
//
// On two cores of a virtual machine beside others (November 2026, Xeon with AVX-512), the
// later worker of 800x2304x768 was 2 to 10 % behind the mean of both in the mean of 80
// products; sharing made eleven shapes of ViT-B 5 % faster in the mean of medians, in
// a loop over them in turn with the commit before. BenchmarkGemm has these shapes.

// What a worker takes at a time, in panels: half of what is left, but at least the
// first of these of an a that is packed, since a step of one panel is less than a
// cache line, and at most the second of one in place.
const (
	fewestPacked = 4
	mostInPlace  = 4
	mostCopied   = 16 // of an a that was packed before
)

// fewestOthers is how many panels must be left of other columns: what half of them
// take is to be more than what packing b takes, about two.
const fewestOthers = 8

// rowRange is what is taken of a rectangle's panels of a in one block, and how many of
// them are done. It has two cache lines of its own, as processors fetch pairs of them.
type rowRange struct {
	claims
	done atomic.Int64
	_    [112]byte
}

// rowShares is the state of a product whose workers share rows: each rectangle of each
// block of b, the blocks in the order in which they are computed.
type rowShares []rowRange

// reset makes room for n blocks and rectangles, of which nothing is taken.
func (s *rowShares) reset(n int) {
	if len(*s) < n {
		*s = make([]rowRange, n)
	}
	for i := range n {
		(*s)[i].reset()
		(*s)[i].done.Store(0)
	}
}

// share returns the state of a rectangle of a block.
func (b *gemmBlock) share(number, item int) *rowRange {
	return &b.workspace.shares[number*b.mItems*b.nItems+item]
}

// worthwhile reports whether the block has rows that nobody took, and if its columns
// are others', enough of them that half are worth packing b again.
func (b *gemmBlock) worthwhile() bool {
	if b.mItems*b.nItems == 1 {
		return true
	}
	left, first := 0, b.columnItem*b.mItems
	for item := first; item < first+b.mItems; item++ {
		r0, r1 := b.rowsOf(item)
		left += b.share(b.number, item).left(r1 - r0)
	}
	if b.item/b.mItems != b.columnItem {
		return left >= fewestOthers
	}
	return left > 0
}

// shareRows computes the rows of the block's own rectangle and then what others leave.
func (b *gemmBlock) shareRows() {
	if b.mItems*b.nItems == 1 {
		b.multiplyRows(b.rowsOf(b.item))
		return
	}
	least, most := 1, mostInPlace
	switch {
	case b.copied != nil:
		most = mostCopied
	case b.form == packedRows:
		least, most = fewestPacked, b.rowsAtOnce
	}
	first := b.columnItem * b.mItems
	for i := range b.mItems {
		item := first + (b.item+i)%b.mItems
		r0, r1 := b.rowsOf(item)
		share := b.share(b.number, item)
		for {
			lo, hi := share.take(r1-r0, least, most, item != b.item)
			if lo == hi {
				break
			}
			if b.p0 > 0 { // whoever took rows of the pieces before may still be at them
				await(&b.share(b.number-b.blocks(), item).done, int64(r1-r0))
			}
			b.multiplyTaken(share, r0+lo, r0+hi)
		}
	}
}

// multiplyTaken computes rows that were taken of a range. They are done even if that
// panics: others wait for them.
func (b *gemmBlock) multiplyTaken(share *rowRange, r0, r1 int) {
	defer share.done.Add(int64(r1 - r0))
	b.multiplyRows(r0, r1)
}

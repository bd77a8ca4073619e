package kernels

import (
	"fmt"
	"slices"
	"testing"

	"lethe/kernels/kerneltest"
)

// TestAheadCoversTheNextBlock: what the rows of tiles of a block ask for, each from where
// the one before ends, is the memory of the next block, row by row, and nothing else.
func TestAheadCoversTheNextBlock(t *testing.T) {
	before := residentElements
	defer func() { residentElements = before }()
	residentElements = 1 << 20
	suite := kerneltest.New(t)
	for _, s := range []struct{ m, n, k, stride, items int }{{197, 333, 768, 800, 1}, {150, 333, 1100, 1200, 2}, {9, 40, 1500, 1500, 1}, {64, 2000, 100, 104, 3}} {
		for _, transposed := range []bool{false, true} {
			suite.Run(fmt.Sprintf("%v transposed=%t", s, transposed), func(c *kerneltest.Case) {
				b := MatOf(make([]float32, s.k*(s.n+7)), s.k, s.n)
				b.RowStride = s.n + 7
				if transposed {
					b = Mat{Data: make([]float32, s.n*s.stride), Rows: s.n, Cols: s.k, RowStride: s.stride, ColStride: 1}.T()
				}
				g := &gemmCall{c: emptyMat(c, s.m, s.n, 0), b: lanesOfRows(b.T()), k: s.k, tile: gemmTileShape(), mItems: s.items, nItems: 1}
				g.columns = cutColumns(s.n, g.tile)
				pieces := kPieces(s.k)
				c0, c1, p := min(1, g.columns.panels-1), g.columns.panels, pieces-1
				block := &gemmBlock{gemmCall: g, p0: max(0, p-2), p1: max(1, p), item: s.items - 1}
				block.lookAhead(c0, c1, p, pieces)

				lane, lo := g.columns.lane(c0), 0
				for q := range p {
					_, lo = kPiece(s.k, q)
				}
				rows, length, stride := s.k-lo, s.n-lane, b.RowStride
				if transposed {
					rows, length, stride = s.n-lane, s.k-lo, s.stride
				}
				var want []int
				for r := range rows {
					for at := 0; at < length; at += pairElements {
						want = append(want, r*stride+at)
					}
				}
				r0, r1 := g.rowsOf(block.item)
				if r0 > 0 && block.ahead(r0-1, block.p0).data != nil {
					c.Fail("another's rows ask")
				}
				if got := asked(block, r0, r1, len(want)); !slices.Equal(got, want) {
					c.Fail("asked for %d pairs of lines, want %d: %v, want %v", len(got), len(want), got[:min(9, len(got))], want[:min(9, len(want))])
				}
				if &block.next.data[0] != &g.b.at(lane, lo)[0] {
					c.Fail("the next block begins elsewhere")
				}
				for _, nothing := range [][4]int{{c0, c1, p, p}, {c0, c0, p, pieces}} {
					block.lookAhead(nothing[0], nothing[1], nothing[2], nothing[3])
					if block.ahead(r0, block.p0).data != nil {
						c.Fail("asks for an empty block %v", nothing)
					}
				}
			})
		}
	}
}

// asked returns where the pairs of lines are that rows [r0,r1) of tiles ask for, each as
// the micro-kernel goes through them until the next one's begin, as offsets into the
// next block; the last one's end with as many as there are pairs.
func asked(b *gemmBlock, r0, r1, pairs int) (at []int) {
	var calls []tileAhead
	for r := r0; r < r1; r++ {
		for p := b.p0; p < b.p1; p++ {
			calls = append(calls, b.ahead(r, p))
		}
	}
	begin := func(i int) int {
		if i == len(calls) {
			return -1
		}
		return len(b.next.data) - len(calls[i].data)
	}
	for i, a := range calls {
		pos, left := begin(i), a.left
		for pos != begin(i+1) && len(at) < pairs {
			at = append(at, pos)
			pos += pairElements
			if left--; left == 0 {
				pos, left = pos+a.skip, a.run
			}
		}
	}
	return at
}

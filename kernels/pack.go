package kernels

import "sync/atomic"

// Packed panels. The micro-kernel walks k and wants, for each k, the elements
// of one tile side by side, so both operands are copied into panels first:
//
//	operand, lanes down, k across        panel of width 4: [k][lane]
//
//	   k0  k1  k2
//	l0 a   e   i                         a b c d | e f g h | i j k l
//	l1 b   f   j
//	l2 c   g   k
//	l3 d   h   l
//
// A lane is a row of a or a column of b. All panels of a block have the full
// width but the last, whose width is the number of lanes left rounded up to
// what the micro-kernel can do. Lanes past the edge are never stored; they hold
// zeros or repeat the last lane, so that no stray bits slow the arithmetic.

// residentElements is how much of b is meant to stay in the second-level cache
// while the rows of a go by: 5/8 of it, where the processor tells its size.
var residentElements = residentIn(cacheL2())

// residentIn is residentElements for a second-level cache of some bytes.
func residentIn(bytes int) int {
	const usual = 1 << 20
	if bytes <= 0 {
		bytes = usual
	}
	return min(max(bytes, 1<<18), 4<<20) / 4 / 8 * 5
}

// workspace is the scratch memory of one goroutine inside Gemm.
type workspace struct {
	rows, panels []float32 // packed parts of a and of b
	shared       []float32 // an operand that all workers read
	call         gemmCall
	block        gemmBlock
	shares       rowShares
	piece        atomic.Int64             // the next item of those that share pieces of k
	turns        [pieceParts]atomic.Int64 // which piece of k is next to be added, for each part of the rows
}

var workspaces freeList[workspace]

// getWorkspace takes a workspace off the free list. Give it back with
// putWorkspace.
func getWorkspace() *workspace { return workspaces.get() }

func putWorkspace(ws *workspace) { workspaces.put(ws) }

// ownBlock returns the buffer for a block of b.
func (ws *workspace) ownBlock() []float32 {
	n := max(residentElements, groupSteps*48) // a block, or one panel of it
	if len(ws.panels) < n {
		ws.panels = Slab(n)
	}
	return ws.panels
}

// ownRows returns the buffer for what is packed of a.
func (ws *workspace) ownRows() []float32 {
	if ws.rows == nil {
		ws.rows = Slab(packedSize)
	}
	return ws.rows
}

// sharedFloats returns n elements for an operand that all workers read, of the kind of Pages.
func (ws *workspace) sharedFloats(n int) []float32 {
	if len(ws.shared) < n {
		ws.shared = Pages(roundUp(n, 1<<16))
	}
	return ws.shared[:n]
}

// lanes views an operand for packing: element (lane l, k) is
// data[l*lane+k*step].
type lanes struct {
	data       []float32
	lane, step int
}

// lanesOfRows views rows of m as lanes.
func lanesOfRows(m Mat) lanes { return lanes{data: m.Data, lane: m.RowStride, step: m.ColStride} }

// at returns the data from element (lane l, k) on.
func (s lanes) at(l, k int) []float32 { return s.data[l*s.lane+k*s.step:] }

// packPanel writes dst [k,width] from lanes [l0,l0+n) and steps [k0,k0+k) of
// src. n is 1 to width.
func packPanel(dst []float32, width int, src lanes, l0, n, k0, k int) {
	from := src.at(l0, k0)
	dst = dst[:k*width]
	switch {
	case src.lane == 1:
		packCopy(dst, width, from, src.step, n, k)
	case src.step == 1 || k == 1:
		packTranspose(dst, width, from, src.lane, n, k)
	default:
		packStrided(dst, width, from, src, n, k)
	}
}

// packTranspose is packPanel for lanes whose steps are adjacent: sixteen at a time where
// there is a kernel for it, as far as they and the steps are whole.
func packTranspose(dst []float32, width int, src []float32, stride, n, k int) {
	lanes, steps := wholeTransposes(n, k)
	for l := 0; l < lanes; l += 16 {
		packTranspose16(dst[l:], width, src[l*stride:], stride, steps)
	}
	if lanes > 0 {
		transposeLanes(dst[steps*width:], width, lanes, src[steps:], stride, lanes, k-steps)
	}
	if lanes < width {
		transposeLanes(dst[lanes:], width, width-lanes, src[min(lanes, n-1)*stride:], stride, n-lanes, k)
	}
}

// transposeLanes packs n rows into the first lanes of a panel, and zeros into the rest of
// some lanes. It goes eight lanes at a time, and in pieces of k that keep the
// panel's lines in the first-level cache until all its lanes are written.
func transposeLanes(dst []float32, width, lanes int, src []float32, stride, n, k int) {
	const piece = 64
	for p := 0; p < k; p += piece {
		steps := min(piece, k-p)
		for l := 0; l < lanes; l += 8 {
			to := dst[p*width+l:]
			if l >= n {
				clearLanes(to, width, min(8, lanes-l), steps)
				continue
			}
			packTranspose8(to, width, src[l*stride+p:], stride, min(8, n-l), steps)
		}
	}
}

// clearLanes zeroes adjacent lanes of a panel.
func clearLanes(dst []float32, width, lanes, k int) {
	for p := range k {
		clear(dst[p*width:][:lanes])
	}
}

// packStrided is packPanel for operands in which no two neighbours are
// adjacent in memory.
func packStrided(dst []float32, width int, from []float32, src lanes, n, k int) {
	for p := range k {
		row := dst[p*width : (p+1)*width]
		clear(row[n:])
		for l := range n {
			row[l] = from[l*src.lane+p*src.step]
		}
	}
}

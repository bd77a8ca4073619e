package generic

import "math"

// What gradients of filters on tiles need: their reduction runs over pixels, so pairs
// are of neighbouring pixels, and what a tap sees of an image is the same memory for
// every tap, a shift of some pixels further on (package kernels, conv_weight_tiles.go).
// Pixels are packed in blocks of 16 lanes, which are channels or filters:
//
//	[pair of pixels][plane][lane 16][2]

// pairLanes are the lanes of a block.
const pairLanes = 16

// PairPixels packs a run of pixels as pairs, and, where between is not nil, as the
// pairs between those:
//
//	dst[l/16*half + (m, plane, l%16, e)]          = plane of src[(2*m+e)*stride+l]   for m < ceil(n/2)
//	between[l/16*half + (m-lead, plane, l%16, e)] = plane of src[(2*m-1+e)*stride+l] for lead <= m <= n/2
//
// for l < 32, where pixels before the first and from n on, and lanes from lanes on, are 0.
//
// Shapes: dst, in each of two blocks, [ceil(n/2),planes,16,2]; between
// [n/2+1-lead,planes,16,2]; n at least 1; lanes 1 to 32; planes 1 or 2; lead 0, or 1 to
// leave the first of between out.
func PairPixels(dst, between []uint16, planes, half int, src []float32, stride, n, lanes, lead int) {
	size := planes * 2 * pairLanes
	put := func(to []uint16, pixel int) {
		clear(to[:size])
		clear(to[half:][:size])
		for e := range 2 {
			p := pixel + e
			if p < 0 || p >= n {
				continue
			}
			for l, x := range src[p*stride:][:lanes] {
				split := to[l/pairLanes*half+l%pairLanes*2+e:]
				split[0] = BF16(x)
				if planes == 2 {
					split[2*pairLanes] = BF16(x - math.Float32frombits(uint32(split[0])<<16))
				}
			}
		}
	}
	for m := range (n + 1) / 2 {
		put(dst[m*size:], 2*m)
	}
	if between == nil {
		return
	}
	for m := lead; m <= n/2; m++ {
		put(between[(m-lead)*size:], 2*m-1)
	}
}

// TransposePairs turns pairs of pixels into rows of a lane each: tiles that lie side by
// side, which hold 16 lanes of 16 pairs, become tiles stride apart, transposed:
//
//	dst[(s*tiles+t)*stride + 32*l+2*m+e] = src[16*s+m, t, l, e] for m < 16, l < 16
//
// Shapes: src [16*steps,tiles,16,2].
func TransposePairs(dst []uint16, stride int, src []uint16, tiles, steps int) {
	for s := range steps {
		for t := range tiles {
			to := dst[(s*tiles+t)*stride:]
			for l := range 16 {
				for m := range 16 {
					from := src[((16*s+m)*tiles+t)*2*pairLanes+2*l:]
					to[l*TileDepth+2*m], to[l*TileDepth+2*m+1] = from[0], from[1]
				}
			}
		}
	}
}

// TapProducts adds to columns of the gradient of 32 filters what k steps of 32 pixels
// contribute. A column is 16 channels at one tap; places has where its pixels begin in b,
// and where it lies in c:
//
//	to := places[2*t+1]
//	c[to+i*ldc+j] = (c[to+i*ldc+j] if add) + a[i] * b[places[2*t] + j] for i < 32, j < 16
//
// for t < columns. a is a panel of rows, as in TilePanels, and b blocks of pairs, as of
// PairPixels. The sums of a step are those of TilePanels, or of TilePanelsSplit
// for two planes.
func TapProducts(planes, columns, k int, a, b []uint16, places []int, c []float32, ldc, add int) {
	const plane = 2 * pairLanes
	for t := range columns {
		from, to := places[2*t], places[2*t+1]
		for i := range TileLanes {
			for j := range pairLanes {
				at := to + i*ldc + j
				sum := float32(0)
				if add != 0 {
					sum = c[at]
				}
				for s := range k {
					row, column := a[s*planes*planeSize+i*TileDepth:], b[from+s*16*planes*plane+2*j:]
					if planes == 2 {
						sum = pairProduct(row[planeSize:], column, planes*plane, sum)
					}
					sum = pairProduct(row, column, planes*plane, sum)
					if planes == 2 {
						sum = pairProduct(row, column[plane:], planes*plane, sum)
					}
				}
				c[at] = sum
			}
		}
	}
}

// pairProduct is tileProduct for a column whose pairs are stride numbers apart.
func pairProduct(row, column []uint16, stride int, sum float32) float32 {
	var even, odd float32
	for p := range TileDepth / 2 {
		even = flushedFMA(row[2*p], column[stride*p], even)
		odd = flushedFMA(row[2*p+1], column[stride*p+1], odd)
	}
	return flushedAdd(sum, flushedAdd(even, odd))
}

package generic

import "math"

// Packed panels of bf16 for products on tiles. A panel has 32 lanes: rows of a, or
// columns of b. It goes by steps of 32 elements of k; the last one is filled up with
// zeros. Each step has one plane, or two where numbers are split: what was
// rounded to bf16, and what that left, rounded again.
//
//	plane of a panel of a: rows      plane of a panel of b: pairs
//	[lane 32][k 32]                  [half 2][pair of k 16][lane 16][2]
//
// Either is two tiles of 16 rows of 64 bytes. Lanes past the last are zeros.

// TileLanes and TileDepth are the lanes of a panel and the elements of k of a step.
const (
	TileLanes = 32
	TileDepth = 32
	planeSize = TileLanes * TileDepth
	tileSize  = planeSize / 2
)

// PackRows packs lanes whose steps are adjacent in memory as rows:
//
//	dst[p/32, plane, l, p%32] = plane of src[l*stride+p] for l < n, p < k, else 0
//
// Shapes: dst [ceil(k/32),planes,32,32]; n 0 to 32; planes 1 or 2.
func PackRows(dst []uint16, planes int, src []float32, stride, n, k int) {
	clear(dst[:(k+TileDepth-1)/TileDepth*planes*planeSize])
	for l := range n {
		for p, x := range src[l*stride:][:k] {
			splitBF16(dst[p/TileDepth*planes*planeSize+l*TileDepth+p%TileDepth:], planes, x)
		}
	}
}

// PackPairs packs lanes that are adjacent in memory as pairs:
//
//	dst[p/32, plane, l/16, p%32/2, l%16, p%2] = plane of src[p*stride+l] for l < n, p < k, else 0
//
// Shapes: dst [ceil(k/32),planes,2,16,16,2]; n 0 to 32; planes 1 or 2.
func PackPairs(dst []uint16, planes int, src []float32, stride, n, k int) {
	clear(dst[:(k+TileDepth-1)/TileDepth*planes*planeSize])
	for p := range k {
		for l, x := range src[p*stride:][:n] {
			splitBF16(dst[p/TileDepth*planes*planeSize+l/16*tileSize+p%TileDepth/2*32+l%16*2+p%2:], planes, x)
		}
	}
}

// splitBF16 writes x to the first element of each plane.
func splitBF16(dst []uint16, planes int, x float32) {
	dst[0] = BF16(x)
	if planes == 2 {
		dst[planeSize] = BF16(x - math.Float32frombits(uint32(dst[0])<<16))
	}
}

// TransposeTiles turns tiles of rows into tiles of pairs, or back: in each, 16 by
// 16 pairs of bf16 are transposed in place.
func TransposeTiles(p []uint16, tiles int) {
	for t := range tiles {
		tile := p[t*tileSize:][:tileSize]
		for i := range 16 {
			for j := range i {
				a, b := tile[i*32+2*j:][:2], tile[j*32+2*i:][:2]
				a[0], a[1], b[0], b[1] = b[0], b[1], a[0], a[1]
			}
		}
	}
}

// TilePanels multiplies m rows of a, in panels which follow each other in memory, with
// one panel of b, over k steps:
//
//	c[i*ldc+j] = d[i*ldd+j] + a[i] * b[j] for i < m, j < 32
//
// Within a step, the products of each row and column are summed separately over
// the even and over the odd elements, by multiply-adds that round once; then
// the two sums are added to each other, and the result to what there was.
// Rounding is to nearest even; what is below 2^-126 counts as 0, before and
// after.
//
// Writes: m rows of 32 elements of c. d nil stands for zeros; d may be
// c, and ldd 0 repeats one row.
// Source: TDPBF16PS in the Intel 64 and IA-32 Architectures Software Developer's
// Manual, volume 2.
func TilePanels(m, k int, a, b []uint16, c []float32, ldc int, d []float32, ldd int) {
	tilePanels(1, m, k, a, b, c, ldc, d, ldd)
}

// TilePanelsSplit is TilePanels for panels of two planes. A step adds the
// products of the second plane of a with the first of b, then those of the
// first planes, then those of the first of a with the second of b.
func TilePanelsSplit(m, k int, a, b []uint16, c []float32, ldc int, d []float32, ldd int) {
	tilePanels(2, m, k, a, b, c, ldc, d, ldd)
}

func tilePanels(planes, m, k int, a, b []uint16, c []float32, ldc int, d []float32, ldd int) {
	step := planes * planeSize
	for i := range m {
		row := a[i/TileLanes*k*step+i%TileLanes*TileDepth:]
		for j := range TileLanes {
			sum := float32(0)
			if d != nil {
				sum = d[i*ldd+j]
			}
			column := b[j/16*tileSize+j%16*2:]
			for s := range k {
				if planes == 2 {
					sum = tileProduct(row[s*step+planeSize:], column[s*step:], sum)
				}
				sum = tileProduct(row[s*step:], column[s*step:], sum)
				if planes == 2 {
					sum = tileProduct(row[s*step:], column[s*step+planeSize:], sum)
				}
			}
			c[i*ldc+j] = sum
		}
	}
}

// tileProduct adds a row of a tile times a column of another to sum, as
// TDPBF16PS does.
func tileProduct(row, column []uint16, sum float32) float32 {
	return pairProduct(row, column, 2*tileSize/TileDepth, sum)
}

// flushedFMA is a*b+c, rounded once, with subnormals flushed. The product of two
// bf16 numbers is exact in a float64, and the sum is rounded to odd there, so
// that rounding it again is rounding it once.
func flushedFMA(a, b uint16, c float32) float32 {
	x, y := float64(flush(math.Float32frombits(uint32(a)<<16))), float64(flush(math.Float32frombits(uint32(b)<<16)))
	return addOdd(x*y, float64(c))
}

func flushedAdd(a, b float32) float32 { return addOdd(float64(flush(a)), float64(flush(b))) }

// addOdd is a+b as a float32, rounded once and flushed.
func addOdd(a, b float64) float32 {
	sum := a + b
	bits := math.Float64bits(sum)
	if exponent := bits >> 52 & 0x7ff; sum == 0 || exponent > 1023-126 && exponent < 0x7ff && bits&(1<<29-1) != 1<<28 {
		return float32(sum) // not between two float32 numbers, where what the sum lost would decide
	}
	// The error of the sum, exactly (Knuth's two-sum).
	back := sum - a
	lost := (a - (sum - back)) + (b - back)
	if lost != 0 && !math.IsInf(sum, 0) && math.Float64bits(sum)&1 == 0 {
		toward := math.Inf(1)
		if lost < 0 {
			toward = math.Inf(-1)
		}
		sum = math.Nextafter(sum, toward)
	}
	if math.Abs(sum) < 0x1p-126*(1-0x1p-25) { // so rounded to 24 bits, not to those of a subnormal
		return float32(math.Copysign(0, sum))
	}
	return float32(sum)
}

// flush is x, or 0 of its sign where x is below 2^-126 in magnitude.
func flush(x float32) float32 {
	if bits := math.Float32bits(x); bits&0x7f800000 == 0 {
		return math.Float32frombits(bits & (1 << 31))
	}
	return x
}

// Halves rounds a run of numbers to planes of bf16:
//
//	dst[i]       = bf16 of src[i]                   for i < len(src)
//	dst[plane+i] = bf16 of what that has lost, if planes is 2
func Halves(dst []uint16, planes, plane int, src []float32) {
	for i, x := range src {
		dst[i] = BF16(x)
		if planes == 2 {
			dst[plane+i] = BF16(x - math.Float32frombits(uint32(dst[i])<<16))
		}
	}
}

// GatherRows packs 32 runs of bf16 numbers as rows of one plane:
//
//	dst[p/32*step + 32*l + p%32] = src[at[l]+p] for l < 32, p < k, else 0
//
// Shapes: dst reaches to the end of the last of ceil(k/32) steps; at [32].
func GatherRows(dst []uint16, step int, src []uint16, at []int, k int) {
	for l, from := range at[:TileLanes] {
		for p := range (k + TileDepth - 1) / TileDepth * TileDepth {
			x := uint16(0)
			if p < k {
				x = src[from+p]
			}
			dst[p/TileDepth*step+l*TileDepth+p%TileDepth] = x
		}
	}
}

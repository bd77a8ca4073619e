package generic

import "math"

// Pairs of bf16: two steps of k of one lane in a word, the earlier in the upper half.
// Panels, runs and rows of pairs are laid out as those of float32 numbers, one word in
// the place of a number, half as long.

// Pair rounds x and y to bf16, x to the upper half.
func Pair(x, y float32) uint32 { return uint32(BF16(x))<<16 | uint32(BF16(y)) }

// PairLanes packs pairs of lanes that are adjacent in memory:
//
//	dst[p*width+l] = pair of x[p*stride+l] and y[p*stride+l] for p < k, l < n
//
// Shapes: dst [k,width] but for the end of its last row. y nil stands for zeros; then k is 1.
func PairLanes(dst []uint32, width int, x, y []float32, stride, n, k int) {
	for p := range k {
		row := dst[p*width:][:n]
		for l, first := range x[p*stride:][:n] {
			second := float32(0)
			if y != nil {
				second = y[p*stride+l]
			}
			row[l] = Pair(first, second)
		}
	}
}

// PairPanels packs whole panels of lanes that are adjacent in memory, one panel after
// another, two steps in a word, with a zero after an odd last one:
//
//	dst[(q*ceil(k/2)+p)*width+l] = pair of src[2*p*stride+q*width+l] and src[(2*p+1)*stride+q*width+l]
//
// Shapes: dst [panels,ceil(k/2),width].
func PairPanels(dst []uint32, width int, src []float32, stride, panels, k int) {
	for q := range panels {
		to, from := dst[q*((k+1)/2)*width:], src[q*width:]
		if k > 1 {
			PairLanes(to, width, from, from[stride:], 2*stride, width, k/2)
		}
		if k%2 == 1 {
			PairLanes(to[k/2*width:], width, from[(k-1)*stride:], nil, 0, width, 1)
		}
	}
}

// PairTranspose packs lanes whose steps are adjacent in memory into the first lanes of a
// panel:
//
//	dst[p*width+l] = pair of src[l*stride+2*p] and src[l*stride+2*p+1] for p < k/2, l < lanes
//
// Shapes: dst [k/2,width] but for the end of its last row; k even.
func PairTranspose(dst []uint32, width, lanes int, src []float32, stride, k int) {
	for l := range lanes {
		row := src[l*stride:][:k]
		for p := range k / 2 {
			dst[p*width+l] = Pair(row[2*p], row[2*p+1])
		}
	}
}

// PairRun packs a run of numbers, with a zero after an odd last one:
//
//	dst[p] = pair of src[2*p] and src[2*p+1]
//
// dst may be the memory of src.
func PairRun(dst []uint32, src []float32) {
	for p := range len(src) / 2 {
		dst[p] = Pair(src[2*p], src[2*p+1])
	}
	if n := len(src); n%2 == 1 {
		dst[n/2] = Pair(src[n-1], 0)
	}
}

// dot adds the products of two pairs to sum, that of the upper halves first. Both
// additions round, and what is below 2^-126 counts as 0, before and after.
//
// Source: VDPBF16PS in the Intel 64 and IA-32 Architectures Software Developer's
// Manual, volume 2; that processors of AMD do the same was measured (Zen 4).
func dot(a, b uint32, sum float32) float32 {
	sum = flushedFMA(uint16(a>>16), uint16(b>>16), flush(sum))
	return flushedFMA(uint16(a), uint16(b), sum)
}

// DotTile2x4 is GemmTile2x4 for panels of pairs.
func DotTile2x4(k int, a, b []uint32, c []float32, ldc int, d []float32, ldd, m, n, panels int) {
	dotTile(k, a, 1, GemmMR, b, c, ldc, d, ldd, m, n, panels)
}

// DotRows2x4 is GemmRows2x4 for rows of pairs.
func DotRows2x4(k int, a []uint32, lda int, b []uint32, c []float32, ldc int, d []float32, ldd, m, n, panels int) {
	dotTile(k, a, lda, 1, b, c, ldc, d, ldd, m, n, panels)
}

// dotTile reads element (i, p) of a at i*row+p*step.
func dotTile(k int, a []uint32, row, step int, b []uint32, c []float32, ldc int, d []float32, ldd, m, n, panels int) {
	for q := range panels {
		columns := GemmNR
		if q == panels-1 {
			columns = n
		}
		var s [2][4]float32
		for p := range k {
			for i := range s {
				for j := range s[i] {
					s[i][j] = dot(a[i*row+p*step], b[(q*k+p)*GemmNR+j], s[i][j])
				}
			}
		}
		store2x4(&s, c[GemmNR*q:], ldc, from(d, GemmNR*q), ldd, m, columns)
	}
}

// ConvDots2x4 is ConvTile2x4 for pairs of neighbouring channels.
func ConvDots2x4(a []uint32, aAt []int, segments, k, gap int, b []uint32, c []float32, cAt []int, d []float32, dAt []int, m, n int, e []float32, floor float32) {
	for i := range m {
		for j := range n {
			sum := float32(0)
			for s := range segments {
				for p := range k {
					sum = dot(a[aAt[i]+s*(k+gap)+p], b[(s*k+p)*4+j], sum)
				}
			}
			if d != nil {
				base := d[dAt[i]+j]
				if e != nil {
					base += e[j]
				}
				sum += base
			}
			if e != nil && sum < floor {
				sum = floor
			}
			c[cAt[i]+j] = sum
		}
	}
}

// ConvGradDots2x1 is ConvGradTile2x1 for pairs of neighbouring pixels of a row.
func ConvGradDots2x1(rows, k int, at []int, a []uint32, aStep int, b []uint32, bStep int, bAt []int, c []float32, ldc int, cAt []int, m, n, add int) {
	for i := range m {
		for l := range n {
			sum := float32(0)
			for r := range rows {
				for p := range k {
					sum = dot(a[(at[2*r]+p)*aStep+i], b[at[2*r+1]+p*bStep+bAt[0]+l], sum)
				}
			}
			to := &c[i*ldc+cAt[0]+l]
			if add == 1 {
				sum += *to
			}
			*to = sum
		}
	}
}

// DotPeak adds products of pairs on one chain and returns the number of operations. It
// counts what nobody measures: a build without assembly has no such instruction.
func DotPeak(iterations int) (flops int64) {
	sum := float32(0)
	for range iterations {
		sum = dot(Pair(0.5, 0.5), Pair(0.5, 0.5), sum)
	}
	if math.IsNaN(float64(sum)) {
		return 0
	}
	return int64(4 * iterations)
}

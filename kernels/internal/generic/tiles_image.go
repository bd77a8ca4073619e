package generic

// TileImage multiplies tiles of pixels, read where they lie in an image of bf16
// numbers, with one panel of weights of b's order (PackPairs), one step of 32
// channels after another of one tap after another. A tile is 16 pixels, stride numbers apart;
// a group is two tiles, of which at has where they lie in src and in c:
//
//	at[4*g:4*g+4] = a0, c0, a1, c1
//	c[c0+i*ldc+j] = row[j] or c[c0+i*ldc+j] or 0
//	                + sum over t < len(taps), s < steps of
//	                  src[a0+taps[t]+i*stride+32*s:][:32] * b[t*steps+s, j] for i < 16, j < 32
//
// and a1, c1 alike. It begins with row if there is one, else with what c holds
// if onto is 1. Sums are those of TilePanels.
//
// Shapes: at [groups,4]; row [32]; b [len(taps),steps,32,32].
// Writes: 32 numbers of each pixel's row of c.
func TileImage(groups int, at []int, src []uint16, stride int, taps []int, steps int, b []uint16, c []float32, ldc int, row []float32, onto int) {
	tileImage(1, groups, at, src, 0, stride, taps, steps, b, c, ldc, row, onto)
}

// TileImageSplit is TileImage for operands of two planes, which lie plane numbers
// apart in src. The products are those of TilePanelsSplit.
func TileImageSplit(groups int, at []int, src []uint16, plane, stride int, taps []int, steps int, b []uint16, c []float32, ldc int, row []float32, onto int) {
	tileImage(2, groups, at, src, plane, stride, taps, steps, b, c, ldc, row, onto)
}

func tileImage(planes, groups int, at []int, src []uint16, plane, stride int, taps []int, steps int, b []uint16, c []float32, ldc int, row []float32, onto int) {
	for t := range 2 * groups {
		a, out := src[at[2*t]:], c[at[2*t+1]:]
		for i := range TileLanes / 2 {
			for j := range TileLanes {
				sum := float32(0)
				switch {
				case row != nil:
					sum = row[j]
				case onto != 0:
					sum = out[i*ldc+j]
				}
				column := b[j/16*tileSize+j%16*2:]
				for k := range len(taps) * steps {
					x := a[taps[k/steps]+i*stride+k%steps*TileDepth:]
					y := column[k*planes*planeSize:]
					if planes == 2 {
						sum = tileProduct(x[plane:], y, sum)
					}
					sum = tileProduct(x, y, sum)
					if planes == 2 {
						sum = tileProduct(x, y[planeSize:], sum)
					}
				}
				out[i*ldc+j] = sum
			}
		}
	}
}

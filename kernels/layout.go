package kernels

// ChannelsLast turns images with whole channels one after another into images
// with whole pixels one after another: dst[i,p,c] = src[i,c,p].
//
// Shapes: src [n,c,pixels]; dst [n,pixels,c].
// Writes: dst is overwritten.
// Aliasing: dst must not overlap src.
// Panics: a size is negative, or a slice is shorter than its shape.
func ChannelsLast(dst, src []float32, n, c, pixels int) {
	swapAxes("ChannelsLast", dst, src, n, c, pixels)
}

// ChannelsFirst is the inverse of ChannelsLast: dst[i,c,p] = src[i,p,c].
//
// Shapes: src [n,pixels,c]; dst [n,c,pixels].
// Writes: dst is overwritten.
// Aliasing: dst must not overlap src.
// Panics: a size is negative, or a slice is shorter than its shape.
func ChannelsFirst(dst, src []float32, n, c, pixels int) {
	swapAxes("ChannelsFirst", dst, src, n, pixels, c)
}

// swapAxes transposes n matrices [rows,cols] to [cols,rows].
func swapAxes(op string, dst, src []float32, n, rows, cols int) {
	need(op, "n", n, 0)
	need(op, "a size of an image", min(rows, cols), 0)
	size := mulSat(n, mulSat(rows, cols))
	need(op, "len(src)", len(src), size)
	need(op, "len(dst)", len(dst), size)
	if size == 0 {
		return
	}
	j := transposeJob{dst: dst, src: src, rows: rows, cols: cols}
	j.high, j.wide = transposeSide(cols), transposeSide(rows)
	j.down, j.across = ceilDiv(rows, j.high), ceilDiv(cols, j.wide)
	if size <= elementChunk {
		for item := range n * j.down * j.across {
			j.run(0, item)
		}
		return
	}
	record := transposeJobs.get()
	*record = j
	parallelFor(n*j.down*j.across, record)
	*record = transposeJob{}
	transposeJobs.put(record)
}

// transposeTile is the side of a tile, which is one item: 16 KiB of either matrix.
const transposeTile = 64

// transposeSide is the side of a tile whose other side is at most other: longer
// where that is short. Whole cache lines, so that no two items share one of src.
func transposeSide(other int) int {
	return max(transposeTile, roundUp(transposeTile*transposeTile/other, slabAlign))
}

// transposeJob transposes matrices [rows,cols] in tiles, down times across of
// them in each matrix.
type transposeJob struct {
	dst, src     []float32
	rows, cols   int
	high, wide   int // of a tile
	down, across int
}

var transposeJobs freeList[transposeJob]

func (j *transposeJob) run(_, item int) {
	matrix, tile := item/(j.down*j.across), item%(j.down*j.across)
	size := j.rows * j.cols
	dst, src := j.dst[matrix*size:][:size], j.src[matrix*size:][:size]
	r0, c0 := tile/j.across*j.high, tile%j.across*j.wide
	r1, c1 := min(r0+j.high, j.rows), min(c0+j.wide, j.cols)
	r8 := r0 + (r1-r0)/transposedRows*transposedRows // whole groups of rows end here
	for c := c0; c < c1; c += j.columns() {
		for r := r0; r < r8; r += transposedRows {
			packTranspose8(dst[c*j.rows+r:], j.rows, src[r*j.cols+c:], j.cols, transposedRows, min(j.columns(), c1-c))
		}
	}
	for c := c0; c < c1; c += transposeTile {
		for r := r8; r < r1; r++ {
			at := c*j.rows + r
			for _, v := range src[r*j.cols:][c:min(c+transposeTile, c1)] {
				dst[at] = v
				at += j.rows
			}
		}
	}
}

// columns is how many columns are taken at a time, and so how many rows of dst
// are written side by side. A row of either matrix may be a multiple of 4 KiB,
// so that its columns share a set of the first-level cache. Where the rows of
// dst are the longer ones they are eight, which the cache holds; otherwise
// sixteen, a cache line of each row of src, which is then read once.
func (j *transposeJob) columns() int {
	if j.rows > j.cols {
		return 8
	}
	return 16
}

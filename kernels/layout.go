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
	j.down, j.across = (rows+transposeTile-1)/transposeTile, (cols+transposeTile-1)/transposeTile
	if size <= elementChunk {
		for item := range n * j.down * j.across {
			j.run(item)
		}
		return
	}
	record := transposeJobs.get()
	*record = j
	parallelFor(n*j.down*j.across, record)
	*record = transposeJob{}
	transposeJobs.put(record)
}

// A tile of a transposition is one item: 16 KiB of either matrix.
const transposeTile = 64

// transposeJob transposes matrices [rows,cols] in tiles, down times across of
// them in each matrix.
type transposeJob struct {
	dst, src     []float32
	rows, cols   int
	down, across int
}

var transposeJobs freeList[transposeJob]

func (j *transposeJob) run(item int) {
	matrix, tile := item/(j.down*j.across), item%(j.down*j.across)
	first := matrix * j.rows * j.cols
	r0, c0 := tile/j.across*transposeTile, tile%j.across*transposeTile
	r1, c1 := min(r0+transposeTile, j.rows), min(c0+transposeTile, j.cols)
	r8 := r0 + (r1-r0)/transposedRows*transposedRows // whole groups of rows end here
	for c := c0; c < c1; c += j.columns() {
		for r := r0; r < r8; r += transposedRows {
			packTranspose8(j.dst[first+c*j.rows+r:], j.rows, j.src[first+r*j.cols+c:], j.cols, transposedRows, min(j.columns(), c1-c))
		}
	}
	for c := c0; c < c1; c++ {
		for r := r8; r < r1; r++ {
			j.dst[first+c*j.rows+r] = j.src[first+r*j.cols+c]
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

// CopyOptions are the choices of CopyRows.
type CopyOptions struct {
	Accumulate bool // add to dst instead of overwriting it
}

// CopyRows computes dst[r,c] = (dst[r,c] if Accumulate) + src[r,c], on views
// into wider rows.
//
// Shapes: dst, src [R,C].
// Writes: dst is overwritten, or accumulated into on request.
// Aliasing: dst must not overlap src.
// Panics: dst and src differ in shape, the elements of a row are not adjacent,
// rows of dst overlap, or a slice is shorter than its shape.
func CopyRows(dst, src Mat, o CopyOptions) {
	needRows("CopyRows", "src", src, src.Rows, src.Cols)
	needRowsOut("CopyRows", "dst", dst, src.Rows, src.Cols)
	j := copyJob{dst: dst, src: src, add: o.Accumulate}
	if src.Rows*src.Cols <= elementChunk {
		j.rows(0, src.Rows)
		return
	}
	record := copyJobs.get()
	*record = j
	parallelFor(rowItems(src.Rows, src.Cols), record)
	*record = copyJob{}
	copyJobs.put(record)
}

// copyJob is one CopyRows; an item is a group of rows.
type copyJob struct {
	dst, src Mat
	add      bool
}

var copyJobs freeList[copyJob]

func (j *copyJob) run(item int) { j.rows(itemRows(j.src.Rows, j.src.Cols, item)) }

func (j *copyJob) rows(lo, hi int) {
	for r := lo; r < hi; r++ {
		dst, src := j.dst.Row(r), j.src.Row(r)
		if j.add {
			add(dst, dst, src)
		} else {
			copy(dst, src)
		}
	}
}

package kernels

// ChannelsLast brings images from [N,C,Pixels], one channel behind another, to
// [N,Pixels,C], one pixel behind another.
//
// Shapes: dst [N,Pixels,C]; src [N,C,Pixels].
// Writes: dst is overwritten.
// Aliasing: none.
// Panics: a size is negative, or a slice is shorter than its shape.
func ChannelsLast(dst, src []float32, n, c, pixels int) {
	transposeImages("ChannelsLast", dst, src, n, c, pixels)
}

// ChannelsFirst is the inverse of ChannelsLast.
//
// Shapes: dst [N,C,Pixels]; src [N,Pixels,C].
// Writes: dst is overwritten.
// Aliasing: none.
// Panics: a size is negative, or a slice is shorter than its shape.
func ChannelsFirst(dst, src []float32, n, c, pixels int) {
	transposeImages("ChannelsFirst", dst, src, n, pixels, c)
}

// transposeImages transposes n matrices [rows,cols].
func transposeImages(op string, dst, src []float32, n, rows, cols int) {
	need(op, "N", n, 0)
	need(op, "C", min(rows, cols), 0)
	size := mulSat(rows, cols)
	need(op, "len(src)", len(src), mulSat(n, size))
	need(op, "len(dst)", len(dst), mulSat(n, size))
	if n*size == 0 {
		return
	}
	strips := ceilDiv(rows, transposeStrip)
	j := transposeJob{dst: dst, src: src, rows: rows, cols: cols, strips: strips}
	if n*size <= elementChunk {
		for item := range n * strips {
			j.run(item)
		}
		return
	}
	record := transposeJobs.get()
	*record = j
	parallelFor(n*strips, record)
	*record = transposeJob{}
	transposeJobs.put(record)
}

// transposeJob is a transposition; an item is a strip of rows of one matrix.
type transposeJob struct {
	dst, src           []float32
	rows, cols, strips int
}

var transposeJobs freeList[transposeJob]

// A strip is as many rows as a cache line has elements, so that every line of
// dst is written at once; it is walked in blocks that the first-level cache holds.
const (
	transposeStrip = 16
	transposeBlock = 64
)

func (j *transposeJob) run(item int) {
	base := item / j.strips * j.rows * j.cols
	r0 := item % j.strips * transposeStrip
	r1 := min(r0+transposeStrip, j.rows)
	src, dst := j.src[base:][:j.rows*j.cols], j.dst[base:][:j.rows*j.cols]
	for c0 := 0; c0 < j.cols; c0 += transposeBlock {
		c1 := min(c0+transposeBlock, j.cols)
		for r := r0; r < r1; r++ {
			row := src[r*j.cols:][:j.cols]
			at := c0*j.rows + r
			for _, v := range row[c0:c1] {
				dst[at] = v
				at += j.rows
			}
		}
	}
}

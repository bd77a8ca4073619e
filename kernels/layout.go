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

// transposeStrip is how many elements a cache line has: a tile of that many rows
// and columns is read row by row and written column by column, each line once. What
// is between lies in memory of its own, because lines of src or dst that are a power
// of two apart share few places in the caches.
const transposeStrip = 16

func (j *transposeJob) run(item int) {
	base := item / j.strips * j.rows * j.cols
	r0 := item % j.strips * transposeStrip
	rows := min(transposeStrip, j.rows-r0)
	src, dst := j.src[base:][:j.rows*j.cols], j.dst[base:][:j.rows*j.cols]
	var tile [transposeStrip * transposeStrip]float32
	for c0 := 0; c0 < j.cols; c0 += transposeStrip {
		cols := min(transposeStrip, j.cols-c0)
		for r := range rows {
			for c, v := range src[(r0+r)*j.cols+c0:][:cols] {
				tile[(c*transposeStrip+r)%len(tile)] = v
			}
		}
		for c := range cols {
			copy(dst[(c0+c)*j.rows+r0:][:rows], tile[c*transposeStrip:][:rows])
		}
	}
}

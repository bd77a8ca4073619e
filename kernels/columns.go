package kernels

// CopyColumns copies a matrix, row by row: a part of the columns of a wider one,
// or into it.
//
// Shapes: dst, src [R,C].
// Writes: dst is overwritten.
// Aliasing: none.
// Panics: shapes differ, the elements of a row are not adjacent, rows of dst
// overlap, or a slice is shorter than its shape.
func CopyColumns(dst, src Mat) {
	needRows("CopyColumns", "src", src, src.Rows, src.Cols)
	needRowsOut("CopyColumns", "dst", dst, src.Rows, src.Cols)
	j := copyJob{dst: dst, src: src}
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

// copyJob is one CopyColumns; an item is a group of rows.
type copyJob struct{ dst, src Mat }

var copyJobs freeList[copyJob]

func (j *copyJob) run(item int) { j.rows(itemRows(j.src.Rows, j.src.Cols, item)) }

func (j *copyJob) rows(lo, hi int) {
	for r := lo; r < hi; r++ {
		copy(j.dst.Row(r), j.src.Row(r))
	}
}

package kernels

// CopyOptions are the choices of CopyColumns.
type CopyOptions struct {
	Accumulate bool // add to dst instead of overwriting it
}

// CopyColumns copies a matrix, row by row: a part of the columns of a wider one,
// or into it:
//
//	dst[r,c] = (dst[r,c] if Accumulate) + src[r,c]
//
// Shapes: dst, src [R,C].
// Writes: dst is overwritten, or accumulated into on request.
// Aliasing: dst must not overlap src.
// Panics: dst and src differ in shape, the elements of a row are not adjacent,
// rows of dst overlap, or a slice is shorter than its shape.
func CopyColumns(dst, src Mat, o CopyOptions) {
	needRows("CopyColumns", "src", src, src.Rows, src.Cols)
	needRowsOut("CopyColumns", "dst", dst, src.Rows, src.Cols)
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

// copyJob is one CopyColumns; an item is a group of rows.
type copyJob struct {
	dst, src Mat
	add      bool
}

var copyJobs freeList[copyJob]

func (j *copyJob) run(_, item int) { j.rows(itemRows(j.src.Rows, j.src.Cols, item)) }

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

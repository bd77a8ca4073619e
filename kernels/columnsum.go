package kernels

// Rows are reduced in chunks of at least partialRows, at most partialChunks of
// them: both are fixed, so that the bits of a column sum depend on the shape
// alone, and bounded, so that its partial sums stay in the second-level cache.
const (
	partialRows   = 64
	partialChunks = 64
)

// partialSize is how many rows a chunk has.
func partialSize(rows int) int {
	return max(partialRows, (rows+partialChunks-1)/partialChunks)
}

// ColumnSumOptions are the choices of ColumnSum.
type ColumnSumOptions struct {
	Accumulate bool // add to dst instead of overwriting it
}

// ColumnSum adds up every column: dst[c] = (dst[c] if Accumulate) + sum over r
// of x[r,c]. It is the gradient of a bias.
//
// Shapes: dst [C]; x [R,C]. R may be 0: the sum is 0.
// Writes: dst is overwritten, or accumulated into on request.
// Aliasing: dst must not overlap x.
// Numerics: float32 sums over fixed chunks of rows, the chunks added in order,
// so the bits do not depend on the number of workers.
// Panics: the elements of a row are not adjacent, or a slice is shorter than
// its shape.
func ColumnSum(dst []float32, x Mat, o ColumnSumOptions) {
	needRows("ColumnSum", "x", x, x.Rows, x.Cols)
	need("ColumnSum", "len(dst)", len(dst), x.Cols)
	dst = dst[:x.Cols]
	if !o.Accumulate {
		fill(dst, 0)
	}
	if x.Rows == 0 || x.Cols == 0 {
		return
	}
	size := partialSize(x.Rows)
	chunks := (x.Rows + size - 1) / size
	memory, record := callScratches.get(), columnSumJobs.get()
	*record = columnSumJob{x: x, size: size, partial: memory.floats(chunks * x.Cols)}
	if x.Rows*x.Cols <= elementChunk {
		for item := range chunks {
			record.run(0, item)
		}
	} else {
		parallelFor(chunks, record)
	}
	for item := range chunks {
		add(dst, dst, record.sums(item))
	}
	*record = columnSumJob{}
	columnSumJobs.put(record)
	callScratches.put(memory)
}

// columnSumJob is one ColumnSum; an item is one chunk of rows.
type columnSumJob struct {
	x       Mat
	size    int       // rows of a chunk
	partial []float32 // [chunks,C]
}

var columnSumJobs freeList[columnSumJob]

// sums is the place of the sums of one chunk.
func (j *columnSumJob) sums(item int) []float32 {
	return j.partial[item*j.x.Cols : (item+1)*j.x.Cols]
}

func (j *columnSumJob) run(_, item int) {
	lo := item * j.size
	hi := min(lo+j.size, j.x.Rows)
	sums := j.sums(item)
	fill(sums, 0)
	for r := lo; r < hi; r += columnSumRows {
		rows := min(columnSumRows, hi-r)
		columnSum(sums, j.x.Data[r*j.x.RowStride:], rows, j.x.RowStride)
	}
}

// columnSumRows is how many rows one call of the micro-kernel reads: enough
// to keep its sums in registers for a while, few enough for the hardware to
// follow all the rows.
const columnSumRows = 16

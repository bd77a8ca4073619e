package kernels

// NearestRow finds, for every row of x, the row of table at the least squared
// Euclidean distance, the lowest of several: the code of vector quantization.
//
//	idx[r] = argmin over t of (|x[r,:]|^2 + |table[t,:]|^2) - 2 * sum over k of x[r,k]*table[t,k]
//
// Shapes: x [R,D]; table [T,D]; idx [R]. T is at least 1.
// Writes: idx is overwritten.
// Numerics: float32, as written: distances that differ by less than the
// rounding of their terms count as they come out. A distance that is not a
// number is never the least; a row of which all are gets 0.
// Panics: x and table differ in columns, T is 0, the elements of a row are not
// adjacent, or a slice is shorter than its shape.
// Source: van den Oord, Vinyals, Kavukcuoglu 2017 (arXiv:1711.00937), equation 1.
func NearestRow(idx []int32, x, table Mat) {
	needRows("NearestRow", "x", x, x.Rows, x.Cols)
	needRows("NearestRow", "table", table, table.Rows, x.Cols)
	need("NearestRow", "table.Rows", table.Rows, 1)
	need("NearestRow", "len(idx)", len(idx), x.Rows)
	if x.Rows == 0 {
		return
	}
	block := min(x.Rows, max(1, nearestElements/table.Rows))
	memory, record := callScratches.get(), nearestJobs.get()
	floats := memory.floats(table.Rows + block*table.Rows)
	lengths, products := floats[:table.Rows], floats[table.Rows:]
	for t := range lengths {
		lengths[t] = float32(sumSquares(table.Row(t)))
	}
	for lo := 0; lo < x.Rows; lo += block {
		hi := min(lo+block, x.Rows)
		part := x.Sub(lo, hi, 0, x.Cols)
		dots := MatOf(products, hi-lo, table.Rows)
		Gemm(dots, part, table.T(), GemmOptions{})
		*record = nearestJob{idx: idx[lo:hi], x: part, dots: dots, lengths: lengths}
		parallelFor(rowItems(hi-lo, table.Rows), record)
	}
	*record = nearestJob{}
	nearestJobs.put(record)
	callScratches.put(memory)
}

// nearestElements bounds the products that are held at a time: 4 MiB.
const nearestElements = 1 << 20

// nearestJob compares rows of products; an item is a group of rows.
type nearestJob struct {
	idx     []int32
	x, dots Mat
	lengths []float32 // [T]: squared lengths of the rows of the table
}

var nearestJobs freeList[nearestJob]

func (j *nearestJob) run(item int) {
	lo, hi := itemRows(j.dots.Rows, j.dots.Cols, item)
	for r := lo; r < hi; r++ {
		j.idx[r] = nearest(j.dots.Row(r), j.lengths, float32(sumSquares(j.x.Row(r))))
	}
}

// nearest is the index of the least distance.
func nearest(dots, lengths []float32, length float32) int32 {
	lengths = lengths[:len(dots)]
	best, least := int32(-1), float32(0)
	for t, dot := range dots {
		d := (length + lengths[t]) - 2*dot // doubling is exact, so a fused product changes nothing
		if d < least || best < 0 && d == d {
			best, least = int32(t), d
		}
	}
	return max(best, 0)
}

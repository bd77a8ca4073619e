package kernels

import "math"

// NearestRow finds, for each row of x, the row of table at the least squared
// distance, the first of several:
//
//	idx[r] = argmin over t of (|x[r]|^2 + |table[t]|^2) - 2*x[r].table[t]
//
// Shapes: idx [R]; x [R,C]; table [T,C], T at least 1.
// Writes: idx is overwritten.
// Numerics: the norms are summed in float64 and rounded, the products as in
// Gemm; the expression is evaluated in float32 in the order written, as vector
// quantizers do. A row with NaN gets index 0.
// Panics: shapes differ, the elements of a row are not adjacent, T is 0, or a
// slice is shorter than its shape.
func NearestRow(idx []int32, x, table Mat) {
	needRows("NearestRow", "x", x, x.Rows, x.Cols)
	needRows("NearestRow", "table", table, table.Rows, x.Cols)
	need("NearestRow", "table.Rows", table.Rows, 1)
	need("NearestRow", "len(idx)", len(idx), x.Rows)
	if x.Rows == 0 {
		return
	}
	memory := callScratches.get()
	block := min(x.Rows, max(1, nearestScores/table.Rows))
	buffer := memory.floats(table.Rows + block*table.Rows)
	norms, scores := buffer[:table.Rows], buffer[table.Rows:]
	for t := range table.Rows {
		norms[t] = float32(sumSquares(table.Row(t)))
	}
	record := nearestJobs.get()
	for lo := 0; lo < x.Rows; lo += block {
		rows := min(block, x.Rows-lo)
		products := MatOf(scores, rows, table.Rows)
		Gemm(products, x.Sub(lo, lo+rows, 0, x.Cols), table.T(), GemmOptions{})
		*record = nearestJob{idx: idx[lo:], x: x.Sub(lo, lo+rows, 0, x.Cols), products: products, norms: norms}
		parallelFor(rows, record)
	}
	*record = nearestJob{}
	nearestJobs.put(record)
	callScratches.put(memory)
}

// nearestScores is how many products are kept at a time: 4 MiB.
const nearestScores = 1 << 20

// nearestJob is the search in one block; an item is one row.
type nearestJob struct {
	idx         []int32
	x, products Mat
	norms       []float32
}

var nearestJobs freeList[nearestJob]

func (j *nearestJob) run(_, item int) {
	own := float32(sumSquares(j.x.Row(item)))
	best, least := int32(0), float32(math.Inf(1))
	for t, p := range j.products.Row(item) {
		if d := float32(own+j.norms[t]) - float32(2*p); d < least {
			best, least = int32(t), d
		}
	}
	j.idx[item] = best
}

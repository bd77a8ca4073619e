package autodiff

import "lethe/kernels"

// NearestRows finds, for each row of x, the row of table at the least squared
// distance, the first of several. It is no op: nothing is recorded and the
// indices are the caller's.
//
// Shapes: x [R,C]; table [T,C], T at least 1; the result [R].
// Panics: ShapeError.
func (tp *Tape) NearestRows(x, table *Tensor) []int32 {
	needShape("NearestRows", "x", x, anyDim, anyDim)
	needShape("NearestRows", "table", table, anyDim, x.shape[1])
	rows, c := x.shape[0], x.shape[1]
	idx := make([]int32, rows)
	tp.begin("nearestrows")
	kernels.NearestRow(idx, kernels.MatOf(x.Data, rows, c), kernels.MatOf(table.Data, table.shape[0], c))
	tp.end(x.n + table.n)
	return idx
}

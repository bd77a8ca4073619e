package autodiff

import "lethe/kernels"

// noRow is the index by which GatherRows picks fill.
const noRow = -1

// GatherRows picks rows of x by index, and fill where the index is -1:
//
//	y[i,:] = x[idx[i],:], or fill[:] if idx[i] is -1
//
// Shapes: x [R,D]; fill of D elements, or nil when no index is -1;
// y [len(idx),D].
// Numerics: the backward pass adds row by row in the order of idx, so an
// index may repeat and the sum does not depend on the workers.
// Panics: ShapeError, also for an index out of range.
func (tp *Tape) GatherRows(x, fill *Tensor, idx []int32) *Tensor {
	needShape("GatherRows", "x", x, anyDim, anyDim)
	rows, d := x.shape[0], x.shape[1]
	if fill == nil {
		needIndices("GatherRows", idx, 0, rows)
	} else {
		needLive("GatherRows", "fill", fill)
		needInt("GatherRows", "elements of fill", fill.n, d)
		needIndices("GatherRows", idx, noRow, rows)
	}

	shape := [2]int{len(idx), d}
	y := tp.output(shape[:])
	tp.begin("gatherrows")
	for i, row := range idx {
		from := x.Data
		if row == noRow {
			from, row = fill.Data, 0
		}
		copy(rowOf(y.Data, int32(i), d), rowOf(from, row, d))
	}
	tp.end(2 * y.n)
	if r := tp.record(y, gatherBack, nil, x, fill); r != nil {
		r.idx, r.n = tp.copyIndices(idx), d
	}
	return y
}

// gatherBack: dx[idx[i],:] += dy[i,:], and dfill likewise.
func gatherBack(tp *Tape, r *record) {
	x, fill := r.in[0], r.in[1]
	tp.begin("gatherrows.grad")
	moved := 0
	if r.want[0] {
		moved += tp.scatterAdd(r, x)
	}
	if r.want[1] {
		d := tp.cleared(fill)
		for i, row := range r.idx {
			if row == noRow {
				kernels.Axpy(d, 1, rowOf(r.dout(), int32(i), r.n))
				moved += 3 * r.n
			}
		}
	}
	tp.end(moved)
}

// AddRows adds to every row of x a row of table, picked by index:
//
//	y[i,:] = x[i,:] + table[idx[i],:]
//
// Shapes: x, y [R,D]; table [P,D]; idx [R].
// Numerics: the gradient of table is summed in the order of idx.
// Panics: ShapeError, also for an index out of range.
func (tp *Tape) AddRows(x, table *Tensor, idx []int32) *Tensor {
	needShape("AddRows", "x", x, anyDim, anyDim)
	rows, d := x.shape[0], x.shape[1]
	needShape("AddRows", "table", table, anyDim, d)
	needInt("AddRows", "len(idx)", len(idx), rows)
	needIndices("AddRows", idx, 0, table.shape[0])

	y := tp.output(x.shape)
	tp.begin("addrows")
	for i, row := range idx {
		kernels.Add(rowOf(y.Data, int32(i), d), rowOf(x.Data, int32(i), d), rowOf(table.Data, row, d))
	}
	tp.end(3 * y.n)
	if r := tp.record(y, addRowsBack, nil, x, table); r != nil {
		r.n = d
		if r.want[1] {
			r.idx = tp.copyIndices(idx)
		}
	}
	return y
}

// addRowsBack: dx = dy, dtable[idx[i],:] += dy[i,:].
func addRowsBack(tp *Tape, r *record) {
	tp.begin("addrows.grad")
	moved := 0
	if r.want[1] {
		moved += tp.scatterAdd(r, r.in[1])
	}
	if r.want[0] {
		moved += tp.deliver(r, r.in[0])
	}
	tp.end(moved)
}

// scatterAdd adds the rows of r's output gradient to the rows of t's gradient
// that r.idx names, skipping noRow. It returns the elements that it read and wrote.
func (tp *Tape) scatterAdd(r *record, t *Tensor) (moved int) {
	d := tp.cleared(t)
	for i, row := range r.idx {
		if row != noRow {
			kernels.Axpy(rowOf(d, row, r.n), 1, rowOf(r.dout(), int32(i), r.n))
			moved += 3 * r.n
		}
	}
	return moved
}

// cleared returns the sink of t, set to 0 if it is new, to be added to.
func (tp *Tape) cleared(t *Tensor) []float32 {
	d, add := tp.sink(t)
	if !add {
		clear(d)
	}
	return d
}

// rowOf returns row i of a matrix with d columns.
func rowOf(data []float32, i int32, d int) []float32 {
	return data[int(i)*d : (int(i)+1)*d]
}

// copyIndices saves idx for the backward pass, so that the caller may reuse it.
func (tp *Tape) copyIndices(idx []int32) []int32 {
	own := tp.ints.take(len(idx))
	copy(own, idx)
	return own
}

package autodiff

import "strconv"

// Reshape returns a view of x with another shape. Data and gradient are x's.
// Panics: ShapeError when the number of elements differs.
func (tp *Tape) Reshape(x *Tensor, shape ...int) *Tensor {
	needLive("Reshape", "x", x)
	v := tp.header(shape)
	needInt("Reshape", "elements of the shape", v.n, x.n)
	return tp.view(v, x, 0)
}

// Rows returns a view of rows [lo,hi) of x's outermost dimension. Data and
// gradient are x's: the views of one tensor, overlapping or not, add to one
// gradient.
// Shapes: x [R,...]; the view [hi-lo,...].
// Panics: ShapeError when x has no dimension or 0 <= lo <= hi <= R is broken.
func (tp *Tape) Rows(x *Tensor, lo, hi int) *Tensor {
	needRank("Rows", "x", x, 1)
	if lo < 0 || hi < lo || hi > x.shape[0] {
		panic(&ShapeError{Op: "Rows", Quantity: "row range", Got: "[" + strconv.Itoa(lo) + "," + strconv.Itoa(hi) + ")",
			Want: "within [0," + strconv.Itoa(x.shape[0]) + ")"})
	}
	v := tp.header(x.shape)
	v.shape[0] = hi - lo
	v.n = elements("Rows", v.shape)
	return tp.view(v, x, lo*elements("Rows", x.shape[1:]))
}

// view makes v a view of x that begins at x's element first. It makes no
// record: what is written to the gradient of a view is written to its root's.
func (tp *Tape) view(v, x *Tensor, first int) *Tensor {
	v.root, v.off = x.root, x.off+first
	v.Data = x.Data[first : first+v.n : first+v.n]
	v.detached = x.detached || tp.frozen > 0
	return v
}

package kernels

// Softmax normalizes the exponentials of each row:
//
//	y[r,c] = exp(x[r,c]-max(x[r,:])) / sum over k of exp(x[r,k]-max(x[r,:]))
//
// Shapes: y, x [R,C].
// Writes: y is overwritten.
// Aliasing: y may be x; no other overlap.
// Numerics: exp is at most 1 ulp off; bound in softmax_test.go. A row with NaN
// or +Inf, or of -Inf alone, becomes NaN.
// Panics: y and x differ in shape, the elements of a row are not adjacent, rows
// of y overlap, or a slice is shorter than its shape.
func Softmax(y, x Mat) {
	needRows("Softmax", "x", x, x.Rows, x.Cols)
	needRowsOut("Softmax", "y", y, x.Rows, x.Cols)
	runSoftmax(softmaxJob{out: y, in: x})
}

// SoftmaxGrad is the gradient of Softmax with respect to x, from its result y:
//
//	dx[r,c] = y[r,c] * (dy[r,c] - sum over k of dy[r,k]*y[r,k])
//
// Shapes: dx, dy, y [R,C].
// Writes: dx is overwritten.
// Aliasing: dx may be dy or y; no other overlap.
// Numerics: a float32 sum of C products and three roundings.
// Panics: dx, dy and y differ in shape, the elements of a row are not
// adjacent, rows of dx overlap, or a slice is shorter than its shape.
func SoftmaxGrad(dx, dy, y Mat) {
	needRows("SoftmaxGrad", "y", y, y.Rows, y.Cols)
	needRows("SoftmaxGrad", "dy", dy, y.Rows, y.Cols)
	needRowsOut("SoftmaxGrad", "dx", dx, y.Rows, y.Cols)
	runSoftmax(softmaxJob{out: dx, in: y, dy: dy, grad: true})
}

// softmaxJob is one Softmax or SoftmaxGrad; an item is a group of rows.
type softmaxJob struct {
	out, in, dy Mat
	grad        bool
}

var softmaxJobs freeList[softmaxJob]

// runSoftmax runs j, over the pool when it is large.
func runSoftmax(j softmaxJob) {
	if j.in.Rows == 0 || j.in.Cols == 0 {
		return
	}
	if !j.grad {
		reserveItems(2 * min(j.in.Rows, rowGroup(j.in.Cols)))
	}
	if j.in.Rows*j.in.Cols <= elementChunk/4 {
		j.rows(0, 0, j.in.Rows)
		return
	}
	record := softmaxJobs.get()
	*record = j
	parallelFor(rowItems(j.in.Rows, j.in.Cols), record)
	*record = softmaxJob{}
	softmaxJobs.put(record)
}

func (j *softmaxJob) run(worker, item int) {
	lo, hi := itemRows(j.in.Rows, j.in.Cols, item)
	j.rows(worker, lo, hi)
}

func (j *softmaxJob) rows(worker, lo, hi int) {
	if j.grad {
		for r := lo; r < hi; r++ {
			softmaxGradRow(j.out.Row(r), j.dy.Row(r), j.in.Row(r))
		}
		return
	}
	memory := itemScratches.take(worker)
	stats := memory.floats(2 * (hi - lo)) // not wanted here
	softmaxRows(j.out.Data[lo*j.out.RowStride:], j.out.RowStride, j.in.Data[lo*j.in.RowStride:], j.in.RowStride,
		j.in.Cols, 1, stats[:hi-lo], stats[hi-lo:])
	itemScratches.give(worker, memory)
}

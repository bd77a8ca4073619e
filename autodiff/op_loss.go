package autodiff

import (
	"math"

	"lethe/kernels"
)

// MSE is the mean squared difference over all elements:
//
//	loss = sum_i (x_i-y_i)^2 / n, and 0 when n is 0
//
// Shapes: x and y the same; loss [1].
// Numerics: summed in float64; exactly 0 when x equals y and both are finite.
// Panics: ShapeError.
func (tp *Tape) MSE(x, y *Tensor) *Tensor {
	needSame("MSE", x, y)
	mean := 0.0
	tp.begin("mse")
	if x.n > 0 {
		mean = kernels.SquaredDistance(x.Data, y.Data) / float64(x.n)
	}
	tp.end(2 * x.n)
	loss := tp.scalar(float32(mean))
	tp.recordDistance(loss, mseBack, x, y)
	return loss
}

// mseBack: dx = dloss*2/n*(x-y), dy = -dx.
func mseBack(tp *Tape, r *record) {
	x, y := tp.value(r.in[0]), tp.value(r.in[1])
	a := float32(2 * float64(r.dout()[0]) / float64(len(x)))
	for i := range 2 {
		if r.want[i] {
			tp.begin("mse.grad")
			c := tp.open(r.in[i])
			kernels.ScaledDiff(c.data, sign(i)*a, x, y)
			tp.end(3*len(x) + tp.commit(c))
		}
	}
}

// RowMSE is a weighted sum of the mean squared differences of rows:
//
//	loss = sum_r w[r] * sum_c (x[r,c]-y[r,c])^2 / C
//
// Shapes: x, y [R,C]; w [R]; loss [1].
// Numerics: summed in float64, row by row. A row of weight 0 adds exactly 0
// and gets a gradient of 0, unless the squared distance of its x and y is not finite.
// Panics: ShapeError.
func (tp *Tape) RowMSE(x, y *Tensor, w []float32) *Tensor {
	needShape("RowMSE", "x", x, anyDim, anyDim)
	needSame("RowMSE", x, y)
	rows, c := x.shape[0], x.shape[1]
	needInt("RowMSE", "len(w)", len(w), rows)
	sum := 0.0
	tp.begin("rowmse")
	if c > 0 {
		for i, wi := range w {
			row := int32(i)
			sum += float64(wi) * kernels.SquaredDistance(rowOf(x.Data, row, c), rowOf(y.Data, row, c)) / float64(c)
		}
	}
	tp.end(2 * x.n)
	loss := tp.scalar(float32(sum))
	if r := tp.recordDistance(loss, rowMSEBack, x, y); r != nil {
		r.aux = tp.buffer(rows)
		copy(r.aux, w)
	}
	return loss
}

// rowMSEBack: dx[r,:] = dloss*w[r]*2/C*(x[r,:]-y[r,:]), dy = -dx.
func rowMSEBack(tp *Tape, r *record) {
	c := r.in[0].shape[1]
	tp.rowDifferences("rowmse.grad", r, c, 2*float64(r.dout()[0])/float64(c))
}

// SampleL2 is the mean over the outermost dimension of the Euclidean distance:
//
//	loss = sum_n sqrt(sum (x[n,...]-y[n,...])^2 + eps) / N, and 0 when N is 0
//
// Shapes: x, y [N,...]; loss [1].
// Units: eps is added to a sum of squares, so it has the units of x squared.
// Numerics: summed in float64. Where the distance is 0 (only when eps is 0)
// the gradient is 0, a subgradient.
// Panics: ShapeError; eps is negative or not a number.
func (tp *Tape) SampleL2(x, y *Tensor, eps float32) *Tensor {
	needRank("SampleL2", "x", x, 1)
	needSame("SampleL2", x, y)
	if !(eps >= 0) {
		panic("autodiff: SampleL2: eps is negative or not a number")
	}
	samples := x.shape[0]
	size := elements("SampleL2", x.shape[1:])
	inverse := tp.buffer(samples)
	tp.begin("samplel2")
	sum := 0.0
	for i := range samples {
		row := int32(i)
		distance := math.Sqrt(kernels.SquaredDistance(rowOf(x.Data, row, size), rowOf(y.Data, row, size)) + float64(eps))
		sum += distance
		inverse[i] = 0
		if distance != 0 {
			inverse[i] = float32(1 / distance)
		}
	}
	tp.end(2 * x.n)
	if samples > 0 {
		sum /= float64(samples)
	}
	loss := tp.scalar(float32(sum))
	r := tp.recordDistance(loss, sampleL2Back, x, y)
	if r == nil {
		tp.free(inverse)
		return loss
	}
	r.aux = inverse
	return loss
}

// sampleL2Back: dx[n] = dloss/N*(x[n]-y[n])/distance[n], dy = -dx.
func sampleL2Back(tp *Tape, r *record) {
	size := elements("SampleL2", r.in[0].shape[1:])
	tp.rowDifferences("samplel2.grad", r, size, float64(r.dout()[0])/float64(len(r.aux)))
}

// WeightedSum adds scalars:
//
//	loss = sum_i w[i]*terms[i]
//
// Shapes: every term and the loss [1]; w as many as terms.
// Numerics: summed in float64, in order. A weight of 0 is not skipped: a term
// that is not finite stays visible.
// Panics: ShapeError.
func (tp *Tape) WeightedSum(terms []*Tensor, w []float32) *Tensor {
	needInt("WeightedSum", "len(w)", len(w), len(terms))
	sum := 0.0
	for i, t := range terms {
		needShape("WeightedSum", "term", t, 1)
		sum += float64(w[i]) * float64(t.Data[0])
	}
	loss := tp.scalar(float32(sum))
	if r := tp.recordMany(loss, weightedSumBack, terms); r != nil {
		r.aux = tp.buffer(len(w))
		copy(r.aux, w)
	}
	return loss
}

// weightedSumBack: dterms[i] = dloss*w[i].
func weightedSumBack(tp *Tape, r *record) {
	for i, t := range r.more {
		if tp.wants(t) {
			tp.addScaled(t, r.aux[i], r.dout())
		}
	}
}

// recordDistance records a loss that reads both of its inputs backwards.
func (tp *Tape) recordDistance(loss *Tensor, back vjp, x, y *Tensor) *record {
	r := tp.record(loss, back, nil, x, y)
	if r != nil {
		keep(x)
		keep(y)
	}
	return r
}

// rowDifferences adds a*r.aux[row]*(x[row,:]-y[row,:]) to the gradient of x and
// subtracts it from y's, for rows of c elements.
func (tp *Tape) rowDifferences(op string, r *record, c int, a float64) {
	x, y := tp.value(r.in[0]), tp.value(r.in[1])
	for i := range 2 {
		if !r.want[i] {
			continue
		}
		tp.begin(op)
		d := tp.open(r.in[i])
		for j, weight := range r.aux {
			row := int32(j)
			kernels.ScaledDiff(rowOf(d.data, row, c), sign(i)*float32(a*float64(weight)), rowOf(x, row, c), rowOf(y, row, c))
		}
		tp.end(3*len(x) + tp.commit(d))
	}
}

// sign is +1 for the first input of a distance and -1 for the second.
func sign(input int) float32 { return 1 - 2*float32(input) }

package autodiff

import (
	"strconv"

	"lethe/kernels"
)

// CrossEntropyOptions are the choices of CrossEntropy.
type CrossEntropyOptions struct {
	Smoothing float32 // share of the target that is spread over all classes
	Classes   int     // the first so many columns are classes; 0: all
}

// CrossEntropy is a weighted sum of label-smoothed cross-entropies: with logp =
// log softmax of a row's classes and s the smoothing,
//
//	loss = sum_r weights[r] * (-(1-s)*logp[r,targets[r]] - s*mean_c(logp[r,c]))
//
// Shapes: logits [R,C]; targets, weights [R]; loss [1].
// Numerics: summed in float64. A row of weight 0 is not looked at and gets a
// gradient of 0.
// Panics: ShapeError, also for a target that is no class; Smoothing is not
// within [0,1].
// Source: Szegedy et al. 2015 (arXiv:1512.00567), section 7.
func (tp *Tape) CrossEntropy(logits *Tensor, targets []int32, weights []float32, o CrossEntropyOptions) *Tensor {
	needShape("CrossEntropy", "logits", logits, anyDim, anyDim)
	rows, c := logits.shape[0], logits.shape[1]
	needInt("CrossEntropy", "len(targets)", len(targets), rows)
	needInt("CrossEntropy", "len(weights)", len(weights), rows)
	if o.Classes == 0 {
		o.Classes = c
	}
	if o.Classes < 1 || o.Classes > c {
		panic(&ShapeError{Op: "CrossEntropy", Quantity: "Classes", Got: strconv.Itoa(o.Classes), Want: "1 to " + strconv.Itoa(c)})
	}
	if !(o.Smoothing >= 0 && o.Smoothing <= 1) {
		panic("autodiff: CrossEntropy: Smoothing is not within [0,1]")
	}
	for i, t := range targets {
		if weights[i] != 0 && (t < 0 || int(t) >= o.Classes) {
			panic(&ShapeError{Op: "CrossEntropy", Quantity: "targets[" + strconv.Itoa(i) + "]", Got: strconv.Itoa(int(t)),
				Want: "at least 0 and below " + strconv.Itoa(o.Classes)})
		}
	}
	args := kernels.CrossEntropyArgs{Targets: targets, Weights: weights, Smoothing: o.Smoothing, Classes: o.Classes}
	tp.begin("crossentropy")
	sum := kernels.CrossEntropy(kernels.MatOf(logits.Data, rows, c), args)
	tp.end(logits.n)
	loss := tp.scalar(float32(sum))
	if r := tp.record(loss, crossEntropyBack, nil, logits); r != nil {
		r.idx, r.f, r.n = tp.copyIndices(targets), o.Smoothing, o.Classes
		r.aux = tp.buffer(rows)
		copy(r.aux, weights)
		keep(logits)
	}
	return loss
}

// crossEntropyBack: dlogits = dloss*w*(softmax - smoothed target).
func crossEntropyBack(tp *Tape, r *record) {
	logits := r.in[0]
	rows, c := logits.shape[0], logits.shape[1]
	data := tp.value(logits)
	tp.begin("crossentropy.grad")
	d := tp.open(logits)
	kernels.CrossEntropyGrad(kernels.MatOf(d.data, rows, c), kernels.MatOf(data, rows, c), r.dout()[0],
		kernels.CrossEntropyArgs{Targets: r.idx, Weights: r.aux, Smoothing: r.f, Classes: r.n})
	tp.end(2*len(data) + tp.commit(d))
}

package autodiff

import (
	"strconv"

	"lethe/kernels"
)

// CrossEntropyOptions are the settings of CrossEntropy.
type CrossEntropyOptions struct {
	Smoothing float32 // share of the target that all classes get alike, 0 to 1
	Classes   int     // the first Classes columns are classes, the others take no part; 0: all are
}

// CrossEntropy is a weighted sum of the cross entropies of rows of logits with
// smoothed targets. With K classes, s = Smoothing and log p the logarithm of the
// softmax of the first K columns:
//
//	loss = sum_r weights[r] * (-(1-s)*log p[r,targets[r]] - s/K*sum_c log p[r,c])
//
// Shapes: logits [...,C] with R rows; targets, weights [R]; loss [1].
// Numerics: a row of weight 0 adds exactly 0 and gets a gradient of 0, unless
// its loss is not finite.
// Panics: ShapeError, also for a target that is no class; Smoothing is not
// within [0,1].
// Source: Szegedy et al. 2016 (arXiv:1512.00567), section 7.
func (tp *Tape) CrossEntropy(logits *Tensor, targets []int32, weights []float32, o CrossEntropyOptions) *Tensor {
	needRank("CrossEntropy", "logits", logits, 1)
	rows, c := leading(logits), width(logits)
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
		if t < 0 || int(t) >= o.Classes {
			panic(&ShapeError{Op: "CrossEntropy", Quantity: "targets[" + strconv.Itoa(i) + "]", Got: strconv.Itoa(int(t)),
				Want: "at least 0 and below " + strconv.Itoa(o.Classes)})
		}
	}

	a := kernels.CrossEntropyArgs{Targets: targets, Weights: weights, Smoothing: o.Smoothing, Classes: o.Classes}
	loss := tp.scalar(float32(kernels.CrossEntropy(kernels.MatOf(logits.Data, rows, c), a)))
	if r := tp.record(loss, crossEntropyBack, nil, logits); r != nil {
		r.idx, r.f, r.n = tp.copyIndices(targets), o.Smoothing, o.Classes
		r.aux = tp.buffer(rows)
		copy(r.aux, weights)
		keep(logits)
	}
	return loss
}

// crossEntropyBack: dlogits = dloss*weights*(softmax - smoothed target).
func crossEntropyBack(tp *Tape, r *record) {
	logits := r.in[0]
	rows, c := leading(logits), width(logits)
	d := tp.open(logits)
	kernels.CrossEntropyGrad(kernels.MatOf(d.data, rows, c), kernels.MatOf(tp.value(logits), rows, c),
		kernels.CrossEntropyArgs{Targets: r.idx, Weights: r.aux, Smoothing: r.f, Classes: r.n}, r.dout()[0])
	tp.commit(d)
}

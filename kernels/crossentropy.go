package kernels

import "math"

// CrossEntropyArgs describe the losses of rows of logits.
type CrossEntropyArgs struct {
	Targets   []int32   // [R] class of each row
	Weights   []float32 // [R] factor of each row's loss; a row of weight 0 is not looked at
	Smoothing float32   // share of the target that is spread over all classes
	Classes   int       // the first so many columns are classes, the others are ignored
}

func (a *CrossEntropyArgs) check(op string, x Mat) {
	needRows(op, "x", x, x.Rows, x.Cols)
	need(op, "Classes", a.Classes, 1)
	need(op, "x.Cols", x.Cols, a.Classes)
	need(op, "len(Targets)", len(a.Targets), x.Rows)
	need(op, "len(Weights)", len(a.Weights), x.Rows)
	for r, t := range a.Targets[:x.Rows] {
		if a.Weights[r] != 0 && (t < 0 || int(t) >= a.Classes) {
			fail(op, "a target", int(t), a.Classes-1, "between 0 and")
		}
	}
}

// CrossEntropy is the weighted sum of the label-smoothed cross-entropies of the
// rows: with logp = log softmax of the first Classes columns and s = Smoothing,
//
//	sum over r of Weights[r] * (-(1-s)*logp[Targets[r]] - s*mean(logp))
//
// Shapes: x [R,C], C at least Classes.
// Numerics: summed in float64, row by row; the exponentials are those of the
// instruction set, added in float32.
// Panics: a target is no class, the elements of a row are not adjacent, or a
// slice is shorter than its shape.
// Source: Szegedy et al. 2015 (arXiv:1512.00567), section 7.
func CrossEntropy(x Mat, a CrossEntropyArgs) float64 {
	a.check("CrossEntropy", x)
	memory := callScratches.get()
	losses := memory.doubles(x.Rows)
	crossEntropy(crossEntropyJob{loss: losses, x: x, args: a})
	var total float64
	for _, l := range losses {
		total += l
	}
	callScratches.put(memory)
	return total
}

// CrossEntropyGrad is the gradient of CrossEntropy, times scale, with
// respect to x: for the first Classes columns
//
//	dx[r,c] = scale*Weights[r] * (softmax(x[r])[c] - s/Classes - (1-s)*[c == Targets[r]])
//
// and 0 for the others.
//
// Shapes: dx, x [R,C].
// Writes: dx is overwritten.
// Aliasing: dx may be x; no other overlap.
// Panics: as CrossEntropy; or rows of dx overlap.
func CrossEntropyGrad(dx, x Mat, scale float32, a CrossEntropyArgs) {
	a.check("CrossEntropyGrad", x)
	needRowsOut("CrossEntropyGrad", "dx", dx, x.Rows, x.Cols)
	crossEntropy(crossEntropyJob{dx: dx, x: x, scale: scale, args: a})
}

func crossEntropy(j crossEntropyJob) {
	if j.x.Rows == 0 {
		return
	}
	reserveItems(j.args.Classes)
	record := crossEntropyJobs.get()
	*record = j
	parallelFor(rowItems(j.x.Rows, j.x.Cols), record)
	*record = crossEntropyJob{}
	crossEntropyJobs.put(record)
}

// crossEntropyJob is one CrossEntropy, or its gradient where dx has data; an
// item is a group of rows.
type crossEntropyJob struct {
	loss  []float64
	x, dx Mat
	scale float32
	args  CrossEntropyArgs
}

var crossEntropyJobs freeList[crossEntropyJob]

func (j *crossEntropyJob) run(worker, item int) {
	lo, hi := itemRows(j.x.Rows, j.x.Cols, item)
	for r := lo; r < hi; r++ {
		if j.dx.Data != nil {
			j.gradient(worker, r)
		} else {
			j.row(worker, r)
		}
	}
}

// row computes one loss.
func (j *crossEntropyJob) row(worker, r int) {
	weight, classes := j.args.Weights[r], j.args.Classes
	if weight == 0 {
		j.loss[r] = 0
		return
	}
	x := j.x.Row(r)[:classes]
	memory := itemScratches.take(worker)
	e := memory.floats(classes)
	var top, total [1]float32
	softmaxRows(e, classes, x, classes, classes, 1, top[:], total[:])
	itemScratches.give(worker, memory)
	lse := float64(top[0]) + math.Log(float64(total[0]))
	s := float64(j.args.Smoothing)
	loss := lse - (1-s)*float64(x[j.args.Targets[r]])
	if s != 0 { // or a class masked by -Inf would make it NaN
		loss -= s * sum(x) / float64(classes)
	}
	j.loss[r] = float64(weight) * loss
}

// gradient writes one row of dx.
func (j *crossEntropyJob) gradient(worker, r int) {
	dx, classes := j.dx.Row(r), j.args.Classes
	a := j.scale * j.args.Weights[r]
	if a == 0 {
		fill(dx, 0)
		return
	}
	memory := itemScratches.take(worker)
	e := memory.floats(classes)
	var top, total [1]float32
	softmaxRows(e, classes, j.x.Row(r)[:classes], classes, classes, 1, top[:], total[:])
	fill(dx[:classes], -a*j.args.Smoothing/float32(classes))
	axpy(dx[:classes], a, e[:classes])
	itemScratches.give(worker, memory)
	dx[j.args.Targets[r]] -= a * (1 - j.args.Smoothing)
	fill(dx[classes:], 0)
}

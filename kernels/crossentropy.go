package kernels

import "math"

// CrossEntropyArgs are what CrossEntropy compares logits with.
type CrossEntropyArgs struct {
	Targets   []int32   // [R], below Classes
	Weights   []float32 // [R]
	Smoothing float32   // share of the target that all classes get alike, 0 to 1
	Classes   int       // the first Classes columns are classes, the others take no part; 0: all are
}

// CrossEntropy is a weighted sum of the cross entropies of rows of logits with
// smoothed targets. With K classes and lse[r] = log(sum over c < K of
// exp(x[r,c])), it returns
//
//	sum over r of Weights[r] * (lse[r] - (1-Smoothing)*x[r,Targets[r]] - Smoothing/K * sum over c < K of x[r,c])
//
// Shapes: x [R,C], K <= C; the others as in CrossEntropyArgs.
// Numerics: float64 but for the sum of exponentials of a row, a float32 sum of
// at most 1+K/32 terms in a row whose relative error lse has as an absolute one. A row of
// weight 0 adds 0 unless its loss is not finite.
// Panics: the elements of a row are not adjacent, a slice is shorter than its
// shape, or there are no classes or more than columns.
// Source: Szegedy et al. 2016 (arXiv:1512.00567), section 7.
func CrossEntropy(x Mat, a CrossEntropyArgs) float64 {
	a.check("CrossEntropy", x)
	if x.Rows == 0 {
		return 0
	}
	memory := callScratches.get()
	losses := memory.doubles(x.Rows)
	runCrossEntropy(crossEntropyJob{CrossEntropyArgs: a, x: x, losses: losses})
	total := 0.0
	for _, v := range losses {
		total += v
	}
	callScratches.put(memory)
	return total
}

// CrossEntropyGrad is the gradient of CrossEntropy times scale. With p the
// softmax of the first K columns,
//
//	dx[r,c] = scale*Weights[r] * (p[r,c] - Smoothing/K - (1-Smoothing if c is Targets[r])) for c < K, else 0
//
// Shapes: dx, x [R,C]; the others as in CrossEntropyArgs.
// Writes: dx is overwritten.
// Aliasing: dx may be x; no other overlap.
// Numerics: p as Softmax has it, and three roundings.
// Panics: as CrossEntropy; dx and x differ in shape, or rows of dx overlap.
func CrossEntropyGrad(dx, x Mat, a CrossEntropyArgs, scale float32) {
	a.check("CrossEntropyGrad", x)
	needRowsOut("CrossEntropyGrad", "dx", dx, x.Rows, x.Cols)
	if x.Rows == 0 {
		return
	}
	memory := callScratches.get()
	uniform := memory.floats(a.Classes)
	fill(uniform, a.Smoothing/float32(a.Classes))
	runCrossEntropy(crossEntropyJob{CrossEntropyArgs: a, x: x, dx: dx, scale: scale, uniform: uniform, grad: true})
	callScratches.put(memory)
}

// check panics unless the arguments fit x, and resolves Classes.
func (a *CrossEntropyArgs) check(op string, x Mat) {
	needRows(op, "x", x, x.Rows, x.Cols)
	if a.Classes == 0 {
		a.Classes = x.Cols
	}
	need(op, "a.Classes", a.Classes, 1)
	need(op, "columns of x", x.Cols, a.Classes)
	need(op, "len(a.Targets)", len(a.Targets), x.Rows)
	need(op, "len(a.Weights)", len(a.Weights), x.Rows)
	for _, t := range a.Targets[:x.Rows] {
		if int(uint32(t)) >= a.Classes {
			need(op, "a target", int(t), 0)
			fail(op, "a target", int(t), a.Classes-1, "at most")
		}
	}
}

// crossEntropyJob is one CrossEntropy or CrossEntropyGrad; an item is a group of
// rows.
type crossEntropyJob struct {
	CrossEntropyArgs
	x       Mat
	losses  []float64 // [R]
	grad    bool
	dx      Mat
	scale   float32
	uniform []float32 // [Classes]: what smoothing gives each class
}

var crossEntropyJobs freeList[crossEntropyJob]

// runCrossEntropy runs j, over the pool when it is large.
func runCrossEntropy(j crossEntropyJob) {
	reserveItems(j.Classes + 2)
	record := crossEntropyJobs.get()
	*record = j
	if j.x.Rows*j.Classes <= elementChunk/4 {
		record.rows(0, j.x.Rows)
	} else {
		parallelFor(rowItems(j.x.Rows, j.Classes), record)
	}
	*record = crossEntropyJob{}
	crossEntropyJobs.put(record)
}

func (j *crossEntropyJob) run(item int) { j.rows(itemRows(j.x.Rows, j.Classes, item)) }

func (j *crossEntropyJob) rows(lo, hi int) {
	memory := itemScratches.get()
	buffer := memory.floats(j.Classes + 2)
	for r := lo; r < hi; r++ {
		if j.grad {
			j.gradRow(r, buffer[:2])
		} else {
			j.losses[r] = j.loss(r, buffer[2:], buffer[:2])
		}
	}
	itemScratches.put(memory)
}

// loss is the weighted loss of a row; p and stats are scratch.
func (j *crossEntropyJob) loss(r int, p, stats []float32) float64 {
	x := j.x.Row(r)[:j.Classes]
	softmaxRows(p, j.Classes, x, j.Classes, j.Classes, 1, stats[:1], stats[1:])
	lse := float64(stats[0]) + math.Log(float64(stats[1]))
	smooth := float64(j.Smoothing)
	loss := lse - (1-smooth)*float64(x[j.Targets[r]])
	if smooth != 0 {
		loss -= smooth / float64(j.Classes) * sum(x)
	}
	return float64(j.Weights[r]) * loss
}

// gradRow writes the gradient of a row; stats is scratch.
func (j *crossEntropyJob) gradRow(r int, stats []float32) {
	x, dx := j.x.Row(r)[:j.Classes], j.dx.Row(r)
	clear(dx[j.Classes:])
	dx = dx[:j.Classes]
	softmaxRows(dx, j.Classes, x, j.Classes, j.Classes, 1, stats[:1], stats[1:])
	a := j.scale * j.Weights[r]
	scaledDiff(dx, a, dx, j.uniform)
	dx[j.Targets[r]] -= a * (1 - j.Smoothing)
}

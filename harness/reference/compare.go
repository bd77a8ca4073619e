package reference

import (
	"math"
	"slices"
	"strings"

	"lethe/harness/checkpoint"
	"lethe/kernels"
)

// MostOfStep is the largest ‖a−b‖/‖b−b₀‖ of a weight: how far the step that was
// taken may lie from the one expected, in lengths of that one.
const MostOfStep = 2e-2

// RoundingStep is the root mean square of a weight's step, in learning rates
// times steps, up to which it is not judged: some gradients are zero in exact
// arithmetic, and what Adam makes of their rounding is noise on either side.
// Adam goes about one learning rate a step where a gradient is well above eps;
// over 135 random bundles noise went at most 3.5e-3 of that, with eps at 3e-5,
// and everything else at least 2.7e-2.
const RoundingStep = 1e-2

// Tolerance says how far floating-point tensors may be apart. One passes when
// its relative L2 error is at most the relative tolerance, or no element differs
// by more than the absolute one. Integers are equal or not.
type Tolerance struct {
	Relative *float64 // of every tensor; nil: 1e-3 for output and grad_norm, 1e-4 for the rest
	Absolute float64  // in the units of the tensor
}

// relative returns the relative tolerance of a tensor.
func (t Tolerance) relative(name string) float64 {
	switch {
	case t.Relative != nil:
		return *t.Relative
	case name == "output", name == "grad_norm":
		return 1e-3
	}
	return 1e-4
}

// Compare judges the tensors of file a against those of file b, in the order of
// b, then those that only a has.
//
// Errors: an *InputError when a file cannot be read; a *MismatchError, beside
// the whole table, when a tensor is missing from either, has another shape or
// dtype, is not finite or is out of tolerance.
func Compare(a, b string, tol Tolerance) (Table, error) {
	got, err := openFile(a)
	if err != nil {
		return Table{}, err
	}
	defer got.Close()
	want, err := openFile(b)
	if err != nil {
		return Table{}, err
	}
	defer want.Close()
	return judge(pair{gotPath: a, wantPath: b, got: got.Tensors, want: want.Tensors, tol: tol})
}

// Check runs a bundle, with products of a precision, and judges the result against its expected tensors, with
// the default tolerances. A weight is also held against the checkpoint: see
// MostOfStep; one that was to keep its bytes must have kept them.
//
// Errors: as Run and Compare.
func Check(dir string, p kernels.Precision) (Table, error) {
	got, err := Run(dir, p)
	if err != nil {
		return Table{}, err
	}
	b, err := open(dir)
	if err != nil {
		return Table{}, err
	}
	defer b.close()
	want, err := openFile(b.path(expectedFile))
	if err != nil {
		return Table{}, err
	}
	defer want.Close()
	start, err := openFile(b.checkpointPath())
	if err != nil {
		return Table{}, err
	}
	defer start.Close()
	return judge(pair{gotPath: "this run", wantPath: b.path(expectedFile), got: got, want: want.Tensors, start: start.Tensors, travel: b.travel(got)})
}

// travel is about how far Adam takes an element in the steps of a bundle: the
// learning rate times their number, which is that of the losses.
func (b *bundle) travel(got []checkpoint.Tensor) float64 {
	if b.Optimizer == nil || b.Optimizer.LR == nil {
		return 0
	}
	for _, t := range got {
		if t.Name == "loss" || t.Name == "loss_retain" {
			return *b.Optimizer.LR * float64(t.Len())
		}
	}
	return 0
}

// pair is what judge compares: got against want, and weights also against start.
type pair struct {
	gotPath, wantPath string
	got, want, start  []checkpoint.Tensor
	tol               Tolerance
	travel            float64 // see bundle.travel; 0: every step is judged
}

func judge(p pair) (Table, error) {
	got, start := index(p.got), index(p.start)
	known := index(p.want)
	var table Table
	for _, want := range p.want {
		row := Row{Name: want.Name, Shape: want.Shape, MaxAbs: math.NaN(), Relative: math.NaN(), OfStep: math.NaN()}
		if t, ok := got[want.Name]; !ok {
			row.Verdict = "missing from " + p.gotPath
		} else {
			key, isWeight := strings.CutPrefix(want.Name, "weights.")
			var before *checkpoint.Tensor
			if t, ok := start[key]; ok && isWeight {
				before, table.Steps = &t, true
			}
			row.judge(t, want, before, p)
		}
		table.Rows = append(table.Rows, row)
	}
	for _, t := range p.got {
		if _, ok := known[t.Name]; !ok {
			table.Rows = append(table.Rows, Row{Name: t.Name, Shape: t.Shape, MaxAbs: math.NaN(), Relative: math.NaN(),
				OfStep: math.NaN(), Verdict: "missing from " + p.wantPath})
		}
	}
	return table, table.err()
}

func index(ts []checkpoint.Tensor) map[string]checkpoint.Tensor {
	m := make(map[string]checkpoint.Tensor, len(ts))
	for _, t := range ts {
		m[t.Name] = t
	}
	return m
}

// judge fills the row from the two tensors and, for a trained weight, the one
// before the first step.
func (r *Row) judge(got, want checkpoint.Tensor, start *checkpoint.Tensor, p pair) {
	switch {
	case !slices.Equal(got.Shape, want.Shape):
		r.Verdict = "shape is " + shapeText(got.Shape)
		return
	case got.DType != want.DType:
		r.Verdict = "dtype is " + string(got.DType) + ", want " + string(want.DType)
		return
	}
	a, errA := values(got)
	b, errB := values(want)
	if errA != nil || errB != nil {
		r.Verdict = "unreadable"
		return
	}
	r.MaxAbs, r.Relative = maxAbs(a, b), ratio(distance(a, b), norm(b))
	finite, noise := isFinite(a) && isFinite(b), false
	if start != nil && slices.Equal(start.Shape, want.Shape) {
		if b0, err := values(*start); err == nil {
			r.OfStep = ratio(distance(a, b), distance(b, b0))
			most := RoundingStep * p.travel * math.Sqrt(float64(len(b0)))
			small := func(step float64) bool { return step > 0 && step <= most } // 0: it was not trained
			noise = small(distance(a, b0)) && small(distance(b, b0))
		}
	}
	within := r.Relative <= p.tol.relative(r.Name) || r.MaxAbs <= p.tol.Absolute
	if !want.DType.IsFloat() {
		within = r.MaxAbs == 0
	}
	switch {
	case !finite:
		r.Verdict = "not finite"
	case !within:
		r.Verdict = "out of tolerance"
	case start != nil && !(r.OfStep <= MostOfStep) && !noise:
		r.Verdict = "step out of tolerance"
	case start != nil && !(r.OfStep <= MostOfStep):
		r.Verdict, r.OK = "ok, a step of rounding", true
	default:
		r.Verdict, r.OK = "ok", true
	}
}

// Package gradcheck compares the gradients of package autodiff with central
// differences of the forward pass.
//
// For outputs y(x) and a random cotangent c, the tape's gradient of
// sum_j c[j]*y[j] with respect to one input element x is compared with
//
//	D(h) = sum_j c[j]*(y[j](x+h)-y[j](x-h)) / (2*h)
//
// summed in float64 over the float32 outputs. The error of D has two parts:
//
//	rounding:   each output is off by at most g(k)*s, where k is the longest
//	            chain of roundings behind it, s the sum of the magnitudes of its terms,
//	            g(k) = k*u/(1-k*u), u = 2^-24 (Higham, Accuracy and Stability
//	            of Numerical Algorithms, ch. 3): |error of D| <= sum|c|*g(k)*s/h
//	truncation: D(h) = y' + a*h^2 + b*h^4 + ...
//
// Two steps remove the second-order term: R = (4*D(h/2)-D(h))/3, whose
// truncation is b*h^4/4. The tolerance is the rounding bound carried through
// that formula, (4*2+1)/3 = 3 times that of D(h), plus an eighth of
// |D(h)-D(h/2)| for the fourth-order term, which holds while b*h^2 < 3/8*a; the
// ops here are smooth on the scale of their arguments and h is 1/16. Only
// outputs that change take part: a forward pass is deterministic, the others
// cancel exactly. The tape's gradient is itself a sum in float32, over terms
// no larger than the outputs': sum|c|*g(k)*s over all outputs is added for it.
package gradcheck

import (
	"fmt"
	"math"
	"math/rand/v2"

	"lethe/autodiff"
	"lethe/kernels"
)

// step is h: the larger of the two, in the units of the inputs, which should
// be of order 1.
const step = 1.0 / 16

// unit is the unit roundoff of float32.
const unit = 1.0 / (1 << 24)

// Case is a function of tensors whose gradients are to be checked.
type Case struct {
	// Inputs are the arguments of Forward. The trainable ones are checked,
	// the others must stay without a gradient. Their data is changed during the check
	// and restored.
	Inputs []*autodiff.Tensor
	// Forward computes the outputs. It must be deterministic and is called many times.
	Forward func(tp *autodiff.Tape, in []*autodiff.Tensor) *autodiff.Tensor
	// Roundings is k: the longest chain of roundings behind one output.
	Roundings int
	// Magnitude is s: a bound on the sum of the magnitudes of its terms.
	Magnitude float64
	// Precision is the tape's. Roundings has to count what it adds: BF16x3 leaves of
	// each product a relative error of at most 3*2^-18, which is 192 roundings.
	// BF16 cannot be checked: the derivative of what is rounded to 8 bits is 0
	// almost everywhere, and a step of h sees that.
	Precision kernels.Precision
}

// Element is the comparison of one element of one input.
type Element struct {
	Input, Index      int
	Analytic, Numeric float64
	Tolerance         float64
}

// ratio is the error in units of the tolerance; not a number stays one.
func (e Element) ratio() float64 { return math.Abs(e.Analytic-e.Numeric) / e.Tolerance }

// Report is the outcome of a check.
type Report struct {
	Checked int     // elements compared
	Worst   Element // the one with the largest error in units of its tolerance
}

// Check compares every element of every trainable input. The cotangent is
// drawn from rng.
// Errors: the worst element is out of tolerance or not a number; a trainable
// input got no gradient or a frozen one got one; nothing was there to compare.
func Check(c Case, rng *rand.Rand) (Report, error) {
	tp := autodiff.NewTape()
	tp.SetPrecision(c.Precision)
	cotangent, err := c.analytic(tp, rng)
	if err != nil {
		return Report{}, err
	}
	var report Report
	worst := -1.0
	for i, in := range c.Inputs {
		if !in.Trainable() {
			continue
		}
		for j := range in.Data {
			e := c.element(tp, cotangent, i, j)
			report.Checked++
			if r := e.ratio(); !(r <= worst) {
				worst, report.Worst = r, e
			}
			if math.IsNaN(worst) {
				return report, report.Worst.error()
			}
		}
	}
	switch {
	case report.Checked == 0:
		return report, fmt.Errorf("gradcheck: no element of a trainable input to compare")
	case !(worst <= 1):
		return report, report.Worst.error()
	}
	return report, nil
}

func (e Element) error() error {
	return fmt.Errorf("gradcheck: input %d, element %d: gradient is %g, central difference %g, tolerance %.3g",
		e.Input, e.Index, e.Analytic, e.Numeric, e.Tolerance)
}

// analytic leaves the tape's gradients in the inputs and returns the cotangent.
func (c *Case) analytic(tp *autodiff.Tape, rng *rand.Rand) ([]float32, error) {
	for _, in := range c.Inputs {
		in.ZeroGrad()
	}
	y := c.Forward(tp, c.Inputs)
	cotangent := make([]float32, y.Len())
	for i := range cotangent {
		cotangent[i] = 0.5 + rng.Float32()
		if rng.IntN(2) == 0 {
			cotangent[i] = -cotangent[i]
		}
	}
	tp.BackwardFrom(y, cotangent)
	tp.Reset()
	for i, in := range c.Inputs {
		if got := in.Grad() != nil; got != in.Trainable() {
			return nil, fmt.Errorf("gradcheck: input %d: got a gradient: %t, trainable: %t", i, got, in.Trainable())
		}
	}
	return cotangent, nil
}

// element compares element j of input i.
func (c *Case) element(tp *autodiff.Tape, cotangent []float32, i, j int) Element {
	wide, noise := c.difference(tp, cotangent, i, j, step)
	narrow, _ := c.difference(tp, cotangent, i, j, step/2)
	return Element{
		Input: i, Index: j,
		Analytic:  float64(c.Inputs[i].Grad()[j]),
		Numeric:   (4*narrow - wide) / 3,
		Tolerance: 3*noise + math.Abs(wide-narrow)/8 + c.bound()*magnitude(cotangent),
	}
}

// difference returns D(h) and its rounding bound.
func (c *Case) difference(tp *autodiff.Tape, cotangent []float32, i, j int, h float32) (d, noise float64) {
	x := &c.Inputs[i].Data[j]
	old := *x
	*x = old + h
	above, high := c.values(tp), float64(*x)
	*x = old - h
	below, low := c.values(tp), float64(*x)
	*x = old

	bound := c.bound()
	for n, v := range cotangent {
		if above[n] == below[n] {
			continue
		}
		d += float64(v) * (float64(above[n]) - float64(below[n]))
		noise += 2 * math.Abs(float64(v)) * bound
	}
	return d / (high - low), noise / (high - low)
}

// bound is g(k)*s, the largest error of one output.
func (c *Case) bound() float64 {
	k := float64(c.Roundings) * unit
	return k / (1 - k) * c.Magnitude
}

// magnitude is the sum of absolute values.
func magnitude(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += math.Abs(float64(v))
	}
	return sum
}

// values runs the forward pass alone and copies its output.
func (c *Case) values(tp *autodiff.Tape) []float32 {
	y := tp.Frozen(func() *autodiff.Tensor { return c.Forward(tp, c.Inputs) })
	out := append([]float32(nil), y.Data...)
	tp.Reset()
	return out
}

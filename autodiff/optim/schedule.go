package optim

import "math"

// Schedule gives the learning rate of each step.
type Schedule interface {
	// At returns the learning rate of a step, counted from 0.
	At(step int) float32
}

// Constant is the same learning rate at every step.
type Constant float32

// At returns the constant.
func (c Constant) At(int) float32 { return float32(c) }

// WarmupCosine rises linearly from 0 to Base and then falls along half a
// cosine to Min:
//
//	step < Warmup:  Base*step/Warmup
//	later:          Min + (Base-Min)/2*(1 + cos(pi*(step-Warmup)/(Total-Warmup)))
//	step >= Total:  Min
//
// Warmup and Total count steps; Warmup 0 means no warm-up.
// Source: util/lr_sched.py of facebookresearch/mae, with epochs as steps.
type WarmupCosine struct {
	Base, Min     float32
	Warmup, Total int
}

// At returns the learning rate of a step, counted from 0.
func (s WarmupCosine) At(step int) float32 {
	if step < s.Warmup {
		return float32(float64(s.Base) * float64(step) / float64(s.Warmup))
	}
	if step >= s.Total {
		return s.Min
	}
	done := float64(step-s.Warmup) / float64(s.Total-s.Warmup)
	return float32(float64(s.Min) + (float64(s.Base)-float64(s.Min))/2*(1+math.Cos(math.Pi*done)))
}

package optim

import (
	"math"

	"lethe/kernels"
)

// AdamConfig is the constants of Adam and AdamW.
type AdamConfig struct {
	Beta1 float64 // decay of the average gradient; PyTorch's default 0.9
	Beta2 float64 // decay of the average squared gradient; default 0.999
	Eps   float64 // added to the root of the latter, in units of the gradient; default 1e-8
}

// Adam is Adam or AdamW. Make one with NewAdam or NewAdamW.
type Adam struct {
	state
	config    AdamConfig
	decoupled bool
}

// NewAdamW returns AdamW, in which the weight decay of a group acts on the
// weights:
//
//	w = w*(1 - lr*decay) - lr * (m/(1-Beta1^t)) / (sqrt(v/(1-Beta2^t)) + Eps)
//
// t counts the steps in which the parameter had a gradient.
// Panics: a parameter is nil or listed twice; a beta is outside [0,1); Eps is negative.
// Source: Loshchilov, Hutter 2019 (arXiv:1711.05101); torch.optim.AdamW, PyTorch 2.6.
func NewAdamW(groups []Group, c AdamConfig) *Adam {
	return newAdam("NewAdamW", groups, c, true)
}

// NewAdam returns Adam, in which the weight decay of a group is added to the
// gradient, as decay*w.
// Panics: as NewAdamW.
// Source: Kingma, Ba 2015 (arXiv:1412.6980); torch.optim.Adam, PyTorch 2.6.
func NewAdam(groups []Group, c AdamConfig) *Adam {
	return newAdam("NewAdam", groups, c, false)
}

func newAdam(op string, groups []Group, c AdamConfig, decoupled bool) *Adam {
	for _, beta := range [2]float64{c.Beta1, c.Beta2} {
		if !(beta >= 0 && beta < 1) {
			panic("optim: " + op + ": a beta is outside [0,1)")
		}
	}
	if !(c.Eps >= 0) {
		panic("optim: " + op + ": Eps is negative or not a number")
	}
	return &Adam{state: newState(op, groups, "m", "v"), config: c, decoupled: decoupled}
}

// Step updates every parameter that has a gradient, read as gradient*gradScale.
func (a *Adam) Step(lr, gradScale float32) {
	a.count++
	for i := range a.slots {
		p := &a.slots[i]
		g := p.value.Grad()
		if g == nil {
			continue
		}
		a.begin(p)
		t := float64(p.steps)
		kernels.Adam(p.value.Data, p.buffers[0], p.buffers[1], g, kernels.AdamParams{
			LR:              lr,
			Beta1:           float32(a.config.Beta1),
			Beta2:           float32(a.config.Beta2),
			Beta1Rest:       float32(1 - a.config.Beta1),
			Beta2Rest:       float32(1 - a.config.Beta2),
			Eps:             float32(a.config.Eps),
			WeightDecay:     p.decay,
			BiasCorrection1: float32(1 - math.Pow(a.config.Beta1, t)),
			BiasCorrection2: float32(1 - math.Pow(a.config.Beta2, t)),
			GradScale:       gradScale,
			Decoupled:       a.decoupled,
		})
	}
}

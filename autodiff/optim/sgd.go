package optim

import "lethe/kernels"

// SGD is stochastic gradient descent with momentum. Make one with NewSGD.
type SGD struct {
	state
	momentum float32
}

// NewSGD returns gradient descent with (heavy-ball) momentum:
//
//	d = gradient*gradScale + decay*w
//	m = momentum*m + d, from m = 0
//	w = w - lr*m
//
// Panics: a parameter is nil or listed twice; momentum is negative.
// Source: torch.optim.SGD, PyTorch 2.6, dampening 0, nesterov off.
func NewSGD(groups []Group, momentum float32) *SGD {
	if !(momentum >= 0) {
		panic("optim: NewSGD: momentum is negative or not a number")
	}
	return &SGD{state: newState("NewSGD", groups, "m"), momentum: momentum}
}

// Step updates every parameter that has a gradient, read as gradient*gradScale.
func (s *SGD) Step(lr, gradScale float32) {
	s.count++
	for i := range s.slots {
		p := &s.slots[i]
		g := p.value.Grad()
		if g == nil {
			continue
		}
		s.begin(p)
		m, w := p.buffers[0], p.value.Data
		if s.momentum == 0 {
			kernels.Scale(m, gradScale, g) // not 0*m: m may not be finite
		} else {
			kernels.Scale(m, s.momentum, m)
			kernels.Axpy(m, gradScale, g)
		}
		if p.decay != 0 {
			kernels.Axpy(m, p.decay, w)
		}
		kernels.Axpy(w, -lr, m)
	}
}

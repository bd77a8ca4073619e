package ref

import "math"

// AdamStep is the settings of one Adam step.
type AdamStep struct {
	LR, Beta1, Beta2, Eps, WeightDecay, GradScale float64
	Step                                          int // counted from 1
	Decoupled                                     bool
}

// Adam returns weight, first and second average after one step on one number,
// as Kingma and Ba (arXiv:1412.6980, algorithm 1) and Loshchilov and Hutter
// (arXiv:1711.05101, algorithm 2) write it, with eps outside the root of the
// corrected second average.
func Adam(w, m, v, g float64, a AdamStep) (w1, m1, v1 float64) {
	g *= a.GradScale
	if a.Decoupled {
		w -= a.LR * a.WeightDecay * w
	} else {
		g += a.WeightDecay * w
	}
	m1 = a.Beta1*m + (1-a.Beta1)*g
	v1 = a.Beta2*v + (1-a.Beta2)*g*g
	mHat := m1 / (1 - math.Pow(a.Beta1, float64(a.Step)))
	vHat := v1 / (1 - math.Pow(a.Beta2, float64(a.Step)))
	return w - a.LR*mHat/(math.Sqrt(vHat)+a.Eps), m1, v1
}

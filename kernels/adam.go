package kernels

import (
	"math"

	"lethe/kernels/internal/generic"
)

// AdamParams are the numbers of one Adam step.
type AdamParams struct {
	LR              float32 // learning rate, in units of the weights
	Beta1, Beta2    float32 // decay rates of the two averages
	Beta1Rest       float32 // 1-Beta1, rounded once from the exact rates; 0: computed from Beta1
	Beta2Rest       float32 // 1-Beta2, likewise: 1-float32(0.999) is 1.3e-5 away from 0.001
	Eps             float32 // added to the denominator, in units of the gradient
	WeightDecay     float32
	BiasCorrection1 float32 // 1-Beta1^t at step t, counted from 1
	BiasCorrection2 float32 // 1-Beta2^t
	GradScale       float32 // multiplies g: 1, or the factor of gradient clipping
	Decoupled       bool    // AdamW: decay the weights; otherwise add the decay to the gradient
}

// Adam makes one step of Adam, or of AdamW when p.Decoupled is set, in one pass
// over memory:
//
//	d = g*GradScale;  Adam: d += WeightDecay*w;  AdamW: w *= 1 - LR*WeightDecay
//	m = m + (d-m)*(1-Beta1)
//	v = v*Beta2 + (1-Beta2)*d*d
//	w = w - LR/BiasCorrection1 * m / (sqrt(v)/sqrt(BiasCorrection2) + Eps)
//
// Shapes: w, m, v, g [n] with n = len(w); longer m, v and g are allowed.
// Writes: w, m and v are updated; g is only read.
// Aliasing: no overlap.
// Numerics: every operation is rounded to float32 and none is fused, so every
// instruction set gives the same bits.
// Panics: m, v or g is shorter than w.
// Source: Kingma, Ba 2015 (arXiv:1412.6980); Loshchilov, Hutter 2019
// (arXiv:1711.05101); order of operations of torch.optim.Adam, PyTorch 2.6,
// without foreach.
func Adam(w, m, v, g []float32, p AdamParams) {
	need("Adam", "len(m)", len(m), len(w))
	need("Adam", "len(v)", len(v), len(w))
	need("Adam", "len(g)", len(g), len(w))
	j := adamJob{w: w, m: m, v: v, g: g, k: p.coefficients()}
	if len(w) <= elementChunk {
		j.part(0, len(w))
		return
	}
	record := adamJobs.get()
	*record = j
	parallelFor((len(w)+elementChunk-1)/elementChunk, record)
	*record = adamJob{}
	adamJobs.put(record)
}

// coefficients are what the micro-kernel multiplies with. They are computed in
// float64 and rounded once, as PyTorch computes its scalars.
func (p *AdamParams) coefficients() (k [generic.AdamCoefficients]float32) {
	decay := float64(p.LR) * float64(p.WeightDecay)
	k[generic.AdamGradScale] = p.GradScale
	k[generic.AdamKeep] = 1
	if p.Decoupled {
		k[generic.AdamKeep] = float32(1 - decay)
	} else {
		k[generic.AdamDecayGrad] = p.WeightDecay
	}
	k[generic.AdamRest1] = rest(p.Beta1, p.Beta1Rest)
	k[generic.AdamBeta2] = p.Beta2
	k[generic.AdamRest2] = rest(p.Beta2, p.Beta2Rest)
	k[generic.AdamRoot2] = float32(math.Sqrt(float64(p.BiasCorrection2)))
	k[generic.AdamEps] = p.Eps
	k[generic.AdamStep] = float32(float64(p.LR) / float64(p.BiasCorrection1))
	return k
}

// rest is 1-beta unless the caller knows it better.
func rest(beta, given float32) float32 {
	if given != 0 {
		return given
	}
	return float32(1 - float64(beta))
}

// adamJob is one Adam; an item is elementChunk elements.
type adamJob struct {
	w, m, v, g []float32
	k          [generic.AdamCoefficients]float32
}

var adamJobs freeList[adamJob]

func (j *adamJob) run(_, item int) {
	lo := item * elementChunk
	j.part(lo, min(lo+elementChunk, len(j.w)))
}

func (j *adamJob) part(lo, hi int) {
	adam(j.w[lo:hi], j.m[lo:hi], j.v[lo:hi], j.g[lo:hi], &j.k)
}

package generic

import "math"

// Places in the coefficient array of Adam.
const (
	AdamGradScale    = iota // multiplies the gradient
	AdamDecayGrad           // weight decay added to the gradient (Adam); 0 for AdamW
	AdamKeep                // multiplies the weight before the step (AdamW): 1-lr*decay; 1 for Adam
	AdamRest1               // 1-beta1
	AdamBeta2               // beta2
	AdamRest2               // 1-beta2
	AdamRoot2               // sqrt(1-beta2^t)
	AdamEps                 // added to the denominator
	AdamStep                // lr/(1-beta1^t)
	AdamCoefficients        // how many there are
)

// Adam makes one step for every i < len(w), in float32, every operation rounded
// once and none fused, so that all implementations give the same bits:
//
//	d = g*gradScale + decayGrad*w
//	w = w*keep
//	m = m + (d-m)*rest1
//	v = v*beta2 + (rest2*d)*d
//	w = w - step*m / (sqrt(v)/root2 + eps)
func Adam(w, m, v, g []float32, k *[AdamCoefficients]float32) {
	m, v, g = m[:len(w)], v[:len(w)], g[:len(w)]
	for i := range w {
		d := float32(g[i]*k[AdamGradScale]) + float32(k[AdamDecayGrad]*w[i])
		weight := float32(w[i] * k[AdamKeep])
		first := m[i] + float32((d-m[i])*k[AdamRest1])
		second := float32(v[i]*k[AdamBeta2]) + float32(float32(k[AdamRest2]*d)*d)
		denominator := float32(float32(math.Sqrt(float64(second)))/k[AdamRoot2]) + k[AdamEps]
		w[i] = weight - float32(float32(k[AdamStep]*first)/denominator)
		m[i], v[i] = first, second
	}
}

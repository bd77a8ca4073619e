package ref

import "math"

// SiLU is x/(1+exp(-x)).
func SiLU(x float64) float64 { return x / (1 + math.Exp(-x)) }

// SiLUGrad is the derivative of SiLU: s*(1+x*(1-s)), s = 1/(1+exp(-x)).
func SiLUGrad(x float64) float64 {
	s := 1 / (1 + math.Exp(-x))
	return s * (1 + x*(1-s))
}

// Modulation is what GroupNorm does to each channel of each image, [N,C] each;
// nil: scale 0 and shift 0.
type Modulation struct{ Scale, Shift []float64 }

func (m *Modulation) at(i int) (scale, shift float64) {
	if m == nil {
		return 1, 0
	}
	return 1 + m.Scale[i], m.Shift[i]
}

// GroupStats are mean and 1/sqrt(variance+eps) of the groups of x [N,P,C].
func GroupStats(x []float32, n, pixels, c, groups int, eps float64) (mean, rstd []float64) {
	width := c / groups
	for i := range n {
		for g := range groups {
			var sum, squares float64
			each := func(f func(v float64)) {
				for p := range pixels {
					for k := g * width; k < (g+1)*width; k++ {
						f(float64(x[(i*pixels+p)*c+k]))
					}
				}
			}
			count := float64(pixels * width)
			each(func(v float64) { sum += v / count })
			each(func(v float64) { squares += (v - sum) * (v - sum) / count })
			mean, rstd = append(mean, sum), append(rstd, 1/math.Sqrt(squares+eps))
		}
	}
	return mean, rstd
}

// GroupNorm is the value before the activation: ((x-mean)*rstd*gamma + beta)*(1+scale) + shift.
func GroupNorm(x, gamma, beta []float32, n, pixels, c, groups int, eps float64, m *Modulation) []float64 {
	mean, rstd := GroupStats(x, n, pixels, c, groups, eps)
	y := make([]float64, n*pixels*c)
	for i := range y {
		image, k := i/(pixels*c), i%c
		g := image*groups + k/(c/groups)
		scale, shift := m.at(image*c + k)
		y[i] = ((float64(x[i])-mean[g])*rstd[g]*float64(gamma[k])+float64(beta[k]))*scale + shift
	}
	return y
}

// GroupNormGrads are the gradients of GroupNorm.
type GroupNormGrads struct{ DX, DGamma, DBeta, DScale, DShift []float64 }

// GroupNormGrad is the gradient of GroupNorm with respect to everything; dz is
// that of its result [N,P,C].
func GroupNormGrad(dz []float64, x, gamma, beta []float32, n, pixels, c, groups int, eps float64, m *Modulation) GroupNormGrads {
	mean, rstd := GroupStats(x, n, pixels, c, groups, eps)
	d := GroupNormGrads{make([]float64, len(x)), make([]float64, c), make([]float64, c), make([]float64, n*c), make([]float64, n*c)}
	width := c / groups
	plain, along := make([]float64, n*groups), make([]float64, n*groups)
	normal := func(i int) (g, channel int, v float64) {
		image, k := i/(pixels*c), i%c
		g = image*groups + k/width
		return g, image*c + k, (float64(x[i]) - mean[g]) * rstd[g]
	}
	for i, v := range dz {
		g, channel, u := normal(i)
		k := i % c
		scale, _ := m.at(channel)
		d.DGamma[k] += v * u * scale
		d.DBeta[k] += v * scale
		d.DScale[channel] += v * (u*float64(gamma[k]) + float64(beta[k]))
		d.DShift[channel] += v
		plain[g] += v * scale * float64(gamma[k]) / float64(pixels*width)
		along[g] += v * scale * float64(gamma[k]) * u / float64(pixels*width)
	}
	for i, v := range dz {
		g, channel, u := normal(i)
		scale, _ := m.at(channel)
		d.DX[i] = rstd[g] * (v*scale*float64(gamma[i%c]) - plain[g] - u*along[g])
	}
	return d
}

// CrossEntropy is the label-smoothed cross-entropy of one row of classes.
func CrossEntropy(x []float32, target int, smoothing float64) float64 {
	loss := 0.0
	for c, p := range LogSoftmax(x) {
		loss -= smoothing / float64(len(x)) * p
		if c == target {
			loss -= (1 - smoothing) * p
		}
	}
	return loss
}

// LogSoftmax is the logarithm of the softmax of one row.
func LogSoftmax(x []float32) []float64 {
	top, sum := math.Inf(-1), 0.0
	for _, v := range x {
		top = math.Max(top, float64(v))
	}
	for _, v := range x {
		sum += math.Exp(float64(v) - top)
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v) - top - math.Log(sum)
	}
	return out
}

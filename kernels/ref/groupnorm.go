package ref

import "math"

// GroupNormShape is N images of Pixels pixels and C channels in Groups groups.
type GroupNormShape struct {
	N, Pixels, C, Groups int
	Eps                  float64
	SiLU                 bool
}

// GroupNormParams are the parameters: gamma, beta [C]; scale, shift [N,C] or nil.
type GroupNormParams struct{ Gamma, Beta, Scale, Shift []float32 }

// at are the four parameters of channel c of image i; scale and shift 0 for none.
func (p GroupNormParams) at(i, c int) (gamma, beta, scale, shift float64) {
	gamma, beta = float64(p.Gamma[c]), float64(p.Beta[c])
	if p.Scale != nil {
		at := i*len(p.Gamma) + c
		scale, shift = float64(p.Scale[at]), float64(p.Shift[at])
	}
	return gamma, beta, scale, shift
}

// group visits every element of group g of image i, channel by channel.
func (s GroupNormShape) group(i, g int, visit func(at, c int)) {
	per := s.C / s.Groups
	for c := g * per; c < (g+1)*per; c++ {
		for p := range s.Pixels {
			visit((i*s.Pixels+p)*s.C+c, c)
		}
	}
}

// GroupNorm normalizes x [N,Pixels,C]: with mean and the biased variance of a
// group of an image, rstd = 1/sqrt(variance+eps),
//
//	z = ((x-mean)*rstd*gamma + beta)*(1+scale) + shift;  y = z or silu(z)
func GroupNorm(x []float32, p GroupNormParams, s GroupNormShape) (y, z, mean, rstd []float64) {
	y, z = make([]float64, len(x)), make([]float64, len(x))
	count := float64(s.Pixels * s.C / s.Groups)
	for i := range s.N {
		for g := range s.Groups {
			m, v := 0.0, 0.0
			s.group(i, g, func(at, _ int) { m += float64(x[at]) / count })
			s.group(i, g, func(at, _ int) { v += (float64(x[at]) - m) * (float64(x[at]) - m) / count })
			r := 1 / math.Sqrt(v+s.Eps)
			mean, rstd = append(mean, m), append(rstd, r)
			s.group(i, g, func(at, c int) {
				gamma, beta, scale, shift := p.at(i, c)
				z[at] = ((float64(x[at])-m)*r*gamma+beta)*(1+scale) + shift
				y[at] = z[at]
				if s.SiLU {
					y[at] = SiLU(z[at])
				}
			})
		}
	}
	return y, z, mean, rstd
}

// GroupNormGrads are the gradients of GroupNorm with respect to its operands.
type GroupNormGrads struct{ DX, DGamma, DBeta, DScale, DShift []float64 }

// GroupNormGrad is the gradient of GroupNorm by the chain rule: with n =
// (x-mean)*rstd, dz = dy or dy*silu'(z) and dn = dz*(1+scale)*gamma,
//
//	dx = rstd * (dn - mean(dn) - n*mean(dn*n))
//	dgamma = sum of dz*(1+scale)*n;  dbeta = sum of dz*(1+scale)
//	dscale = sum of dz*(n*gamma+beta);  dshift = sum of dz
func GroupNormGrad(dy, x []float32, p GroupNormParams, s GroupNormShape) (d GroupNormGrads) {
	_, z, mean, rstd := GroupNorm(x, p, s)
	d = GroupNormGrads{make([]float64, len(x)), make([]float64, s.C), make([]float64, s.C), make([]float64, s.N*s.C), make([]float64, s.N*s.C)}
	count := float64(s.Pixels * s.C / s.Groups)
	for i := range s.N {
		for g := range s.Groups {
			m, r := mean[i*s.Groups+g], rstd[i*s.Groups+g]
			plain, along := 0.0, 0.0
			each := func(visit func(at, c int, n, dn float64)) {
				s.group(i, g, func(at, c int) {
					gamma, _, scale, _ := p.at(i, c)
					visit(at, c, (float64(x[at])-m)*r, dz(dy[at], z[at], s)*(1+scale)*gamma)
				})
			}
			each(func(at, c int, n, dn float64) {
				plain, along = plain+dn/count, along+dn*n/count
				gamma, beta, scale, _ := p.at(i, c)
				v := dz(dy[at], z[at], s)
				d.DGamma[c] += v * (1 + scale) * n
				d.DBeta[c] += v * (1 + scale)
				d.DScale[i*s.C+c] += v * (n*gamma + beta)
				d.DShift[i*s.C+c] += v
			})
			each(func(at, _ int, n, dn float64) { d.DX[at] = r * (dn - plain - n*along) })
		}
	}
	return d
}

func dz(dy float32, z float64, s GroupNormShape) float64 {
	if s.SiLU {
		return float64(dy) * SiLUGrad(z)
	}
	return float64(dy)
}

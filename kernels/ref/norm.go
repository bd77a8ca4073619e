package ref

import "math"

// LayerNorm normalizes each row of x [R,C]: with mean and the biased variance
// of the row, rstd = 1/sqrt(variance+eps) and
//
//	y[r,c] = (x[r,c]-mean[r])*rstd[r]*gamma[c] + beta[c]
func LayerNorm(x, gamma, beta []float32, rows, cols int, eps float64) (y, mean, rstd []float64) {
	y, mean, rstd = make([]float64, rows*cols), make([]float64, rows), make([]float64, rows)
	for r := range rows {
		for c := range cols {
			mean[r] += float64(x[r*cols+c]) / float64(cols)
		}
		variance := 0.0
		for c := range cols {
			d := float64(x[r*cols+c]) - mean[r]
			variance += d * d / float64(cols)
		}
		rstd[r] = 1 / math.Sqrt(variance+eps)
		for c := range cols {
			y[r*cols+c] = (float64(x[r*cols+c])-mean[r])*rstd[r]*float64(gamma[c]) + float64(beta[c])
		}
	}
	return y, mean, rstd
}

// LayerNormGrad is the gradient of LayerNorm with respect to x [R,C], gamma and
// beta [C], from the chain rule through mean and variance:
//
//	dx[r,c]   = rstd * (g[c] - mean(g) - n[c]*mean(g*n)),  g = dy*gamma,  n = (x-mean)*rstd
//	dgamma[c] = sum over r of dy[r,c]*n[r,c]
//	dbeta[c]  = sum over r of dy[r,c]
func LayerNormGrad(dy, x, gamma []float32, rows, cols int, eps float64) (dx, dgamma, dbeta []float64) {
	dx, dgamma, dbeta = make([]float64, rows*cols), make([]float64, cols), make([]float64, cols)
	beta := make([]float32, cols)
	_, mean, rstd := LayerNorm(x, gamma, beta, rows, cols, eps)
	for r := range rows {
		meanG, meanGN := 0.0, 0.0
		for c := range cols {
			n := (float64(x[r*cols+c]) - mean[r]) * rstd[r]
			g := float64(dy[r*cols+c]) * float64(gamma[c])
			meanG += g / float64(cols)
			meanGN += g * n / float64(cols)
			dgamma[c] += float64(dy[r*cols+c]) * n
			dbeta[c] += float64(dy[r*cols+c])
		}
		for c := range cols {
			n := (float64(x[r*cols+c]) - mean[r]) * rstd[r]
			g := float64(dy[r*cols+c]) * float64(gamma[c])
			dx[r*cols+c] = rstd[r] * (g - meanG - n*meanGN)
		}
	}
	return dx, dgamma, dbeta
}

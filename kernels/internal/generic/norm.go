package generic

import "math"

// LayerNormRows normalizes each of len(mean) rows of y and x, which are yStride and xStride apart,
//
//	y[r,c] = (x[r,c]-mean[r])*rstd[r]*gamma[c] + beta[c]
//
// with mean[r] = sum(x[r])/C and rstd[r] = 1/sqrt(sum((x[r]-mean[r])^2)/C + eps). C is
// len(gamma), at least 1; y may be x.
func LayerNormRows(y []float32, yStride int, x []float32, xStride int, gamma, beta []float32, eps float32, mean, rstd []float32) {
	columns := len(gamma)
	for r := range mean {
		mean[r], rstd[r] = layerNormRow(y[r*yStride:][:columns], x[r*xStride:], gamma, beta, eps)
	}
}

// layerNormRow is one row of LayerNormRows.
func layerNormRow(y, x, gamma, beta []float32, eps float32) (mean, rstd float32) {
	x, gamma, beta = x[:len(y)], gamma[:len(y)], beta[:len(y)]
	columns := float64(len(y))
	sum := 0.0
	for _, v := range x {
		sum += float64(v)
	}
	mean = float32(sum / columns)
	squares := 0.0
	for _, v := range x {
		d := float64(v - mean)
		squares += d * d
	}
	rstd = float32(1 / math.Sqrt(squares/columns+float64(eps)))
	for c, v := range x {
		y[c] = (v-mean)*rstd*gamma[c] + beta[c]
	}
	return mean, rstd
}

// LayerNormGradRow overwrites dx with the gradient of one row: with
// n[c] = (x[c]-mean)*rstd and g[c] = dy[c]*gamma[c],
//
//	dx[c] = rstd * (g[c] - sum(g)/C - n[c]*sum(g*n)/C)
//
// C is len(dx), at least 1; dx may be dy or x.
func LayerNormGradRow(dx, dy, x, gamma []float32, mean, rstd float32) {
	x, dy, gamma = x[:len(dx)], dy[:len(dx)], gamma[:len(dx)]
	plain, along := layerNormProjections(dy, x, gamma, mean, rstd)
	for c, v := range x {
		dx[c] = rstd * (dy[c]*gamma[c] - plain - (v-mean)*rstd*along)
	}
}

// LayerNormGradRowAdd is LayerNormGradRow adding to dx. dx must not overlap dy
// or x.
func LayerNormGradRowAdd(dx, dy, x, gamma []float32, mean, rstd float32) {
	x, dy, gamma = x[:len(dx)], dy[:len(dx)], gamma[:len(dx)]
	plain, along := layerNormProjections(dy, x, gamma, mean, rstd)
	for c, v := range x {
		dx[c] += rstd * (dy[c]*gamma[c] - plain - (v-mean)*rstd*along)
	}
}

// layerNormProjections returns sum(g)/C and sum(g*n)/C of LayerNormGradRow.
func layerNormProjections(dy, x, gamma []float32, mean, rstd float32) (plain, along float32) {
	sum, dot := 0.0, 0.0
	for c, v := range x {
		g := float64(dy[c] * gamma[c])
		sum += g
		dot += g * float64((v-mean)*rstd)
	}
	columns := float64(len(x))
	return float32(sum / columns), float32(dot / columns)
}

// LayerNormGradParams adds the parameter gradients of len(mean) rows,
//
//	dgamma[c] += sum over r of dy[r*dyStride+c]*(x[r*xStride+c]-mean[r])*rstd[r]
//	dbeta[c]  += sum over r of dy[r*dyStride+c]
//
// for every c < len(dgamma), in the order of the rows.
func LayerNormGradParams(dgamma, dbeta, dy []float32, dyStride int, x []float32, xStride int, mean, rstd []float32) {
	dbeta, rstd = dbeta[:len(dgamma)], rstd[:len(mean)]
	for c := range dgamma {
		var scale, shift float32
		for r, m := range mean {
			d := dy[r*dyStride+c]
			scale += d * ((x[r*xStride+c] - m) * rstd[r])
			shift += d
		}
		dgamma[c] += scale
		dbeta[c] += shift
	}
}

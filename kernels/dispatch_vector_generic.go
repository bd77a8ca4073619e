//go:build !amd64 || purego

package kernels

import "lethe/kernels/internal/generic"

func add(z, x, y []float32)                             { generic.Add(z, x, y) }
func sub(z, x, y []float32)                             { generic.Sub(z, x, y) }
func mul(z, x, y []float32)                             { generic.Mul(z, x, y) }
func scale(z []float32, a float32, x []float32)         { generic.Scale(z, a, x) }
func axpy(z []float32, a float32, x []float32)          { generic.Axpy(z, a, x) }
func fill(z []float32, a float32)                       { generic.Fill(z, a) }
func scaledDiff(z []float32, a float32, x, y []float32) { generic.ScaledDiff(z, a, x, y) }
func gelu(y, x []float32)                               { generic.Gelu(y, x) }
func geluGrad(dx, dy, x []float32)                      { generic.GeluGrad(dx, dy, x) }
func geluBoth(y, d, x []float32)                        { generic.GeluBoth(y, d, x) }

func sum(x []float32) float64                { return generic.Sum(x) }
func dot(x, y []float32) float64             { return generic.Dot(x, y) }
func sumSquares(x []float32) float64         { return generic.SumSquares(x) }
func squaredDistance(x, y []float32) float64 { return generic.SquaredDistance(x, y) }
func allFinite(x []float32) bool             { return generic.AllFinite(x) }

func columnSum(dst, x []float32, rows, stride int) { generic.ColumnSum(dst, x, rows, stride) }

func layerNormRows(y []float32, yStride int, x []float32, xStride int, gamma, beta []float32, eps float32, mean, rstd []float32) {
	generic.LayerNormRows(y, yStride, x, xStride, gamma, beta, eps, mean, rstd)
}

func layerNormGradRow(dx, dy, x, gamma []float32, mean, rstd float32) {
	generic.LayerNormGradRow(dx, dy, x, gamma, mean, rstd)
}

func layerNormGradRowAdd(dx, dy, x, gamma []float32, mean, rstd float32) {
	generic.LayerNormGradRowAdd(dx, dy, x, gamma, mean, rstd)
}

func layerNormGradParams(dgamma, dbeta, dy []float32, dyStride int, x []float32, xStride int, mean, rstd []float32) {
	generic.LayerNormGradParams(dgamma, dbeta, dy, dyStride, x, xStride, mean, rstd)
}

func softmaxGradRow(dx, dy, y []float32) { generic.SoftmaxGradRow(dx, dy, y) }

func adam(w, m, v, g []float32, k *[generic.AdamCoefficients]float32) { generic.Adam(w, m, v, g, k) }

func attentionNR() int { return generic.AttentionNR }

func attentionTile(c []float32, cStride int, a []float32, aRow, aCol int, b []float32, bStride int, m, n, k, add int) {
	generic.AttentionTile(c, cStride, a, aRow, aCol, b, bStride, m, n, k, add)
}

func softmaxRows(y []float32, yStride int, x []float32, xStride, columns int, scale float32, top, sum []float32) {
	generic.SoftmaxRows(y, yStride, x, xStride, columns, scale, top, sum)
}

func attentionRows(p []float32, stride, columns int, scale float32, lse, sum []float32) {
	generic.AttentionRows(p, stride, columns, scale, lse, sum)
}

func attentionGradRows(p, ds []float32, stride, columns int, scale float32, lse, delta []float32) {
	generic.AttentionGradRows(p, ds, stride, columns, scale, lse, delta)
}

func rowDots(dst, x []float32, xStride int, y []float32, yStride, columns int) {
	generic.RowDots(dst, x, xStride, y, yStride, columns)
}

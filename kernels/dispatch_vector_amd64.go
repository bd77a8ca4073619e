//go:build amd64 && !purego

package kernels

import (
	"lethe/kernels/internal/avx2"
	"lethe/kernels/internal/avx512"
	"lethe/kernels/internal/generic"
)

func add(z, x, y []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.Add(z, x, y)
	case isa >= isaAVX2:
		avx2.Add(z, x, y)
	default:
		generic.Add(z, x, y)
	}
}

func sub(z, x, y []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.Sub(z, x, y)
	case isa >= isaAVX2:
		avx2.Sub(z, x, y)
	default:
		generic.Sub(z, x, y)
	}
}

func mul(z, x, y []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.Mul(z, x, y)
	case isa >= isaAVX2:
		avx2.Mul(z, x, y)
	default:
		generic.Mul(z, x, y)
	}
}

func scale(z []float32, a float32, x []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.Scale(z, a, x)
	case isa >= isaAVX2:
		avx2.Scale(z, a, x)
	default:
		generic.Scale(z, a, x)
	}
}

func axpy(z []float32, a float32, x []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.Axpy(z, a, x)
	case isa >= isaAVX2:
		avx2.Axpy(z, a, x)
	default:
		generic.Axpy(z, a, x)
	}
}

func fill(z []float32, a float32) {
	switch {
	case isa >= isaAVX512:
		avx512.Fill(z, a)
	case isa >= isaAVX2:
		avx2.Fill(z, a)
	default:
		generic.Fill(z, a)
	}
}

func scaledDiff(z []float32, a float32, x, y []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.ScaledDiff(z, a, x, y)
	case isa >= isaAVX2:
		avx2.ScaledDiff(z, a, x, y)
	default:
		generic.ScaledDiff(z, a, x, y)
	}
}

func gelu(y, x []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.Gelu(y, x)
	case isa >= isaAVX2:
		avx2.Gelu(y, x)
	default:
		generic.Gelu(y, x)
	}
}

func geluGrad(dx, dy, x []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.GeluGrad(dx, dy, x)
	case isa >= isaAVX2:
		avx2.GeluGrad(dx, dy, x)
	default:
		generic.GeluGrad(dx, dy, x)
	}
}

// geluBoth is geluGrad(d, d, x) and gelu(y, x) in one; y may be x.
func geluBoth(y, d, x []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.GeluBoth(y, d, x)
	case isa >= isaAVX2:
		avx2.GeluBoth(y, d, x)
	default:
		generic.GeluBoth(y, d, x)
	}
}

func sum(x []float32) float64 {
	switch {
	case isa >= isaAVX512:
		return avx512.Sum(x)
	case isa >= isaAVX2:
		return avx2.Sum(x)
	}
	return generic.Sum(x)
}

func dot(x, y []float32) float64 {
	switch {
	case isa >= isaAVX512:
		return avx512.Dot(x, y)
	case isa >= isaAVX2:
		return avx2.Dot(x, y)
	}
	return generic.Dot(x, y)
}

func sumSquares(x []float32) float64 {
	switch {
	case isa >= isaAVX512:
		return avx512.SumSquares(x)
	case isa >= isaAVX2:
		return avx2.SumSquares(x)
	}
	return generic.SumSquares(x)
}

func squaredDistance(x, y []float32) float64 {
	switch {
	case isa >= isaAVX512:
		return avx512.SquaredDistance(x, y)
	case isa >= isaAVX2:
		return avx2.SquaredDistance(x, y)
	}
	return generic.SquaredDistance(x, y)
}

func allFinite(x []float32) bool {
	switch {
	case isa >= isaAVX512:
		return avx512.AllFinite(x)
	case isa >= isaAVX2:
		return avx2.AllFinite(x)
	}
	return generic.AllFinite(x)
}

func columnSum(dst, x []float32, rows, stride int) {
	switch {
	case isa >= isaAVX512:
		avx512.ColumnSum(dst, x, rows, stride)
	case isa >= isaAVX2:
		avx2.ColumnSum(dst, x, rows, stride)
	default:
		generic.ColumnSum(dst, x, rows, stride)
	}
}

func layerNormRows(y []float32, yStride int, x []float32, xStride int, gamma, beta []float32, eps float32, mean, rstd []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.LayerNormRows(y, yStride, x, xStride, gamma, beta, eps, mean, rstd)
	case isa >= isaAVX2:
		avx2.LayerNormRows(y, yStride, x, xStride, gamma, beta, eps, mean, rstd)
	default:
		generic.LayerNormRows(y, yStride, x, xStride, gamma, beta, eps, mean, rstd)
	}
}

func layerNormGradRow(dx, dy, x, gamma []float32, mean, rstd float32) {
	switch {
	case isa >= isaAVX512:
		avx512.LayerNormGradRow(dx, dy, x, gamma, mean, rstd)
	case isa >= isaAVX2:
		avx2.LayerNormGradRow(dx, dy, x, gamma, mean, rstd)
	default:
		generic.LayerNormGradRow(dx, dy, x, gamma, mean, rstd)
	}
}

func layerNormGradRowAdd(dx, dy, x, gamma []float32, mean, rstd float32) {
	switch {
	case isa >= isaAVX512:
		avx512.LayerNormGradRowAdd(dx, dy, x, gamma, mean, rstd)
	case isa >= isaAVX2:
		avx2.LayerNormGradRowAdd(dx, dy, x, gamma, mean, rstd)
	default:
		generic.LayerNormGradRowAdd(dx, dy, x, gamma, mean, rstd)
	}
}

func layerNormGradParams(dgamma, dbeta, dy []float32, dyStride int, x []float32, xStride int, mean, rstd []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.LayerNormGradParams(dgamma, dbeta, dy, dyStride, x, xStride, mean, rstd)
	case isa >= isaAVX2:
		avx2.LayerNormGradParams(dgamma, dbeta, dy, dyStride, x, xStride, mean, rstd)
	default:
		generic.LayerNormGradParams(dgamma, dbeta, dy, dyStride, x, xStride, mean, rstd)
	}
}

func softmaxGradRow(dx, dy, y []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.SoftmaxGradRow(dx, dy, y)
	case isa >= isaAVX2:
		avx2.SoftmaxGradRow(dx, dy, y)
	default:
		generic.SoftmaxGradRow(dx, dy, y)
	}
}

func adam(w, m, v, g []float32, k *[generic.AdamCoefficients]float32) {
	switch {
	case isa >= isaAVX512:
		avx512.Adam(w, m, v, g, k)
	case isa >= isaAVX2:
		avx2.Adam(w, m, v, g, k)
	default:
		generic.Adam(w, m, v, g, k)
	}
}

func attentionNR() int {
	switch {
	case isa >= isaAVX512:
		return avx512.AttentionNR
	case isa >= isaAVX2:
		return avx2.AttentionNR
	}
	return generic.AttentionNR
}

func attentionTile(c []float32, cStride int, a []float32, aRow, aCol int, b []float32, bStride int, m, n, k, add int) {
	switch {
	case isa >= isaAVX512:
		avx512.AttentionTile6x64(&c[0], cStride, &a[0], aRow, aCol, &b[0], bStride, m, n, k, add)
	case isa >= isaAVX2:
		avx2.AttentionTile6x16(&c[0], cStride, &a[0], aRow, aCol, &b[0], bStride, m, n, k, add)
	default:
		generic.AttentionTile(c, cStride, a, aRow, aCol, b, bStride, m, n, k, add)
	}
}

func softmaxRows(y []float32, yStride int, x []float32, xStride, columns int, scale float32, top, sum []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.SoftmaxRows(y, yStride, x, xStride, columns, scale, top, sum)
	case isa >= isaAVX2:
		avx2.SoftmaxRows(y, yStride, x, xStride, columns, scale, top, sum)
	default:
		generic.SoftmaxRows(y, yStride, x, xStride, columns, scale, top, sum)
	}
}

func attentionRows(p []float32, stride, columns int, scale float32, lse, sum []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.AttentionRows(p, stride, columns, scale, lse, sum)
	case isa >= isaAVX2:
		avx2.AttentionRows(p, stride, columns, scale, lse, sum)
	default:
		generic.AttentionRows(p, stride, columns, scale, lse, sum)
	}
}

func attentionGradRows(p, ds []float32, stride, columns int, scale float32, lse, delta []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.AttentionGradRows(p, ds, stride, columns, scale, lse, delta)
	case isa >= isaAVX2:
		avx2.AttentionGradRows(p, ds, stride, columns, scale, lse, delta)
	default:
		generic.AttentionGradRows(p, ds, stride, columns, scale, lse, delta)
	}
}

func rowDots(dst, x []float32, xStride int, y []float32, yStride, columns int) {
	switch {
	case isa >= isaAVX512:
		avx512.RowDots(dst, x, xStride, y, yStride, columns)
	case isa >= isaAVX2:
		avx2.RowDots(dst, x, xStride, y, yStride, columns)
	default:
		generic.RowDots(dst, x, xStride, y, yStride, columns)
	}
}

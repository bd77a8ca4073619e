package kernels

import (
	"testing"

	"lethe/kernels/internal/generic"
)

// rowKernels are the micro-kernels of one instruction set other than those of
// the matrix product. Tests call them directly, so that all the processor has
// are tried whatever the dispatcher selects.
type rowKernels struct {
	name  string
	level level

	add, sub, mul   func(z, x, y []float32)
	larger          func(z, x, y []float32)
	relu            func(z, x []float32)
	scale, axpy     func(z []float32, a float32, x []float32)
	fill            func(z []float32, a float32)
	scaledDiff      func(z []float32, a float32, x, y []float32)
	sum, sumSquares func(x []float32) float64
	dot, distance   func(x, y []float32) float64
	allFinite       func(x []float32) bool
	columnSum       func(dst, x []float32, rows, stride int)

	layerNormRows                         func(y []float32, yStride int, x []float32, xStride int, gamma, beta []float32, eps float32, mean, rstd []float32)
	layerNormGradRow, layerNormGradRowAdd func(dx, dy, x, gamma []float32, mean, rstd float32)
	layerNormGradParams                   func(dgamma, dbeta, dy []float32, dyStride int, x []float32, xStride int, mean, rstd []float32)
	softmaxRows                           func(y []float32, yStride int, x []float32, xStride, columns int, scale float32, top, sum []float32)
	softmaxGradRow                        func(dx, dy, y []float32)
	gelu                                  func(y, x []float32)
	geluGrad                              func(dx, dy, x []float32)
	geluBoth                              func(y, d, x []float32)
	attentionRows                         func(p []float32, stride, columns int, scale float32, lse, sum []float32)
	attentionGradRows                     func(p, ds []float32, stride, columns int, scale float32, lse, delta []float32)
	rowDots                               func(dst, x []float32, xStride int, y []float32, yStride, columns int)
	attentionNR                           int
	attentionTile                         func(c []float32, cStride int, a []float32, aRow, aCol int, b []float32, bStride int, m, n, k, add int)
	adam                                  func(w, m, v, g []float32, k *[generic.AdamCoefficients]float32)

	silu                      func(y, x []float32)
	siluGrad                  func(dx, dy, x []float32)
	channelSums               func(sum, square []float64, x []float32)
	affine, affineSiLU        func(y, x, coef []float32, channels int)
	affineSums                func(plain, along, dy, x, coef []float32)
	affineSiLUSums            func(plain, along, dy, x, coef []float32)
	affineSiLUKeep            func(plain, along, dz, dy, x, coef []float32)
	affineGrad, affineGradAdd func(dx, dz, x, coef []float32, channels int)
	affineSiLUGradAdd         func(dx, dy, x, coef []float32, channels int)
	pool, poolAdd             func(y, top, bottom []float32, scale float32, channels int)
	spread, spreadAdd         func(y, x []float32, scale float32, channels int)
}

var genericKernels = rowKernels{
	name: "generic", level: isaGeneric,
	add: generic.Add, larger: generic.Larger, relu: generic.Relu, sub: generic.Sub, mul: generic.Mul, scale: generic.Scale, axpy: generic.Axpy,
	fill: generic.Fill, scaledDiff: generic.ScaledDiff,
	sum: generic.Sum, sumSquares: generic.SumSquares, dot: generic.Dot, distance: generic.SquaredDistance,
	allFinite: generic.AllFinite, columnSum: generic.ColumnSum,
	layerNormRows: generic.LayerNormRows, layerNormGradRow: generic.LayerNormGradRow,
	layerNormGradRowAdd: generic.LayerNormGradRowAdd, layerNormGradParams: generic.LayerNormGradParams,
	softmaxRows: generic.SoftmaxRows, softmaxGradRow: generic.SoftmaxGradRow,
	gelu: generic.Gelu, geluGrad: generic.GeluGrad, geluBoth: generic.GeluBoth,
	attentionRows: generic.AttentionRows, attentionGradRows: generic.AttentionGradRows, rowDots: generic.RowDots, attentionNR: generic.AttentionNR, attentionTile: generic.AttentionTile,
	adam: generic.Adam,
	silu: generic.SiLU, siluGrad: generic.SiLUGrad, channelSums: generic.ChannelSums,
	affine: generic.AffineRows, affineSiLU: generic.AffineSiLURows,
	affineSums: generic.AffineGradSums, affineSiLUSums: generic.AffineSiLUGradSums, affineSiLUKeep: generic.AffineSiLUGradSumsKeep,
	affineGrad: generic.AffineGradRows, affineGradAdd: generic.AffineGradRowsAdd, affineSiLUGradAdd: generic.AffineSiLUGradRowsAdd,
	pool: generic.PoolRow, poolAdd: generic.PoolRowAdd, spread: generic.SpreadRow, spreadAdd: generic.SpreadRowAdd,
}

// layerNormRow is layerNormRows of one row.
func (k rowKernels) layerNormRow(y, x, gamma, beta []float32, eps float32) (mean, rstd float32) {
	stats := make([]float32, 2)
	k.layerNormRows(y, len(y), x, len(x), gamma[:len(y)], beta, eps, stats[:1], stats[1:])
	return stats[0], stats[1]
}

// eachISA runs body for every instruction set of the build, skipping what the
// processor lacks. One that KERNELS_ISA names cannot be lacking: the package
// would not have started.
func eachISA(t *testing.T, body func(t *testing.T, k rowKernels)) {
	t.Helper()
	for _, k := range append([]rowKernels{genericKernels}, assemblyKernels...) {
		t.Run("isa="+k.name, func(t *testing.T) {
			if k.level > widest() {
				t.Skipf("this processor has no %s", k.name)
			}
			body(t, k)
		})
	}
}

//go:build amd64 && !purego

package kernels

import (
	"lethe/kernels/internal/avx2"
	"lethe/kernels/internal/avx512"
)

var assemblyKernels = []rowKernels{
	{
		name: "avx2", level: isaAVX2,
		add: avx2.Add, larger: avx2.Larger, relu: avx2.Relu, sub: avx2.Sub, mul: avx2.Mul, scale: avx2.Scale, axpy: avx2.Axpy,
		fill: avx2.Fill, scaledDiff: avx2.ScaledDiff,
		sum: avx2.Sum, sumSquares: avx2.SumSquares, dot: avx2.Dot, distance: avx2.SquaredDistance,
		allFinite: avx2.AllFinite, columnSum: avx2.ColumnSum,
		layerNormRows: avx2.LayerNormRows, layerNormGradRow: avx2.LayerNormGradRow,
		layerNormGradRowAdd: avx2.LayerNormGradRowAdd, layerNormGradParams: avx2.LayerNormGradParams,
		softmaxRows: avx2.SoftmaxRows, softmaxGradRow: avx2.SoftmaxGradRow,
		gelu: avx2.Gelu, geluGrad: avx2.GeluGrad, geluBoth: avx2.GeluBoth,
		attentionRows: avx2.AttentionRows, attentionGradRows: avx2.AttentionGradRows, rowDots: avx2.RowDots, attentionNR: avx2.AttentionNR,
		attentionTile: func(c []float32, cStride int, a []float32, aRow, aCol int, b []float32, bStride int, m, n, k, add int) {
			avx2.AttentionTile6x16(&c[0], cStride, first(a), aRow, aCol, first(b), bStride, m, n, k, add)
		},
		adam: avx2.Adam,
		silu: avx2.SiLU, siluGrad: avx2.SiLUGrad, channelSums: avx2.ChannelSums,
		affine: avx2.AffineRows, affineSiLU: avx2.AffineSiLURows,
		affineSums: avx2.AffineGradSums, affineSiLUSums: avx2.AffineSiLUGradSums, affineSiLUKeep: avx2.AffineSiLUGradSumsKeep,
		affineGrad: avx2.AffineGradRows, affineGradAdd: avx2.AffineGradRowsAdd, affineSiLUGradAdd: avx2.AffineSiLUGradRowsAdd,
		pool: avx2.PoolRow, poolAdd: avx2.PoolRowAdd, spread: avx2.SpreadRow, spreadAdd: avx2.SpreadRowAdd,
	},
	{
		name: "avx512", level: isaAVX512,
		add: avx512.Add, larger: avx512.Larger, relu: avx512.Relu, sub: avx512.Sub, mul: avx512.Mul, scale: avx512.Scale, axpy: avx512.Axpy,
		fill: avx512.Fill, scaledDiff: avx512.ScaledDiff,
		sum: avx512.Sum, sumSquares: avx512.SumSquares, dot: avx512.Dot, distance: avx512.SquaredDistance,
		allFinite: avx512.AllFinite, columnSum: avx512.ColumnSum,
		layerNormRows: avx512.LayerNormRows, layerNormGradRow: avx512.LayerNormGradRow,
		layerNormGradRowAdd: avx512.LayerNormGradRowAdd, layerNormGradParams: avx512.LayerNormGradParams,
		softmaxRows: avx512.SoftmaxRows, softmaxGradRow: avx512.SoftmaxGradRow,
		gelu: avx512.Gelu, geluGrad: avx512.GeluGrad, geluBoth: avx512.GeluBoth,
		attentionRows: avx512.AttentionRows, attentionGradRows: avx512.AttentionGradRows, rowDots: avx512.RowDots, attentionNR: avx512.AttentionNR,
		attentionTile: func(c []float32, cStride int, a []float32, aRow, aCol int, b []float32, bStride int, m, n, k, add int) {
			avx512.AttentionTile6x64(&c[0], cStride, first(a), aRow, aCol, first(b), bStride, m, n, k, add)
		},
		adam: avx512.Adam,
		silu: avx512.SiLU, siluGrad: avx512.SiLUGrad, channelSums: avx512.ChannelSums,
		affine: avx512.AffineRows, affineSiLU: avx512.AffineSiLURows,
		affineSums: avx512.AffineGradSums, affineSiLUSums: avx512.AffineSiLUGradSums, affineSiLUKeep: avx512.AffineSiLUGradSumsKeep,
		affineGrad: avx512.AffineGradRows, affineGradAdd: avx512.AffineGradRowsAdd, affineSiLUGradAdd: avx512.AffineSiLUGradRowsAdd,
		pool: avx512.PoolRow, poolAdd: avx512.PoolRowAdd, spread: avx512.SpreadRow, spreadAdd: avx512.SpreadRowAdd,
	},
}

// first is the address of an operand's first element, nil for none.
func first(x []float32) *float32 {
	if len(x) == 0 {
		return nil
	}
	return &x[0]
}

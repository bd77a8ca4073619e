//go:build !amd64 || purego

package kernels

import "lethe/kernels/internal/generic"

func silu(y, x []float32)          { generic.SiLU(y, x) }
func siluGrad(dx, dy, x []float32) { generic.SiLUGrad(dx, dy, x) }

func channelSums(sum, square []float64, x []float32) { generic.ChannelSums(sum, square, x) }

func affineRows(y, x, coef []float32, channels int)     { generic.AffineRows(y, x, coef, channels) }
func affineSiLURows(y, x, coef []float32, channels int) { generic.AffineSiLURows(y, x, coef, channels) }

func affineGradSums(plain, along, dy, x, coef []float32) {
	generic.AffineGradSums(plain, along, dy, x, coef)
}

func affineSiLUGradSums(plain, along, dy, x, coef []float32) {
	generic.AffineSiLUGradSums(plain, along, dy, x, coef)
}

func affineSiLUGradSumsKeep(plain, along, dz, dy, x, coef []float32) {
	generic.AffineSiLUGradSumsKeep(plain, along, dz, dy, x, coef)
}

func affineGradRows(dx, dz, x, coef []float32, channels int) {
	generic.AffineGradRows(dx, dz, x, coef, channels)
}

func affineGradRowsAdd(dx, dz, x, coef []float32, channels int) {
	generic.AffineGradRowsAdd(dx, dz, x, coef, channels)
}

func affineSiLUGradRowsAdd(dx, dy, x, coef []float32, channels int) {
	generic.AffineSiLUGradRowsAdd(dx, dy, x, coef, channels)
}

func poolRow(y, top, bottom []float32, scale float32, channels int) {
	generic.PoolRow(y, top, bottom, scale, channels)
}

func poolRowAdd(y, top, bottom []float32, scale float32, channels int) {
	generic.PoolRowAdd(y, top, bottom, scale, channels)
}

func spreadRow(y, x []float32, scale float32, channels int) {
	generic.SpreadRow(y, x, scale, channels)
}

func spreadRowAdd(y, x []float32, scale float32, channels int) {
	generic.SpreadRowAdd(y, x, scale, channels)
}

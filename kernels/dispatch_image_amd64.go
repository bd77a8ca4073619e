//go:build amd64 && !purego

package kernels

import (
	"lethe/kernels/internal/avx2"
	"lethe/kernels/internal/avx512"
	"lethe/kernels/internal/generic"
)

func silu(y, x []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.SiLU(y, x)
	case isa >= isaAVX2:
		avx2.SiLU(y, x)
	default:
		generic.SiLU(y, x)
	}
}

func siluGrad(dx, dy, x []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.SiLUGrad(dx, dy, x)
	case isa >= isaAVX2:
		avx2.SiLUGrad(dx, dy, x)
	default:
		generic.SiLUGrad(dx, dy, x)
	}
}

func channelSums(sum, square []float64, x []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.ChannelSums(sum, square, x)
	case isa >= isaAVX2:
		avx2.ChannelSums(sum, square, x)
	default:
		generic.ChannelSums(sum, square, x)
	}
}

func affineRows(y, x, coef []float32, channels int) {
	switch {
	case isa >= isaAVX512:
		avx512.AffineRows(y, x, coef, channels)
	case isa >= isaAVX2:
		avx2.AffineRows(y, x, coef, channels)
	default:
		generic.AffineRows(y, x, coef, channels)
	}
}

func affineSiLURows(y, x, coef []float32, channels int) {
	switch {
	case isa >= isaAVX512:
		avx512.AffineSiLURows(y, x, coef, channels)
	case isa >= isaAVX2:
		avx2.AffineSiLURows(y, x, coef, channels)
	default:
		generic.AffineSiLURows(y, x, coef, channels)
	}
}

func affineGradSums(plain, along, dy, x, coef []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.AffineGradSums(plain, along, dy, x, coef)
	case isa >= isaAVX2:
		avx2.AffineGradSums(plain, along, dy, x, coef)
	default:
		generic.AffineGradSums(plain, along, dy, x, coef)
	}
}

func affineSiLUGradSums(plain, along, dy, x, coef []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.AffineSiLUGradSums(plain, along, dy, x, coef)
	case isa >= isaAVX2:
		avx2.AffineSiLUGradSums(plain, along, dy, x, coef)
	default:
		generic.AffineSiLUGradSums(plain, along, dy, x, coef)
	}
}

func affineSiLUGradSumsKeep(plain, along, dz, dy, x, coef []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.AffineSiLUGradSumsKeep(plain, along, dz, dy, x, coef)
	case isa >= isaAVX2:
		avx2.AffineSiLUGradSumsKeep(plain, along, dz, dy, x, coef)
	default:
		generic.AffineSiLUGradSumsKeep(plain, along, dz, dy, x, coef)
	}
}

func affineGradRows(dx, dz, x, coef []float32, channels int) {
	switch {
	case isa >= isaAVX512:
		avx512.AffineGradRows(dx, dz, x, coef, channels)
	case isa >= isaAVX2:
		avx2.AffineGradRows(dx, dz, x, coef, channels)
	default:
		generic.AffineGradRows(dx, dz, x, coef, channels)
	}
}

func affineGradRowsAdd(dx, dz, x, coef []float32, channels int) {
	switch {
	case isa >= isaAVX512:
		avx512.AffineGradRowsAdd(dx, dz, x, coef, channels)
	case isa >= isaAVX2:
		avx2.AffineGradRowsAdd(dx, dz, x, coef, channels)
	default:
		generic.AffineGradRowsAdd(dx, dz, x, coef, channels)
	}
}

func affineSiLUGradRowsAdd(dx, dy, x, coef []float32, channels int) {
	switch {
	case isa >= isaAVX512:
		avx512.AffineSiLUGradRowsAdd(dx, dy, x, coef, channels)
	case isa >= isaAVX2:
		avx2.AffineSiLUGradRowsAdd(dx, dy, x, coef, channels)
	default:
		generic.AffineSiLUGradRowsAdd(dx, dy, x, coef, channels)
	}
}

func poolRow(y, top, bottom []float32, scale float32, channels int) {
	switch {
	case isa >= isaAVX512:
		avx512.PoolRow(y, top, bottom, scale, channels)
	case isa >= isaAVX2:
		avx2.PoolRow(y, top, bottom, scale, channels)
	default:
		generic.PoolRow(y, top, bottom, scale, channels)
	}
}

func poolRowAdd(y, top, bottom []float32, scale float32, channels int) {
	switch {
	case isa >= isaAVX512:
		avx512.PoolRowAdd(y, top, bottom, scale, channels)
	case isa >= isaAVX2:
		avx2.PoolRowAdd(y, top, bottom, scale, channels)
	default:
		generic.PoolRowAdd(y, top, bottom, scale, channels)
	}
}

func spreadRow(y, x []float32, scale float32, channels int) {
	switch {
	case isa >= isaAVX512:
		avx512.SpreadRow(y, x, scale, channels)
	case isa >= isaAVX2:
		avx2.SpreadRow(y, x, scale, channels)
	default:
		generic.SpreadRow(y, x, scale, channels)
	}
}

func spreadRowAdd(y, x []float32, scale float32, channels int) {
	switch {
	case isa >= isaAVX512:
		avx512.SpreadRowAdd(y, x, scale, channels)
	case isa >= isaAVX2:
		avx2.SpreadRowAdd(y, x, scale, channels)
	default:
		generic.SpreadRowAdd(y, x, scale, channels)
	}
}

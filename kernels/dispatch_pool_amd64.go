//go:build amd64 && !purego

package kernels

import (
	"lethe/kernels/internal/avx2"
	"lethe/kernels/internal/avx512"
	"lethe/kernels/internal/generic"
)

func relu(z, x []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.Relu(z, x)
	case isa >= isaAVX2:
		avx2.Relu(z, x)
	default:
		generic.Relu(z, x)
	}
}

func larger(z, x, y []float32) {
	switch {
	case isa >= isaAVX512:
		avx512.Larger(z, x, y)
	case isa >= isaAVX2:
		avx2.Larger(z, x, y)
	default:
		generic.Larger(z, x, y)
	}
}

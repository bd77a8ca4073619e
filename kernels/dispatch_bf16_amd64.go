//go:build amd64 && !purego

package kernels

import (
	"lethe/kernels/internal/avx2"
	"lethe/kernels/internal/avx512"
	"lethe/kernels/internal/avx512bf16"
	"lethe/kernels/internal/generic"
)

// roundBF16 is generic.RoundBF16.
func roundBF16(z, x []float32) {
	switch {
	case isa >= isaAVX512BF16 && bf16Found:
		avx512bf16.RoundBF16(z, x)
	case isa >= isaAVX512:
		avx512.RoundBF16(z, x)
	case isa >= isaAVX2:
		avx2.RoundBF16(z, x)
	default:
		generic.RoundBF16(z, x)
	}
}

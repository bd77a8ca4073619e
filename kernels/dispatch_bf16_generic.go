//go:build !amd64 || purego

package kernels

import "lethe/kernels/internal/generic"

func roundBF16(z, x []float32) { generic.RoundBF16(z, x) }

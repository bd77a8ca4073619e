//go:build !linux

package kernels

// region allocates n zeroed elements on a 64-byte boundary.
func region(n int) []float32 { return alignedHeap(n) }

// advise has nobody to advise.
func advise([]float32) {}

//go:build !amd64 || purego

package kernels

// assemblyKernels: this build has none.
var assemblyKernels []rowKernels

//go:build !amd64 || purego

package kernels

// widest: a build without assembly has the Go kernels only.
func widest() level { return isaGeneric }

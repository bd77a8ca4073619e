//go:build !amd64 || purego

package kernels

// widest: a build without assembly has the Go kernels only.
func widest() level { return isaGeneric }

func usual() level { return isaGeneric }

// cacheL2 is the size of the second-level cache in bytes: unknown here.
func cacheL2() int { return 0 }

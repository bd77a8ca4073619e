//go:build !amd64 || purego

package kernels

// floatsBelowTiles: the Go kernels serve every level.
func floatsBelowTiles() bool { return true }

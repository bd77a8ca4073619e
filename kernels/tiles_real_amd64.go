//go:build !amxemu && !purego

package kernels

// emulatedTiles: only a build with the tag amxemu believes in tiles that the
// processor does not have.
func emulatedTiles() bool { return false }

package kernels

import (
	"fmt"
	"os"
	"strings"
)

// level is an instruction set that the package has kernels for. A wider one
// compares greater.
type level int

const (
	isaGeneric level = iota
	isaAVX2
	isaAVX512
	isaAVX512BF16
	isaAMX
)

// levels names every level this package knows, on any machine; index is level.
var levels = [...]string{isaGeneric: "generic", isaAVX2: "avx2", isaAVX512: "avx512", isaAVX512BF16: "avx512bf16", isaAMX: "amx"}

// isa is decided once, before any kernel runs, and never changes.
var isa = choose(os.Getenv("KERNELS_ISA"), widest(), usual())

// splits is decided once too: whether BF16x3 is carried out where there are no tiles.
var splits = chooseSplits(os.Getenv("KERNELS_BF16X3"))

// chooseSplits reads KERNELS_BF16X3: "products", or nothing.
func chooseSplits(request string) bool {
	if request != "" && request != "products" {
		panic(fmt.Sprintf("kernels: KERNELS_BF16X3 is %q, want \"products\" or nothing", request))
	}
	return request == "products"
}

// ISA returns the instruction set in use: "generic", "avx2", "avx512", "avx512bf16",
// which is avx512 with products of pairs in BF16, or "amx", which is avx512 with tiles for
// products in BF16 and BF16x3.
//
// It is the widest that this processor and this build have and gain by, unless the
// environment variable KERNELS_ISA names another. Naming one that is unknown
// or absent panics at start, so a test run never silently measures less than
// it was asked to.
func ISA() string { return levels[isa] }

// FloatISA returns the instruction set of the float32 kernels, which "avx512bf16" and
// "amx" take from "avx512": with Precision.Path all that the bits of a result depend on.
func FloatISA() string { return levels[min(isa, isaAVX512)] }

// choose resolves a request against the widest available level. The empty
// request is the usual one.
func choose(request string, widest, usual level) level {
	if request == "" {
		return usual
	}
	for l, name := range levels {
		if name != request {
			continue
		}
		if level(l) > widest {
			panic(fmt.Sprintf("kernels: KERNELS_ISA asks for %s, this machine and build have at most %s", request, levels[widest]))
		}
		return level(l)
	}
	panic(fmt.Sprintf("kernels: KERNELS_ISA asks for %s, which is none of %s; this machine and build have at most %s",
		request, strings.Join(levels[:], ", "), levels[widest]))
}

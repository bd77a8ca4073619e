package main

import (
	"slices"

	"github.com/mmcloughlin/avo/reg"
)

// isa is one instruction set that kernels are generated for, and what its code
// may use beside the baseline.
type isa struct {
	name      string   // package under kernels/internal
	features  []string // avo's names of the extensions its code may need
	lanes     int      // float32 elements of its widest vector
	registers int      // vector registers it has
	gemmMR    int      // rows of the widest GEMM tile
	gemmNV    []int    // widths of the GEMM tiles in vectors, widest first
}

// isas are the generated packages.
//
// GEMM tiles: rows*vectors sums, one register per vector of b and two for
// broadcast elements of a fit the register file; 8x48 and 6x16 reached the FMA
// peak in the first-level cache on an AVX-512 server, wider and taller ones
// did not gain.
var isas = []isa{
	{name: "avx2", features: []string{"AVX", "AVX2", "FMA3"}, lanes: 8, registers: 16, gemmMR: 6, gemmNV: []int{2, 1}},
	{name: "avx512", features: []string{"AVX", "AVX2", "FMA3", "AVX512F", "AVX512VL", "AVX512BW", "AVX512DQ"}, lanes: 16, registers: 32, gemmMR: 8, gemmNV: []int{3, 2, 1}},
	{name: "avx512bf16", features: []string{"AVX", "AVX2", "FMA3", "AVX512F", "AVX512VL", "AVX512BW", "AVX512DQ", "AVX512BF16"}, lanes: 16, registers: 32, gemmMR: 8, gemmNV: []int{3, 2, 1}},
	{name: "amx", features: []string{"AVX", "AVX2", "FMA3", "AVX512F", "AVX512VL", "AVX512BW", "AVX512DQ", "AVX512BF16", "AMXTILE", "AMXBF16"}, lanes: 16, registers: 32},
}

// baseline are the extensions that every amd64 processor has, by avo's names.
// "MMX+" is how it files the prefetch instructions, which came with SSE.
var baseline = []string{"CMOV", "MMX+", "SSE", "SSE2"}

// tiles reports whether s has tile registers. Its package holds the products on
// them alone: everything else is taken from a narrower instruction set.
func (s isa) tiles() bool { return s.allows("AMXTILE") }

// pairs reports whether s adds products of pairs of bf16 in vector registers. Its
// package holds what does that alone.
func (s isa) pairs() bool { return s.allows("AVX512BF16") && !s.tiles() }

// allows reports whether code for s may need feature.
func (s isa) allows(feature string) bool {
	return slices.Contains(baseline, feature) || slices.Contains(s.features, feature)
}

// opmasks reports whether s has mask registers and embedded broadcast.
func (s isa) opmasks() bool { return s.allows("AVX512F") }

// bytes is the size of the widest vector.
func (s isa) bytes() int { return 4 * s.lanes }

// vectorSpec is the register width of s.
func (s isa) vectorSpec() reg.Spec {
	if s.lanes == 16 {
		return reg.S512
	}
	return reg.S256
}

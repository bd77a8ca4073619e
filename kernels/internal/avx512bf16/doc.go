// Package avx512bf16 holds products of pairs of bf16 in vector registers, and what rounds
// float32 to pairs, in assembly written by asmgen. Each function names the one in
// package generic that it equals, bit for bit.
//
// A pair is two numbers of neighbouring steps of k in one word of 32 bits, the earlier in
// the upper half, since VDPBF16PS adds the product of the upper halves first.
package avx512bf16

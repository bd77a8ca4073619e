// Package avx512 holds the micro-kernels in assembly, written by asmgen. Each
// function names the one in package generic that it equals.
package avx512

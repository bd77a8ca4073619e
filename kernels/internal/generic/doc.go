// Package generic holds the micro-kernels in Go. They are what runs where there
// is no assembly, and what each assembly function says it equals.
package generic

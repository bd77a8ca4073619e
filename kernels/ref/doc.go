// Package ref is the specification of package kernels: naive loops over
// float64, one per operation, written to be checked by eye against the formula.
// It imports nothing of the project, and only tests import it.
package ref

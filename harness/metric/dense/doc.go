// Package dense is the linear algebra that the metrics over sets need, in
// float64: products of rows, Cholesky factors that survive missing rank, and
// eigenvalues of symmetric matrices without their vectors.
//
// Matrices are row-major and contiguous. Work is cut into pieces whose size
// depends on the shapes alone and every output has one writer, so a result is
// the same bits for any number of workers.
//
// The eigenvalues are computed here because a Frechet distance over 2048
// features needs them and gonum's reduction to tridiagonal form runs on one
// core, at the speed of one core's memory.
package dense

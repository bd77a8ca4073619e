package kernels

import (
	"fmt"
	"testing"

	"lethe/kernels/internal/generic"
	"lethe/kernels/kerneltest"
)

// TestRowKernelsStayInsideMemory puts every operand between closed pages: a
// load past a slice whose value a mask throws away poisons nothing, but it
// faults where memory ends.
func TestRowKernelsStayInsideMemory(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		suite := kerneltest.New(t)
		for n := 1; n <= 2*vectorLanes+33; n++ { // every mask, after no, one and more whole blocks
			for _, front := range []bool{false, true} {
				suite.Run(fmt.Sprintf("n=%d/front=%t", n, front), func(c *kerneltest.Case) {
					vectorsBetweenPages(c, k, n, front)
					rowsBetweenPages(c, k, n, front)
				})
			}
		}
	})
}

// vectorsBetweenPages runs what has no rows on n elements.
func vectorsBetweenPages(c *kerneltest.Case, k rowKernels, n int, front bool) {
	x, y, z, w := c.Flush(n, front), c.Flush(n, front), c.Flush(n, front), c.Flush(n, front)
	k.fill(x, 2)
	k.fill(y, 3)
	for _, f := range []func(z, x, y []float32){k.add, k.sub, k.mul} {
		f(z, x, y)
	}
	k.scale(z, 2, x)
	k.axpy(z, 2, x)
	k.scaledDiff(z, 2, x, y)
	k.gelu(z, x)
	k.geluGrad(z, y, x)
	k.silu(z, x)
	k.siluGrad(z, y, x)
	if got, want := [...]float64{k.sum(x), k.sumSquares(x), k.dot(x, y), k.distance(x, y)},
		[...]float64{2 * float64(n), 4 * float64(n), 6 * float64(n), float64(n)}; got != want {
		c.Fail("sum, squares, dot and distance are %v, want %v", got, want)
	}
	if !k.allFinite(x) {
		c.Fail("twos are not finite")
	}
	coefficients := [generic.AdamCoefficients]float32{generic.AdamRoot2: 1, generic.AdamEps: 1}
	k.adam(w, z, x, y, &coefficients)
}

// rowsBetweenPages runs what has rows on two of n columns.
func rowsBetweenPages(c *kerneltest.Case, k rowKernels, n int, front bool) {
	x, y, z := c.Flush(2*n, front), c.Flush(2*n, front), c.Flush(2*n, front)
	gamma, beta := c.Flush(n, front), c.Flush(n, front)
	top, sum := c.Flush(2, front), c.Flush(2, front)
	k.columnDeviations(gamma, beta, x, z[n:], 2, n)
	for silu := range 2 {
		k.groupNormRows[silu](z, x, 2, gamma, beta, gamma)
		k.groupNormSums[silu](gamma, beta, y, x, 2, z[:n], z[n:], z[n:])
		k.groupNormGradRows[silu](z, y, x, 2, gamma, beta, gamma, beta, gamma, beta)
		k.groupNormGradRowsAdd[silu](z, y, x, 2, gamma, beta, gamma, beta, gamma, beta)
	}
	mean, rstd := k.layerNormRow(z[n:], x[n:], gamma, beta, testEps)
	k.layerNormGradRow(z[n:], y[n:], x[n:], gamma, mean, rstd)
	k.layerNormGradRowAdd(z[n:], y[n:], x[n:], gamma, mean, rstd)
	k.layerNormGradParams(gamma, beta, y, n, x, n, top, sum)
	k.columnSum(gamma, x, 2, n)
	k.softmaxRows(z, n, x, n, n, 1, top, sum)
	k.softmaxGradRow(z[n:], y[n:], x[n:])
	k.rowDots(top, x, n, y, n, n)
	k.attentionGradRows(z, y, n, n, 1, top, sum)
	width := min(n, k.attentionNR)
	for add := range 2 {
		k.attentionTile(z, n, x, n, 1, y, n, 2, width, min(n, 2), add) // rows of a
		k.attentionTile(z, n, x, 1, n, y, n, min(n, 2), width, 2, add) // columns of a
	}
}

package kernels

import (
	"fmt"
	"testing"
	"unsafe"

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
					imagesBetweenPages(c, k, n, front)
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
	for _, f := range []func(z, x, y []float32){k.add, k.sub, k.mul, k.larger} {
		f(z, x, y)
	}
	k.relu(z, x)
	k.scale(z, 2, x)
	k.axpy(z, 2, x)
	k.scaledDiff(z, 2, x, y)
	k.gelu(z, x)
	k.geluGrad(z, y, x)
	k.fill(w, 1)
	k.geluBoth(z, w, x)
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
	k.layerNormRows(z, n, x, n, gamma, beta, testEps, top, sum)
	mean, rstd := k.layerNormRow(z[n:], x[n:], gamma, beta, testEps)
	k.layerNormGradRow(z[n:], y[n:], x[n:], gamma, mean, rstd)
	k.layerNormGradRowAdd(z[n:], y[n:], x[n:], gamma, mean, rstd)
	k.layerNormGradParams(gamma, beta, y, n, x, n, top, sum)
	k.columnSum(gamma, x, 2, n)
	k.softmaxRows(z, n, x, n, n, 1, top, sum)
	k.softmaxGradRow(z[n:], y[n:], x[n:])
	k.rowDots(top, x, n, y, n, n)
	steps, four := roundUp(n, 16), c.Flush(4, front)
	p := c.Flush(2*steps, front)
	k.attentionRows(p, steps, n, 1, four[:2], c.Flush(4, front)[:2])
	k.attentionGradRows(p, c.Flush(2*steps, front), steps, n, 1, top, sum)
	width := min(n, k.attentionNR)
	for add := range 2 {
		k.attentionTile(z, n, x, n, 1, y, n, 2, width, min(n, 2), add) // rows of a
		k.attentionTile(z, n, x, 1, n, y, n, min(n, 2), width, 2, add) // columns of a
	}
}

// imagesBetweenPages runs what has pixels on two of n channels, or on four and
// eight.
func imagesBetweenPages(c *kerneltest.Case, k rowKernels, n int, front bool) {
	x, y, z, coef := c.Flush(2*n, front), c.Flush(2*n, front), c.Flush(2*n, front), c.Flush(generic.CoefRows*n, front)
	plain, along := c.Flush(n, front), c.Flush(n, front)
	doubles := func() []float64 {
		return unsafe.Slice((*float64)(unsafe.Pointer(unsafe.SliceData(c.Flush(2*n, front)))), n)
	}
	k.channelSums(doubles(), doubles(), x)
	shift := coef[:(generic.CoefShift+1)*n]
	if !front { // what ends at the page is what the kernel may read
		shift = coef[(generic.CoefRows-generic.CoefShift-1)*n:]
	}
	for _, f := range []func(y, x, coef []float32, channels int){k.affine, k.affineSiLU} {
		f(z, x, shift, n)
	}
	for _, f := range []func(plain, along, dy, x, coef []float32){k.affineSums, k.affineSiLUSums} {
		f(plain, along, y, x, shift)
	}
	k.affineSiLUKeep(plain, along, z, y, x, shift)
	for _, f := range []func(dx, dy, x, coef []float32, channels int){k.affineGrad, k.affineGradAdd, k.affineSiLUGradAdd} {
		f(z, y, x, coef, n)
	}
	large := [2][]float32{c.Flush(4*n, front), c.Flush(4*n, front)}
	for _, f := range []func(y, top, bottom []float32, scale float32, channels int){k.pool, k.poolAdd} {
		f(z, large[0], large[1], 1, n)
	}
	for _, f := range []func(y, x []float32, scale float32, channels int){k.spread, k.spreadAdd} {
		f(large[0], z, 1, n)
	}
}

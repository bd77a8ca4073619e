package kernels

import (
	"fmt"
	"math"
	"testing"

	"lethe/kernels/kerneltest"
)

// vectorLanes is the widest vector of any instruction set, for kerneltest.
const vectorLanes = 16

// eachLength runs body on every edge length, at two of the alignments in turn.
func eachLength(t *testing.T, body func(c *kerneltest.Case, n, offset int)) {
	suite := kerneltest.New(t)
	for _, n := range kerneltest.Lengths(vectorLanes) {
		for turn := range 2 {
			offset := kerneltest.Alignments[(n+n/16+2*turn)%4]
			suite.Run(fmt.Sprintf("n=%d/offset=%d", n, offset), func(c *kerneltest.Case) { body(c, n, offset) })
		}
	}
}

// filled returns n outputs whose i-th value want(i) was computed in float32.
func filled(n int, want func(i int) float32) []float32 {
	z := make([]float32, n)
	for i := range z {
		z[i] = want(i)
	}
	return z
}

func TestVectorOperationsMatchTheirFormula(t *testing.T) {
	const a = 0.7
	eachISA(t, func(t *testing.T, k rowKernels) {
		eachLength(t, func(c *kerneltest.Case, n, offset int) {
			x, y, z := c.Input(n, offset), c.Input(n, (offset+5)%16), c.Output(n, offset)
			k.add(z, x, y)
			c.Same("add", z, filled(n, func(i int) float32 { return x[i] + y[i] }))
			k.larger(z, x, y)
			c.Same("larger", z, filled(n, func(i int) float32 { return max(x[i], y[i]) }))
			k.relu(z, x)
			c.Same("relu", z, filled(n, func(i int) float32 { return max(x[i], 0) }))
			k.sub(z, x, y)
			c.Same("sub", z, filled(n, func(i int) float32 { return x[i] - y[i] }))
			k.mul(z, x, y)
			c.Same("mul", z, filled(n, func(i int) float32 { return x[i] * y[i] }))
			k.scale(z, a, x)
			c.Same("scale", z, filled(n, func(i int) float32 { return a * x[i] }))
			k.scaledDiff(z, a, x, y)
			c.Same("scaledDiff", z, filled(n, func(i int) float32 { return a * (x[i] - y[i]) }))
			copy(z, y)
			k.axpy(z, a, x)
			c.Same("axpy", z, filled(n, func(i int) float32 { return y[i] + float32(a*x[i]) }))
			k.fill(z, a)
			c.Same("fill", z, filled(n, func(int) float32 { return a }))
		})
	})
}

func TestVectorOperationsInPlace(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		eachLength(t, func(c *kerneltest.Case, n, offset int) {
			x, y := c.Input(n, offset), c.Input(n, offset)
			want := filled(n, func(i int) float32 { return x[i] - y[i] })
			k.sub(y, x, y)
			c.Same("sub over y", y, want)
			want = filled(n, func(i int) float32 { return x[i] * y[i] })
			k.mul(x, x, y)
			c.Same("mul over x", x, want)
		})
	})
}

// Zero factors are not skipped, and what is overwritten is not read.
func TestVectorOperationsCarryNaN(t *testing.T) {
	nan := float32(math.NaN())
	eachISA(t, func(t *testing.T, k rowKernels) {
		suite := kerneltest.New(t)
		for _, at := range []int{0, 1, 15, 31, 32, 40} { // first, inner, vector ends, block end, tail
			suite.Run(fmt.Sprintf("at=%d", at), func(c *kerneltest.Case) {
				x, y, z := c.Input(41, 0), c.Input(41, 0), c.Output(41, 0)
				x[at] = nan
				for name, run := range map[string]func(){
					"add": func() { k.add(z, x, y) }, "sub": func() { k.sub(z, x, y) },
					"mul": func() { k.mul(z, x, y) }, "scale": func() { k.scale(z, 0, x) },
					"axpy":       func() { k.fill(z, 0); k.axpy(z, 0, x) },
					"scaledDiff": func() { k.scaledDiff(z, 0, x, y) },
				} {
					k.fill(z, nan)
					run()
					for i := range z {
						if (z[i] != z[i]) != (i == at) {
							c.Fail("%s: z[%d] is %g with NaN at %d", name, i, z[i], at)
						}
					}
				}
			})
		}
	})
}

// The exported operations cut long vectors into chunks: every length around
// one, two and three chunks, compared exactly with the whole vector at once.
func TestVectorOperationsInChunks(t *testing.T) {
	const a = -1.3
	suite := kerneltest.New(t)
	for _, n := range []int{0, 1, elementChunk - 1, elementChunk, elementChunk + 1, 2*elementChunk + 33, 3 * elementChunk} {
		suite.Run(fmt.Sprintf("n=%d", n), func(c *kerneltest.Case) {
			x, y, z := c.Input(n, 3), c.Input(n, 0), c.Output(n, 8)
			Add(z, x, y)
			c.Same("Add", z, filled(n, func(i int) float32 { return x[i] + y[i] }))
			Sub(z, x, y)
			c.Same("Sub", z, filled(n, func(i int) float32 { return x[i] - y[i] }))
			Mul(z, x, y)
			c.Same("Mul", z, filled(n, func(i int) float32 { return x[i] * y[i] }))
			Scale(z, a, x)
			c.Same("Scale", z, filled(n, func(i int) float32 { return a * x[i] }))
			ScaledDiff(z, a, x, y)
			c.Same("ScaledDiff", z, filled(n, func(i int) float32 { return a * (x[i] - y[i]) }))
			Fill(z, a)
			c.Same("Fill", z, filled(n, func(int) float32 { return a }))
			Axpy(z, a, x)
			c.Same("Axpy", z, filled(n, func(i int) float32 { return a + float32(a*x[i]) }))
		})
	}
}

// randomMat is a matrix of inputs whose rows are gap elements apart.
func randomMat(c *kerneltest.Case, rows, cols, gap int) Mat {
	m := emptyMat(c, rows, cols, gap)
	for r := range rows {
		for i := range m.Row(r) {
			m.Row(r)[i] = c.Rand.Float32()*2 - 1
		}
	}
	return m
}

// emptyMat is a matrix of outputs: NaN in it, in the gaps and around.
func emptyMat(c *kerneltest.Case, rows, cols, gap int) Mat {
	m := Mat{Rows: rows, Cols: cols, RowStride: cols + gap, ColStride: 1}
	m.Data = c.Output(m.span(), 0)
	return m
}

// contiguous copies a matrix for the reference.
func contiguous(m Mat) []float32 {
	var x []float32
	for r := range m.Rows {
		x = append(x, m.Row(r)...)
	}
	return x
}

func TestVectorOperationsPanic(t *testing.T) {
	two, one := make([]float32, 2), make([]float32, 1)
	for name, c := range map[string]struct {
		call func()
		want string
	}{
		"add":   {func() { Add(two, one, two) }, "kernels: Add: len(x) is 1, want at least 2"},
		"sub":   {func() { Sub(two, two, one) }, "kernels: Sub: len(y) is 1, want at least 2"},
		"mul":   {func() { Mul(two, two, one) }, "kernels: Mul: len(y) is 1, want at least 2"},
		"scale": {func() { Scale(two, 1, one) }, "kernels: Scale: len(x) is 1, want at least 2"},
		"axpy":  {func() { Axpy(two, 1, one) }, "kernels: Axpy: len(x) is 1, want at least 2"},
		"diff":  {func() { ScaledDiff(two, 1, two, one) }, "kernels: ScaledDiff: len(y) is 1, want at least 2"},
	} {
		t.Run(name, func(t *testing.T) { wantPanic(t, c.want, c.call) })
	}
}

// wantPanic fails unless call panics with want.
func wantPanic(t *testing.T, want string, call func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := recover(); got != want {
			t.Errorf("the panic is %v, want %q", got, want)
		}
	}()
	call()
}

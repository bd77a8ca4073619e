package kernels

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"lethe/kernels/internal/generic"
	"lethe/kernels/kerneltest"
)

// rowOperation is one exported operation on operands large enough for several
// items of the pool.
type rowOperation struct {
	name string
	run  func() []float32 // overwrites its outputs and returns them
}

// rowOperations builds every operation of the package but Gemm. Outputs are
// written anew on each run.
func rowOperations(c *kerneltest.Case) []rowOperation {
	const rows, cols = 210, 197
	const n = 5*elementChunk + 123
	x, y, z, w := c.Input(n, 0), c.Input(n, 3), c.Output(n, 0), c.Output(n, 0)
	a, b, out := randomMat(c, rows, cols, 1), randomMat(c, rows, cols, 0), emptyMat(c, rows, cols, 2)
	gamma, beta := c.Input(cols, 0), c.Input(cols, 0)
	dgamma, dbeta := c.Output(cols, 0), c.Output(cols, 0)
	keep := NormStats{Mean: c.Output(rows, 0), RStd: c.Output(rows, 0)}
	o := newOperands(c, attentionCase{3, 70, 70, 4, 24, true})
	small := newOperands(c, attentionCase{13, 17, 17, 3, 32, true}) // a worker of three or fewer takes all heads of a batch
	sums := make([]float32, 16)
	images := newImageOperands(c, rows)
	codes := make([]int32, rows)
	p := AdamParams{LR: 1e-3, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.05, BiasCorrection1: 0.1, BiasCorrection2: 0.05, GradScale: 1, Decoupled: true}
	return []rowOperation{
		{"Add", func() []float32 { Add(z, x, y); return z }},
		{"Sub", func() []float32 { Sub(z, x, y); return z }},
		{"Mul", func() []float32 { Mul(z, x, y); return z }},
		{"Scale", func() []float32 { Scale(z, 3, x); return z }},
		{"Axpy", func() []float32 { Fill(z, 1); Axpy(z, 3, x); return z }},
		{"ScaledDiff", func() []float32 { ScaledDiff(z, 3, x, y); return z }},
		{"Gelu", func() []float32 { Gelu(z, x); return z }},
		{"GeluGrad", func() []float32 { GeluGrad(z, y, x); return z }},
		{"SiLU", func() []float32 { SiLU(z, x); return z }},
		{"SiLUGrad", func() []float32 { SiLUGrad(z, y, x); return z }},
		{"GroupNorm", func() []float32 { GroupNorm(z, x, images.args, images.keep); return z[:images.args.len()] }},
		{"GroupNormGrad", func() []float32 {
			GroupNorm(z, x, images.args, images.keep)
			GroupNormGrad(images.grads, y, x, images.args, images.keep)
			return images.all
		}},
		{"GroupNormAgain", func() []float32 { GroupNormAgain(z, x, images.args, images.keep); return z[:images.args.len()] }},
		{"AvgPool2", func() []float32 { AvgPool2(z, x, images.shape); return z[:images.shape.halved().len()] }},
		{"AvgPool2Grad", func() []float32 { AvgPool2Grad(z, x, images.shape, ResampleOptions{}); return z[:images.shape.len()] }},
		{"UpNearest2", func() []float32 { UpNearest2(z, x, images.shape.halved()); return z[:images.shape.len()] }},
		{"UpNearest2Grad", func() []float32 {
			UpNearest2Grad(z, x, images.shape.halved(), ResampleOptions{})
			return z[:images.shape.halved().len()]
		}},
		{"ChannelsLast", func() []float32 { ChannelsLast(z, x, 3, 37, 500); return z[:3*37*500] }},
		{"NearestRow", func() []float32 {
			NearestRow(codes, a, b)
			for i, v := range codes {
				z[i] = float32(v)
			}
			return z[:rows]
		}},
		{"ChannelsFirst", func() []float32 { ChannelsFirst(z, x, 3, 37, 500); return z[:3*37*500] }},
		{"CopyColumns", func() []float32 { CopyColumns(out, a, CopyOptions{}); return out.Data }},
		{"CrossEntropy", func() []float32 {
			bits := math.Float64bits(CrossEntropy(a, images.classes))
			CrossEntropyGrad(out, a, 0.5, images.classes)
			sums[0], sums[1] = math.Float32frombits(uint32(bits)), math.Float32frombits(uint32(bits>>32))
			return append(sums, out.Data...)
		}},
		{"reductions", func() []float32 {
			for i, v := range [...]float64{Sum(x), Dot(x, y), SumSquares(x), SquaredDistance(x, y)} {
				bits := math.Float64bits(v) // all 64 of them count
				sums[2*i], sums[2*i+1] = math.Float32frombits(uint32(bits)), math.Float32frombits(uint32(bits>>32))
			}
			if AllFinite(x) {
				sums[15] = 1
			}
			return sums
		}},
		{"ColumnSum", func() []float32 { ColumnSum(dgamma, a, ColumnSumOptions{}); return dgamma }},
		{"Softmax", func() []float32 { Softmax(out, a); return out.Data }},
		{"SoftmaxGrad", func() []float32 { SoftmaxGrad(out, a, b); return out.Data }},
		{"LayerNorm", func() []float32 { LayerNorm(out, a, gamma, beta, testEps, keep); return append(keep.Mean, out.Data...) }},
		{"LayerNormGrad", func() []float32 {
			LayerNormGrad(LayerNormGrads{DX: out, DGamma: dgamma, DBeta: dbeta}, b, a, gamma, keep)
			return append(append(out.Data, dgamma...), dbeta...)
		}},
		{"Adam", func() []float32 {
			Scale(z, 1, x)
			Scale(w, 1, y)
			v := make([]float32, n)
			Adam(z, w, v, y, p)
			return append(append(v, w...), z...)
		}},
		{"Attention", func() []float32 { Attention(o.out, o.args); return append(o.args.LSE, o.out.Data...) }},
		{"AttentionGrad", func() []float32 { AttentionGrad(o.grads, o.dout, o.out, o.args); return o.grads.DQ.Data }},
		{"Attention of small heads", func() []float32 { Attention(small.out, small.args); return small.out.Data }},
		{"AttentionGrad of small heads", func() []float32 {
			AttentionGrad(small.grads, small.dout, small.out, small.args)
			return small.grads.DQ.Data
		}},
	}
}

// One, three and all workers give the same bits.
func TestRowOperationsIgnoreTheNumberOfWorkers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	suite := kerneltest.New(t)
	suite.Run("operations", func(c *kerneltest.Case) {
		for _, op := range rowOperations(c) {
			runtime.GOMAXPROCS(1)
			want := append([]float32(nil), op.run()...)
			for _, workers := range []int{3, runtime.NumCPU(), 8} {
				runtime.GOMAXPROCS(workers)
				for range 3 {
					c.Same(fmt.Sprintf("%s with %d workers", op.name, workers), append([]float32(nil), op.run()...), want)
				}
			}
		}
	})
}

// AVX2 and AVX-512 give the same bits: fold and walk keep one order, and every
// operation between is the same.
func TestRowKernelsAgreeAcrossVectorWidths(t *testing.T) {
	if widest() < isaAVX512 {
		t.Skip("this processor or build has no AVX-512 to compare with")
	}
	suite := kerneltest.New(t)
	for _, n := range kerneltest.Lengths(vectorLanes)[1:] {
		suite.Run(fmt.Sprintf("n=%d", n), func(c *kerneltest.Case) {
			x, y, gamma := c.Input(n, 0), c.Input(n, 0), c.Input(n, 0)
			for i := range x {
				x[i] *= 100 // the exponential of some rows underflows
			}
			var first []float32
			for _, k := range assemblyKernels {
				all := everything(k, x, y, gamma)
				if first == nil {
					first = all
				}
				c.Same(k.name, all, first)
			}
		})
	}
}

// everything collects the results of the row kernels of one instruction set.
func everything(k rowKernels, x, y, gamma []float32) (all []float32) {
	n := len(x)
	z, w, stat := make([]float32, n), make([]float32, n), make([]float32, 2)
	note := func(v ...float32) { all = append(append(all, v...), z...) }
	mean, rstd := k.layerNormRow(z, x, gamma, y, testEps)
	note(mean, rstd)
	k.layerNormGradRow(z, y, x, gamma, mean, rstd)
	note()
	k.layerNormGradRowAdd(z, y, x, gamma, mean, rstd)
	note()
	k.layerNormGradParams(z, w, y, 0, x, 0, []float32{mean, 1}, []float32{rstd, 2})
	note(w...)
	k.softmaxRows(z, n, x, n, n, 0.7, stat[:1], stat[1:])
	note(stat...)
	k.softmaxGradRow(z, y, x)
	note()
	k.gelu(z, x)
	note()
	k.geluGrad(z, y, x)
	note()
	k.silu(z, x)
	note()
	k.siluGrad(z, y, x)
	note()
	coef := make([]float32, generic.CoefRows*n)
	for i := range coef {
		coef[i] = gamma[i%n] + float32(i/n)
	}
	for _, f := range []func(y, x, coef []float32, channels int){k.affine, k.affineSiLU} {
		f(z, x, coef, n)
		note()
	}
	for _, f := range []func(plain, along, dy, x, coef []float32){k.affineSums, k.affineSiLUSums} {
		f(z, w, y, x, coef)
		note(w...)
	}
	k.affineSiLUKeep(make([]float32, n), w, z, y, x, coef)
	note(w...)
	for _, f := range []func(dx, dy, x, coef []float32, channels int){k.affineGrad, k.affineGradAdd, k.affineSiLUGradAdd} {
		f(z, y, x, coef, n)
		note()
	}
	stride := roundUp(n, 16)
	p, ds, lse, sum := make([]float32, 3*stride), make([]float32, 3*stride), make([]float32, 4), make([]float32, 4)
	noteScores := func(p []float32) {
		for r := range 3 {
			note(p[r*stride:][:n]...)
		}
	}
	for r := range 3 {
		copy(p[r*stride:], x)
		copy(ds[r*stride:], y)
		p[r*stride] += float32(r)
	}
	k.attentionRows(p, stride, n, 0.7, lse[:3], sum[:3])
	note(lse[:3]...)
	noteScores(p)
	k.attentionGradRows(p, ds, stride, n, 0.3, lse[:3], sum[:3])
	noteScores(p)
	noteScores(ds)
	k.rowDots(stat[:1], x, n, y, n, n)
	note(stat...)
	width := min(n, 16)
	k.attentionTile(z, width, x, 0, 1, y, 1, 1, width, n-width+1, 0)
	note()
	return all
}

func TestRowOperationsAllocateNothing(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	own := map[string]bool{"CrossEntropy": true, "LayerNorm": true, "LayerNormGrad": true, "Adam": true, "Attention": true} // their closures append
	suite := kerneltest.New(t)
	for _, workers := range []int{1, 3} {
		runtime.GOMAXPROCS(workers)
		suite.Run(fmt.Sprintf("workers=%d", workers), func(c *kerneltest.Case) {
			for _, op := range rowOperations(c) {
				if own[op.name] {
					continue
				}
				if n := kerneltest.Allocations(20, func() { op.run() }); n > 0 {
					c.Fail("%s: %d allocations in 20 calls", op.name, n)
				}
			}
			x, y := randomMat(c, 300, 100, 0), emptyMat(c, 300, 100, 0)
			gamma, v := c.Input(100, 0), c.Output(30000, 0)
			keep := NormStats{Mean: c.Output(300, 0), RStd: c.Output(300, 0)}
			grads := LayerNormGrads{DX: y, DGamma: c.Output(100, 0), DBeta: c.Output(100, 0)}
			o := newOperands(c, attentionCase{3, 70, 70, 4, 24, true})
			classes := struct {
				args CrossEntropyArgs
				idx  []int32
			}{CrossEntropyArgs{Targets: make([]int32, 300), Weights: c.Input(300, 0), Classes: 90}, make([]int32, 300)}
			Fill(v, 1)
			Fill(y.Data, 1)
			for name, body := range map[string]func(){
				"LayerNorm":     func() { LayerNorm(y, x, gamma, gamma, testEps, keep) },
				"LayerNormGrad": func() { LayerNormGrad(grads, x, x, gamma, keep) },
				"Adam":          func() { Adam(y.Data, v, v, x.Data, AdamParams{BiasCorrection1: 1, BiasCorrection2: 1, Eps: 1}) },
				"Attention":     func() { Attention(o.out, o.args) },
				"CrossEntropy": func() {
					CrossEntropy(x, classes.args)
					CrossEntropyGrad(y, x, 0.5, classes.args)
				},
				"NearestRow": func() { NearestRow(classes.idx, x, y) },
			} {
				if n := kerneltest.Allocations(20, body); n > 0 {
					c.Fail("%s: %d allocations in 20 calls", name, n)
				}
			}
		})
	}
}

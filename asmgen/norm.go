package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitNorm emits the row kernels of layer normalization.
func emitNorm(e *emitter) {
	emitLayerNormRows(e)
	emitLayerNormGradRow(e, "LayerNormGradRow", false)
	emitLayerNormGradRow(e, "LayerNormGradRowAdd", true)
	emitLayerNormGradParams(e)
}

// addTo is fold's argument for sums.
func (e *emitter) addTo(a, b, dst operand.Op) { e.VADDPS(a, b, dst) }

// emitLayerNormRows emits three passes over rows that stay in the first-level cache, two at a
// time: mean, variance, result. Between the passes a row is one chain of folds, divisions and a root, about
// as long as its 128 columns take: two rows wait at the same time.
// That made LayerNorm of 64 and 128 columns 3.0 and 2.0 times as fast, of 768 1.3 to 1.5 (Zen 3, one thread,
// November 2026, eight in turn; BenchmarkLayerNorm). Not measured on AVX-512.
func emitLayerNormRows(e *emitter) {
	e.function("LayerNormRows",
		"func(y []float32, yStride int, x []float32, xStride int, gamma, beta []float32, eps float32, mean, rstd []float32)",
		"LayerNormRows is generic.LayerNormRows with float32 sums.")
	r := &layerNormRows{emitter: e, n: e.argLen("gamma"), gamma: e.argPtr("gamma"), beta: e.argPtr("beta")}
	r.columns = e.count(r.n)
	strides := e.argStrides("yStride", "xStride")
	results := []operand.Op{e.componentAt(e.Param("mean").Base()), e.componentAt(e.Param("rstd").Base())}
	e.rowPairs(e.componentAt(e.Param("mean").Len()), e.argPtrs("y", "x"), strides, results, func(rows [][]reg.GPVirtual) {
		r.normalize(rows[0], rows[1])
	})
	e.done()
}

// layerNormRows holds what the rows of LayerNormRows have in common.
type layerNormRows struct {
	*emitter
	n, gamma, beta reg.GPVirtual
	columns        reg.VecVirtual
}

// normalize emits the passes over one row or two.
func (r *layerNormRows) normalize(y, x []reg.GPVirtual) {
	lanes := r.isa.lanes
	each := func(body func(i int)) { r.weaveRows(len(x), body) }
	mean, rstd := make([][]reg.VecVirtual, len(x)), make([][]reg.VecVirtual, len(x))
	for i := range x {
		mean[i] = r.sums(lanes)
	}
	r.walk(r.n, lanes, x, func(u int, mem []operand.Mem, t *tail) {
		each(func(i int) {
			v := r.v()
			r.load(mem[i], v, t)
			r.VADDPS(v, mean[i][u], mean[i][u])
		})
	})
	each(func(i int) {
		r.fold(mean[i], r.addTo)
		r.VDIVSS(r.columns.AsX(), mean[i][0].AsX(), mean[i][0].AsX())
	})
	r.keepStatistic("mean", mean)

	for i := range x {
		rstd[i] = r.sums(lanes)
	}
	r.walk(r.n, lanes, x, func(u int, mem []operand.Mem, t *tail) {
		each(func(i int) {
			v := r.v()
			r.load(mem[i], v, t)
			r.VSUBPS(mean[i][0], v, v)
			r.keep(v, t)
			r.VFMADD231PS(v, v, rstd[i][u])
		})
	})
	each(func(i int) {
		r.fold(rstd[i], r.addTo)
		v, one := rstd[i][0].AsX(), r.v()
		r.VDIVSS(r.columns.AsX(), v, v)
		r.VADDSS(r.argAt("eps"), v, v)
		r.VSQRTSS(v, v, v)
		r.set(one, 1)
		r.VDIVSS(v, one.AsX(), v)
	})
	r.keepStatistic("rstd", rstd)

	r.walk(r.n, lanes, append([]reg.GPVirtual{r.gamma, r.beta}, append(x, y...)...), func(_ int, mem []operand.Mem, t *tail) {
		gamma, beta := r.v(), r.v()
		r.load(mem[0], gamma, t)
		r.load(mem[1], beta, t)
		each(func(i int) {
			v := r.v()
			r.load(mem[2+i], v, t)
			r.VSUBPS(mean[i][0], v, v)
			r.VMULPS(rstd[i][0], v, v)
			r.VFMADD213PS(beta, gamma, v)
			r.store(v, mem[2+len(x)+i], t)
		})
	})
}

// keepStatistic stores the lowest lane of the first of each row's vectors where the slice of that name
// has the row, and copies it to all lanes.
func (r *layerNormRows) keepStatistic(name string, of [][]reg.VecVirtual) {
	to := r.argPtr(name)
	for i := range of {
		r.VMOVSS(of[i][0].AsX(), at(to, i))
		r.splat(of[i][0])
	}
}

// emitLayerNormGradRow emits two passes over a row: the two projections, then
// the gradient.
func emitLayerNormGradRow(e *emitter, name string, add bool) {
	e.function(name, "func(dx, dy, x, gamma []float32, mean, rstd float32)",
		name+" is generic."+name+" with float32 sums.")
	n, lanes := e.argLen("dx"), e.isa.lanes
	ptrs := e.argPtrs("dy", "x", "gamma", "dx")
	mean, rstd := e.argAll("mean"), e.argAll("rstd")

	// centered loads g = dy*gamma and d = x-mean.
	centered := func(mem []operand.Mem, t *tail) (g, d reg.VecVirtual) {
		g, d = e.v(), e.v()
		gamma := e.v()
		e.load(mem[0], g, t)
		e.load(mem[1], d, t)
		e.load(mem[2], gamma, t)
		e.VMULPS(gamma, g, g)
		e.VSUBPS(mean, d, d)
		return g, d
	}
	plain, along := e.sums(lanes), e.sums(lanes)
	e.walk(n, lanes, ptrs[:3], func(u int, mem []operand.Mem, t *tail) {
		g, d := centered(mem, t)
		e.VADDPS(g, plain[u], plain[u])
		e.VFMADD231PS(g, d, along[u])
	})
	e.fold(plain, e.addTo)
	e.fold(along, e.addTo)
	columns := e.count(n)
	for _, s := range []reg.VecVirtual{plain[0], along[0]} {
		e.VDIVSS(columns.AsX(), s.AsX(), s.AsX())
		e.VMULSS(rstd.AsX(), s.AsX(), s.AsX())
	}
	// The normal row is d*rstd, so dx = g*rstd - rstd*mean(g) - d*rstd*rstd*rstd*mean(g*d).
	for range 2 {
		e.VMULSS(rstd.AsX(), along[0].AsX(), along[0].AsX())
	}
	e.splat(plain[0])
	e.splat(along[0])
	e.walk(n, lanes, ptrs, func(_ int, mem []operand.Mem, t *tail) {
		g, d := centered(mem, t)
		e.VFNMSUB213PS(plain[0], along[0], d) // -d*along - plain
		e.VFMADD231PS(rstd, g, d)
		if add {
			old := e.v()
			e.load(mem[3], old, t)
			e.VADDPS(old, d, d)
		}
		e.store(d, mem[3], t)
	})
	e.done()
}

// emitLayerNormGradParams emits the parameter sums of a few rows: a block of
// columns stays in registers while all rows go by, and shares what is loaded of a row's statistics. With that and
// fewer operations in the rows LayerNorm's gradient became 1.0 to 1.2 times as fast, on operands in the
// second-level cache 1.2 to 1.3 (Zen 3, one thread, November 2026, eight in turn; BenchmarkLayerNorm).
func emitLayerNormGradParams(e *emitter) {
	e.function("LayerNormGradParams",
		"func(dgamma, dbeta, dy []float32, dyStride int, x []float32, xStride int, mean, rstd []float32)",
		"LayerNormGradParams is generic.LayerNormGradParams; len(mean) is at least 1.")
	strides := e.argStrides("dyStride", "xStride")
	mean, rstd := e.argPtr("mean"), e.argPtr("rstd")
	rows := e.componentAt(e.Param("mean").Len())

	// sums adds up the vectors at mem, of which t exists.
	sums := func(mem [][]operand.Mem, t *tail) {
		scale, shift := e.vs(len(mem)), e.vs(len(mem))
		for u := range mem {
			e.zero(scale[u])
			e.zero(shift[u])
		}
		rowAt := []reg.GPVirtual{e.GP64(), e.GP64()} // of dy and of x
		for s, row := range rowAt {
			e.LEAQ(mem[0][s], row)
		}
		r := e.GP64()
		e.XORQ(r, r)
		loop := e.label("row")
		e.Label(loop)
		rowMean, rowRStd := e.v(), e.v()
		e.VBROADCASTSS(indexed(mean, r, 4, 0), rowMean)
		e.VBROADCASTSS(indexed(rstd, r, 4, 0), rowRStd)
		for u := range mem {
			dy, normal := e.v(), e.v()
			e.load(operand.Mem{Base: rowAt[0], Disp: mem[u][0].Disp - mem[0][0].Disp}, dy, t)
			e.load(operand.Mem{Base: rowAt[1], Disp: mem[u][1].Disp - mem[0][1].Disp}, normal, t)
			e.VSUBPS(rowMean, normal, normal)
			e.VMULPS(rowRStd, normal, normal)
			e.VFMADD231PS(dy, normal, scale[u])
			e.VADDPS(dy, shift[u], shift[u])
		}
		for s, row := range rowAt {
			e.ADDQ(strides[s], row)
		}
		e.INCQ(r)
		e.CMPQ(r, rows)
		e.JLT(operand.LabelRef(loop))
		for _, to := range []struct {
			name string
			sum  []reg.VecVirtual
		}{{"dgamma", scale}, {"dbeta", shift}} {
			base := e.argPtr(to.name)
			for u := range mem {
				place, old := mem[u][0], e.v()
				place.Base = base
				e.load(place, old, t)
				e.VADDPS(to.sum[u], old, old)
				e.store(old, place, t)
			}
		}
	}
	e.walkBlocks(e.argLen("dgamma"), e.isa.lanes, e.argPtrs("dy", "x"), func(mem [][]operand.Mem) { sums(mem, nil) },
		func(_ int, mem []operand.Mem, t *tail) { sums([][]operand.Mem{mem}, t) })
	e.done()
}

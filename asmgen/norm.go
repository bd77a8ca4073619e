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

	// scaled loads g = dy*gamma and n = (x-mean)*rstd.
	scaled := func(mem []operand.Mem, t *tail) (g, normal reg.VecVirtual) {
		g, normal = e.v(), e.v()
		gamma := e.v()
		e.load(mem[0], g, t)
		e.load(mem[1], normal, t)
		e.load(mem[2], gamma, t)
		e.VMULPS(gamma, g, g)
		e.VSUBPS(mean, normal, normal)
		e.VMULPS(rstd, normal, normal)
		return g, normal
	}
	plain, along := e.sums(lanes), e.sums(lanes)
	e.walk(n, lanes, ptrs[:3], func(u int, mem []operand.Mem, t *tail) {
		g, normal := scaled(mem, t)
		e.VADDPS(g, plain[u], plain[u])
		e.VFMADD231PS(g, normal, along[u])
	})
	e.fold(plain, e.addTo)
	e.fold(along, e.addTo)
	columns := e.count(n)
	for _, s := range []reg.VecVirtual{plain[0], along[0]} {
		e.VDIVSS(columns.AsX(), s.AsX(), s.AsX())
		e.splat(s)
	}
	e.walk(n, lanes, ptrs, func(_ int, mem []operand.Mem, t *tail) {
		g, normal := scaled(mem, t)
		e.VSUBPS(plain[0], g, g)
		e.VFNMADD231PS(normal, along[0], g)
		if add {
			old := normal // no longer needed
			e.load(mem[3], old, t)
			e.VFMADD231PS(g, rstd, old)
			e.store(old, mem[3], t)
			return
		}
		e.VMULPS(rstd, g, g)
		e.store(g, mem[3], t)
	})
	e.done()
}

// emitLayerNormGradParams emits the parameter sums of a few rows: a block of
// columns stays in registers while all rows go by.
func emitLayerNormGradParams(e *emitter) {
	e.function("LayerNormGradParams",
		"func(dgamma, dbeta, dy []float32, dyStride int, x []float32, xStride int, mean, rstd []float32)",
		"LayerNormGradParams is generic.LayerNormGradParams; len(mean) is at least 1.")
	dyStride, xStride := e.arg("dyStride"), e.arg("xStride")
	e.SHLQ(operand.U8(2), dyStride)
	e.SHLQ(operand.U8(2), xStride)
	mean, rstd := e.argPtr("mean"), e.argPtr("rstd")
	rows, err := e.Param("mean").Len().Resolve()
	if err != nil {
		panic(err) // a parameter the emitter itself declared
	}
	n := e.argLen("dgamma")
	e.walk(n, e.isa.lanes, e.argPtrs("dy", "x"), func(u int, mem []operand.Mem, t *tail) {
		scale, shift := e.zero(e.v()), e.zero(e.v())
		dyRow, xRow, r := e.GP64(), e.GP64(), e.GP64()
		e.LEAQ(mem[0], dyRow)
		e.LEAQ(mem[1], xRow)
		e.XORQ(r, r)
		loop := e.label("row")
		e.Label(loop)
		d, normal, stat := e.v(), e.v(), e.v()
		e.load(at(dyRow, 0), d, t)
		e.load(at(xRow, 0), normal, t)
		e.VBROADCASTSS(indexed(mean, r, 4, 0), stat)
		e.VSUBPS(stat, normal, normal)
		e.VBROADCASTSS(indexed(rstd, r, 4, 0), stat)
		e.VMULPS(stat, normal, normal)
		e.VFMADD231PS(d, normal, scale)
		e.VADDPS(d, shift, shift)
		e.ADDQ(dyStride, dyRow)
		e.ADDQ(xStride, xRow)
		e.INCQ(r)
		e.CMPQ(r, rows.Addr)
		e.JLT(operand.LabelRef(loop))
		for _, to := range []struct {
			name string
			sum  reg.VecVirtual
		}{{"dgamma", scale}, {"dbeta", shift}} {
			place := mem[0]
			place.Base = e.argPtr(to.name)
			e.load(place, d, t)
			e.VADDPS(to.sum, d, d)
			e.store(d, place, t)
		}
	})
	e.done()
}

package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitNorm emits the row kernels of layer normalization.
func emitNorm(e *emitter) {
	emitLayerNormRow(e)
	emitLayerNormGradRow(e, "LayerNormGradRow", false)
	emitLayerNormGradRow(e, "LayerNormGradRowAdd", true)
	emitLayerNormGradParams(e)
}

// addTo is fold's argument for sums.
func (e *emitter) addTo(a, b, dst operand.Op) { e.VADDPS(a, b, dst) }

// emitLayerNormRow emits three passes over a row that stays in the first-level
// cache: mean, variance, result.
func emitLayerNormRow(e *emitter) {
	e.function("LayerNormRow", "func(y, x, gamma, beta []float32, eps float32) (mean, rstd float32)",
		"LayerNormRow is generic.LayerNormRow with float32 sums.")
	n, lanes := e.argLen("y"), e.isa.lanes
	ptrs := e.argPtrs("x", "gamma", "beta", "y")
	columns := e.count(n)

	sums := e.sums(lanes)
	e.walk(n, lanes, ptrs[:1], func(u int, mem []operand.Mem, t *tail) {
		v := e.v()
		e.load(mem[0], v, t)
		e.VADDPS(v, sums[u], sums[u])
	})
	e.fold(sums, e.addTo)
	mean := sums[0]
	e.VDIVSS(columns.AsX(), mean.AsX(), mean.AsX())
	e.giveFloat(mean, "mean")
	e.splat(mean)

	squares := e.sums(lanes)
	e.walk(n, lanes, ptrs[:1], func(u int, mem []operand.Mem, t *tail) {
		v := e.v()
		e.load(mem[0], v, t)
		e.VSUBPS(mean, v, v)
		e.keep(v, t)
		e.VFMADD231PS(v, v, squares[u])
	})
	e.fold(squares, e.addTo)
	rstd := squares[0]
	e.VDIVSS(columns.AsX(), rstd.AsX(), rstd.AsX())
	e.VADDSS(e.argAll("eps").AsX(), rstd.AsX(), rstd.AsX())
	e.VSQRTSS(rstd.AsX(), rstd.AsX(), rstd.AsX())
	one := e.v()
	e.set(one, 1)
	e.VDIVSS(rstd.AsX(), one.AsX(), rstd.AsX())
	e.giveFloat(rstd, "rstd")
	e.splat(rstd)

	e.walk(n, lanes, ptrs, func(_ int, mem []operand.Mem, t *tail) {
		v, gamma, beta := e.v(), e.v(), e.v()
		e.load(mem[0], v, t)
		e.load(mem[1], gamma, t)
		e.load(mem[2], beta, t)
		e.VSUBPS(mean, v, v)
		e.VMULPS(rstd, v, v)
		e.VFMADD213PS(beta, gamma, v)
		e.store(v, mem[3], t)
	})
	e.done()
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

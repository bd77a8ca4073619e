package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Rows of the coefficients of channels, as in package generic.
const (
	coefMean = iota
	coefScale
	coefShift
	coefAlong
	coefPlain
)

// emitImage emits the passes of group normalization.
func emitImage(e *emitter) {
	emitChannelSums(e)
	e.weaveOnAVX2(2)
	emitAffineRows(e, "AffineRows", false)
	emitAffineRows(e, "AffineSiLURows", true)
	e.woven = 1
	emitAffineGradSums(e, "AffineGradSums", false, false)
	emitAffineGradSums(e, "AffineSiLUGradSums", true, false)
	emitAffineGradSums(e, "AffineSiLUGradSumsKeep", true, true)
	emitAffineGradRows(e, "AffineGradRows", "dz", false, false)
	emitAffineGradRows(e, "AffineGradRowsAdd", "dz", false, true)
	emitAffineGradRows(e, "AffineSiLUGradRowsAdd", "dy", true, true)
}

// emitChannelSums emits float64 sums of the columns.
func emitChannelSums(e *emitter) {
	e.function("ChannelSums", "func(sum, square []float64, x []float32)",
		"ChannelSums is generic.ChannelSums, bit for bit: the fused products are exact. x has at least one row.")
	lanes := e.isa.lanes / 2
	n, x := e.argLen("sum"), e.argPtr("x")
	end := e.endOf("x", x)
	sums, squares := map[int]reg.VecVirtual{}, map[int]reg.VecVirtual{}
	e.columns(n, lanes, 4, []reg.GPVirtual{x}, end, columnLoop{
		start: func(u int, _ operand.Mem, _ *tail) {
			sums[u], squares[u] = e.zero(e.v()), e.zero(e.v())
		},
		row: func(u int, mem []operand.Mem, t *tail) {
			v := e.v()
			e.loadWide(mem[0], v, t)
			e.VADDPD(v, sums[u], sums[u])
			e.VFMADD231PD(v, v, squares[u])
		},
		end: func(u int, at operand.Mem, t *tail) {
			at.Scale, at.Disp = 8, 2*at.Disp
			for _, to := range []struct {
				name string
				sum  reg.VecVirtual
			}{{"sum", sums[u]}, {"square", squares[u]}} {
				at.Base = e.argPtr(to.name)
				e.addDoubles(to.sum, at, t)
			}
		},
	})
	e.done()
}

// addDoubles adds a vector of float64 to memory, as far as the tail goes.
func (e *emitter) addDoubles(v reg.VecVirtual, m operand.Mem, t *tail) {
	switch {
	case t == nil:
		e.VADDPD(m, v, v)
		e.VMOVUPD(v, m)
	case e.isa.opmasks():
		old := e.v()
		e.VMOVUPD_Z(m, t.k, old)
		e.VADDPD(old, v, v)
		e.VMOVUPD(v, t.k, m)
	default:
		old, mask := e.v(), e.v()
		e.VPMOVSXDQ(t.y, mask)
		e.VMASKMOVPD(m, mask, old)
		e.VADDPD(old, v, v)
		e.VMASKMOVPD(v, mask, m)
	}
}

// columnLoop is what columns does with a vector of columns, the u-th of its
// block: before the rows, in each row and after them. at is the place of the
// vector in an array of columns, without the base.
type columnLoop struct {
	start, end func(u int, at operand.Mem, t *tail)
	row        func(u int, mem []operand.Mem, t *tail)
}

// columns emits a pass over n columns of slices of rows of n elements that runs
// down the rows: group vectors of a block at a time, those of the last block one
// by one. end is where the first slice ends. Every column is added up in the
// order of the rows, so group does not show in the result.
func (e *emitter) columns(n reg.GPVirtual, lanes, group int, ptrs []reg.GPVirtual, end reg.GPVirtual, c columnLoop) {
	loop, last, done := e.label("block"), e.label("lastBlock"), e.label("end")
	i, next := e.GP64(), e.GP64()
	e.XORQ(i, i)
	e.Label(loop)
	e.LEAQ(operand.Mem{Base: i, Disp: blockElements}, next)
	e.CMPQ(next, n)
	e.JGT(operand.LabelRef(last))
	for u := 0; u < blockElements/lanes; u += group {
		e.columnGroup(n, i, lanes, u, min(group, blockElements/lanes-u), ptrs, end, nil, c)
	}
	e.ADDQ(operand.U8(blockElements), i)
	e.JMP(operand.LabelRef(loop))
	e.Label(last)
	e.CMPQ(i, n)
	e.JEQ(operand.LabelRef(done))
	masks := e.blockMasks(n, i)
	for u := range blockElements / lanes {
		if u > 0 {
			e.LEAQ(operand.Mem{Base: i, Disp: u * lanes}, next)
			e.CMPQ(next, n)
			e.JGE(operand.LabelRef(done))
		}
		e.columnGroup(n, i, lanes, u, 1, ptrs, end, e.blockTail(masks, u, lanes), c)
	}
	e.Label(done)
}

// columnGroup emits the loop over the rows for count vectors from the u-th of
// the block at i on.
func (e *emitter) columnGroup(n, i reg.GPVirtual, lanes, u, count int, ptrs []reg.GPVirtual, end reg.GPVirtual, t *tail, c columnLoop) {
	place := func(u int) operand.Mem { return operand.Mem{Index: i, Scale: 4, Disp: 4 * u * lanes} }
	for v := u; v < u+count; v++ {
		c.start(v, place(v), t)
	}
	rows := make([]reg.GPVirtual, len(ptrs))
	for s, p := range ptrs {
		rows[s] = e.GP64()
		e.LEAQ(indexed(p, i, 4, 0), rows[s])
	}
	loop := e.label("row")
	e.Label(loop)
	for v := u; v < u+count; v++ {
		mem := make([]operand.Mem, len(rows))
		for s, r := range rows {
			mem[s] = at(r, v*lanes)
		}
		c.row(v, mem, t)
	}
	for _, r := range rows {
		e.LEAQ(indexed(r, n, 4, 0), r)
	}
	e.CMPQ(rows[0], end)
	e.JLT(operand.LabelRef(loop))
	for v := u; v < u+count; v++ {
		c.end(v, place(v), t)
	}
}

// endOf is the address where the slice parameter of that name ends.
func (e *emitter) endOf(name string, base reg.GPVirtual) reg.GPVirtual {
	end := e.argLen(name)
	e.LEAQ(indexed(base, end, 4, 0), end)
	return end
}

// coefRows points at the first rows of the coefficients.
func (e *emitter) coefRows(n reg.GPVirtual, rows int) []reg.GPVirtual {
	ptrs := e.argPtrs("coef")
	for r := 1; r < rows; r++ {
		p := e.GP64()
		e.LEAQ(indexed(ptrs[r-1], n, 4, 0), p)
		ptrs = append(ptrs, p)
	}
	return ptrs
}

// pixels emits a loop over pixels of n channels: body is handed one vector of
// channels after the other, at the moving pointers and at the fixed ones. Each
// moving pointer goes on by its step in pixels; the first ends the loop at end,
// which it has not reached before.
func (e *emitter) pixels(n reg.GPVirtual, moving []reg.GPVirtual, steps []int, end reg.GPVirtual, fixed []reg.GPVirtual, body func(mem []operand.Mem, t *tail)) {
	loop := e.label("pixel")
	e.Label(loop)
	e.walk(n, e.isa.lanes, append(moving[:len(moving):len(moving)], fixed...), func(_ int, mem []operand.Mem, t *tail) { body(mem, t) })
	for s, p := range moving {
		e.LEAQ(indexed(p, n, uint8(4*steps[s]), 0), p)
	}
	e.CMPQ(moving[0], end)
	e.JLT(operand.LabelRef(loop))
	e.done()
}

// deviation loads x and subtracts the mean.
func (e *emitter) deviation(x, mean operand.Mem, t *tail) reg.VecVirtual {
	dev := e.v()
	e.load(x, dev, t)
	if t == nil {
		e.VSUBPS(mean, dev, dev)
		return dev
	}
	m := e.v()
	e.load(mean, m, t)
	e.VSUBPS(m, dev, dev)
	return dev
}

// loaded is a fresh register with what is at m.
func (e *emitter) loaded(m operand.Mem, t *tail) reg.VecVirtual {
	v := e.v()
	e.load(m, v, t)
	return v
}

// emitAffineRows emits the normalization itself.
func emitAffineRows(e *emitter, name string, silu bool) {
	e.function(name, "func(y, x, coef []float32, channels int)", name+" is generic."+name+"; y has at least one row.")
	n, ptrs := e.arg("channels"), e.argPtrs("y", "x")
	end, coef := e.endOf("y", ptrs[0]), e.coefRows(n, coefShift+1)
	e.pixels(n, ptrs, []int{1, 1}, end, coef, func(mem []operand.Mem, t *tail) {
		c := mem[2:]
		z := e.deviation(mem[1], c[coefMean], t)
		e.VFMADD213PS(e.loaded(c[coefShift], t), e.loaded(c[coefScale], t), z)
		if silu {
			e.silu(z)
		}
		e.store(z, mem[0], t)
	})
}

// emitAffineGradSums emits the sums of the gradient, a few columns of
// coefficients and sums in registers while the rows go by.
func emitAffineGradSums(e *emitter, name string, silu, keep bool) {
	in, signature := []string{"dy", "x"}, "func(plain, along, dy, x, coef []float32)"
	if keep {
		in, signature = append(in, "dz"), "func(plain, along, dz, dy, x, coef []float32)"
	}
	e.function(name, signature, name+" is generic."+name+"; dy has at least one row.")
	n, ptrs := e.argLen("plain"), e.argPtrs(in...)
	end := e.endOf("dy", ptrs[0])
	last := coefMean
	if silu {
		last = coefShift
	}
	var plain, along [blockElements]reg.VecVirtual
	var coef [blockElements][]reg.VecVirtual
	group := 2
	if silu && !e.isa.opmasks() {
		group = 1 // or the registers do not suffice
	}
	e.columns(n, e.isa.lanes, group, ptrs, end, columnLoop{
		start: func(u int, at operand.Mem, t *tail) {
			plain[u], along[u], coef[u] = e.zero(e.v()), e.zero(e.v()), nil
			at.Base = e.argPtr("coef")
			for range last + 1 {
				coef[u] = append(coef[u], e.loaded(at, t))
				e.LEAQ(indexed(at.Base, n, 4, 0), at.Base)
			}
		},
		row: func(u int, mem []operand.Mem, t *tail) {
			d, dev := e.loaded(mem[0], t), e.loaded(mem[1], t)
			e.VSUBPS(coef[u][coefMean], dev, dev)
			if silu {
				z := e.v()
				e.VMOVAPS(coef[u][coefShift], z)
				e.VFMADD231PS(coef[u][coefScale], dev, z)
				e.siluSlope(z)
				e.VMULPS(z, d, d)
			}
			if keep {
				e.store(d, mem[2], t)
			}
			e.VADDPS(d, plain[u], plain[u])
			e.VFMADD231PS(dev, d, along[u])
		},
		end: func(u int, at operand.Mem, t *tail) {
			for _, to := range []struct {
				name string
				sum  reg.VecVirtual
			}{{"plain", plain[u]}, {"along", along[u]}} {
				at.Base = e.argPtr(to.name)
				old := e.loaded(at, t)
				e.VADDPS(to.sum, old, old)
				e.store(old, at, t)
			}
		},
	})
	e.done()
}

// emitAffineGradRows emits the gradient with respect to x.
func emitAffineGradRows(e *emitter, name, from string, silu, add bool) {
	e.function(name, "func(dx, "+from+", x, coef []float32, channels int)", name+" is generic."+name+"; dx has at least one row.")
	n, ptrs := e.arg("channels"), e.argPtrs("dx", from, "x")
	end, coef := e.endOf("dx", ptrs[0]), e.coefRows(n, coefPlain+1)
	e.pixels(n, ptrs, []int{1, 1, 1}, end, coef, func(mem []operand.Mem, t *tail) {
		c := mem[3:]
		d, dev, scale := e.loaded(mem[1], t), e.deviation(mem[2], c[coefMean], t), e.loaded(c[coefScale], t)
		if silu {
			z := e.loaded(c[coefShift], t)
			e.VFMADD231PS(scale, dev, z)
			e.siluSlope(z)
			e.VMULPS(z, d, d)
		}
		e.VFMADD213PS(e.loaded(c[coefPlain], t), scale, d)
		e.VFMADD231PS(e.loaded(c[coefAlong], t), dev, d)
		if add {
			e.VADDPS(e.loaded(mem[0], t), d, d)
		}
		e.store(d, mem[0], t)
	})
}

package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitGroupNorm emits the row kernels of group normalization over channels-last
// images: a row is the channels of one pixel, and what a group shares is
// repeated for each of its channels.
func emitGroupNorm(e *emitter) {
	emitColumnDeviations(e)
	emitGroupNormRows(e, "GroupNormRows", false)
	emitGroupNormRows(e, "GroupNormSiLURows", true)
	emitGroupNormSums(e, "GroupNormSums", false)
	emitGroupNormSums(e, "GroupNormSiLUSums", true)
	for _, silu := range []string{"", "SiLU"} {
		emitGroupNormGradRows(e, "GroupNorm"+silu+"GradRows", silu != "", false)
		emitGroupNormGradRows(e, "GroupNorm"+silu+"GradRowsAdd", silu != "", true)
	}
}

// emitColumnDeviations emits the deviations of a few rows and their squares: a
// block of columns stays in registers while all rows go by.
func emitColumnDeviations(e *emitter) {
	e.function("ColumnDeviations", "func(sums, squares, x, base []float32, rows, stride int)", "ColumnDeviations is generic.ColumnDeviations with fused multiply-adds; rows is at least 1.")
	rows, stride := e.arg("rows"), e.arg("stride")
	e.SHLQ(operand.U8(2), stride)
	e.walk(e.argLen("sums"), e.isa.lanes, e.argPtrs("sums", "squares", "x", "base"), func(u int, mem []operand.Mem, t *tail) {
		sum, square, v, base := e.zero(e.v()), e.zero(e.v()), e.v(), e.v()
		e.load(mem[3], base, t)
		e.downRows(rows, []operand.Mem{mem[2]}, []reg.GPVirtual{stride}, func(row []reg.GPVirtual) {
			e.load(at(row[0], 0), v, t)
			e.VSUBPS(base, v, v)
			e.VADDPS(v, sum, sum)
			e.VFMADD231PS(v, v, square)
		})
		for i, s := range []reg.VecVirtual{sum, square} {
			e.load(mem[i], v, t)
			e.VADDPS(s, v, v)
			e.store(v, mem[i], t)
		}
	})
	e.done()
}

// downRows emits a loop over rows, at least one, that begins at the addresses
// mem and goes on by the strides.
func (e *emitter) downRows(rows reg.GPVirtual, mem []operand.Mem, strides []reg.GPVirtual, body func(row []reg.GPVirtual)) {
	row, r := make([]reg.GPVirtual, len(mem)), e.GP64()
	for i, m := range mem {
		row[i] = e.GP64()
		e.LEAQ(m, row[i])
	}
	e.MOVQ(rows, r)
	loop := e.label("row")
	e.Label(loop)
	body(row)
	for i, s := range strides {
		e.ADDQ(s, row[i])
	}
	e.DECQ(r)
	e.JNZ(operand.LabelRef(loop))
}

// normalized emits (v-mean)*scale+shift into a fresh register; v becomes
// v-mean.
func (e *emitter) normalized(v, mean, scale, shift reg.VecVirtual) reg.VecVirtual {
	u := e.v()
	e.VSUBPS(mean, v, v)
	e.VMOVAPS(v, u)
	e.VFMADD213PS(shift, scale, u)
	return u
}

// emitGroupNormRows emits y = (x-mean)*scale+shift over whole rows, and with
// SiLU the activation of that.
func emitGroupNormRows(e *emitter, name string, silu bool) {
	e.function(name, "func(y, x []float32, rows int, mean, scale, shift []float32)",
		name+" is generic."+name+" with fused multiply-adds; rows is at least 1.")
	rows, n := e.arg("rows"), e.argLen("mean")
	stride := e.GP64()
	e.MOVQ(n, stride)
	e.SHLQ(operand.U8(2), stride)
	e.walk(n, e.isa.lanes, e.argPtrs("mean", "scale", "shift", "x", "y"), func(u int, mem []operand.Mem, t *tail) {
		mean, scale, shift, v := e.v(), e.v(), e.v(), e.v()
		e.load(mem[0], mean, t)
		e.load(mem[1], scale, t)
		e.load(mem[2], shift, t)
		e.downRows(rows, mem[3:], []reg.GPVirtual{stride, stride}, func(row []reg.GPVirtual) {
			e.load(at(row[0], 0), v, t)
			u := e.normalized(v, mean, scale, shift)
			if silu {
				e.sigmoid(u, v)
				e.VMULPS(v, u, u)
			}
			e.store(u, at(row[1], 0), t)
		})
	})
	e.done()
}

// sigmoid emits 1/(1+exp(-x)) into s, which is none of x's registers.
func (e *emitter) sigmoid(x, s reg.VecVirtual) {
	e.times(-1, x, s)
	e.exp(s)
	one := e.v()
	e.set(one, 1)
	e.VADDPS(one, s, s)
	e.VDIVPS(s, one, s)
}

// siluSlope emits d/du of u*sigmoid(u) = s*(1+u*(1-s)) in place of u.
func (e *emitter) siluSlope(u reg.VecVirtual) {
	s, one := e.v(), e.v()
	e.sigmoid(u, s)
	e.set(one, 1)
	e.VFNMADD213PS(u, s, u) // u - s*u
	e.VADDPS(one, u, u)
	e.VMULPS(s, u, u)
}

// emitGroupNormSums emits the two sums of each column that the gradient needs.
func emitGroupNormSums(e *emitter, name string, silu bool) {
	e.function(name, "func(plain, along, dy, x []float32, rows int, mean, scale, shift []float32)",
		name+" is generic."+name+" with fused multiply-adds; rows is at least 1.")
	rows, n := e.arg("rows"), e.argLen("plain")
	stride := e.GP64()
	e.MOVQ(n, stride)
	e.SHLQ(operand.U8(2), stride)
	e.walk(n, e.isa.lanes, e.argPtrs("mean", "dy", "x"), func(_ int, mem []operand.Mem, t *tail) {
		mean, v, d := e.v(), e.v(), e.v()
		plain, along := e.zero(e.v()), e.zero(e.v())
		e.load(mem[0], mean, t)
		scale, shift := mean, mean // not needed without the activation
		if silu {
			scale, shift = e.loadAt(mem[0], "scale", t), e.loadAt(mem[0], "shift", t)
		}
		e.downRows(rows, mem[1:], []reg.GPVirtual{stride, stride}, func(row []reg.GPVirtual) {
			e.load(at(row[0], 0), d, t)
			e.load(at(row[1], 0), v, t)
			if silu {
				u := e.normalized(v, mean, scale, shift)
				e.siluSlope(u)
				e.VMULPS(u, d, d)
			} else {
				e.VSUBPS(mean, v, v)
			}
			e.VADDPS(d, plain, plain)
			e.VFMADD231PS(d, v, along)
		})
		e.addAt(mem[0], "plain", plain, v, t)
		e.addAt(mem[0], "along", along, v, t)
	})
	e.done()
}

// loadAt loads from the slice parameter of that name what is at the place of m
// in its own slice.
func (e *emitter) loadAt(m operand.Mem, name string, t *tail) reg.VecVirtual {
	v := e.v()
	m.Base = e.argPtr(name)
	e.load(m, v, t)
	return v
}

// addAt adds sum to what is there; v is scratch.
func (e *emitter) addAt(m operand.Mem, name string, sum, v reg.VecVirtual, t *tail) {
	m.Base = e.argPtr(name)
	e.load(m, v, t)
	e.VADDPS(sum, v, v)
	e.store(v, m, t)
}

// emitGroupNormGradRows emits dx = dz*p + (x-mean)*q + r over whole rows, with
// dz = dy or dy times the slope of the activation.
func emitGroupNormGradRows(e *emitter, name string, silu, add bool) {
	e.function(name, "func(dx, dy, x []float32, rows int, mean, scale, shift, p, q, r []float32)",
		name+" is generic."+name+" with fused multiply-adds; rows is at least 1.")
	rows, n := e.arg("rows"), e.argLen("mean")
	stride := e.GP64()
	e.MOVQ(n, stride)
	e.SHLQ(operand.U8(2), stride)
	e.walk(n, e.isa.lanes, e.argPtrs("mean", "dy", "x", "dx"), func(_ int, mem []operand.Mem, t *tail) {
		mean, v, d := e.v(), e.v(), e.v()
		e.load(mem[0], mean, t)
		p, q, r := e.loadAt(mem[0], "p", t), e.loadAt(mem[0], "q", t), e.loadAt(mem[0], "r", t)
		scale, shift := mean, mean
		if silu {
			scale, shift = e.loadAt(mem[0], "scale", t), e.loadAt(mem[0], "shift", t)
		}
		e.downRows(rows, mem[1:], []reg.GPVirtual{stride, stride, stride}, func(row []reg.GPVirtual) {
			e.load(at(row[0], 0), d, t)
			e.load(at(row[1], 0), v, t)
			if silu {
				u := e.normalized(v, mean, scale, shift)
				e.siluSlope(u)
				e.VMULPS(u, d, d)
			} else {
				e.VSUBPS(mean, v, v)
			}
			e.VFMADD213PS(r, q, v)
			e.VFMADD231PS(d, p, v)
			if add {
				e.load(at(row[2], 0), d, t)
				e.VADDPS(d, v, v)
			}
			e.store(v, at(row[2], 0), t)
		})
	})
	e.done()
}

package main

import "github.com/mmcloughlin/avo/reg"

// emitActivation emits GELU, SiLU and their gradients.
func emitActivation(e *emitter) {
	e.weaveOnAVX2(2)
	emitGelu(e)
	emitSiLU(e)
}

// emitSiLU emits SiLU and its gradient.
func emitSiLU(e *emitter) {
	e.function("SiLU", "func(y, x []float32)", "SiLU is generic.SiLU with the exp of asmgen: at most 4*2^-24*|y| + 1e-36 off.")
	e.elementwise("y", []string{"x"}, func(in []reg.VecVirtual) reg.VecVirtual {
		e.silu(in[0])
		return in[0]
	})
	e.function("SiLUGrad", "func(dx, dy, x []float32)", "SiLUGrad is generic.SiLUGrad with the exp of asmgen: at most 1e-6 * |dy| off.")
	e.elementwise("dx", []string{"dy", "x"}, func(in []reg.VecVirtual) reg.VecVirtual {
		e.siluSlope(in[1])
		e.VMULPS(in[0], in[1], in[1])
		return in[1]
	})
}

// silu emits x/(1+exp(-x)) in place.
func (e *emitter) silu(x reg.VecVirtual) {
	t := e.v()
	e.times(-1, x, t)
	e.exp(t)
	e.plus(1, t, t)
	e.VDIVPS(t, x, x)
}

// slopeMost is that of package generic.
const slopeMost = 88

// siluSlope emits the derivative of silu in place: with t = exp(-x) and s =
// 1/(1+t), s*(1+x*t*s).
func (e *emitter) siluSlope(x reg.VecVirtual) {
	t, s := e.v(), e.v()
	e.clamp(x, -slopeMost, slopeMost)
	e.times(-1, x, t)
	e.expWithin(t)
	e.plus(1, t, s)
	one := e.v()
	e.set(one, 1)
	e.VDIVPS(s, one, s)
	e.VMULPS(s, t, t)
	e.timesPlus(1, t, x)
	e.VMULPS(s, x, x)
}

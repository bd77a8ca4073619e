package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Places in the coefficient array, as in package generic.
const (
	adamGradScale = iota
	adamDecayGrad
	adamKeep
	adamRest1
	adamBeta2
	adamRest2
	adamRoot2
	adamEps
	adamStep
	adamCoefficients
)

// emitAdam emits the optimizer step in one pass over memory. Nothing is fused:
// each operation rounds as the one in package generic does.
func emitAdam(e *emitter) {
	e.function("Adam", "func(w, m, v, g []float32, k *[9]float32)", "Adam is generic.Adam, bit for bit.")
	k := e.vs(adamCoefficients)
	at0 := e.arg("k")
	for i, v := range k {
		e.VBROADCASTSS(at(at0, i), v)
	}
	e.walk(e.argLen("w"), e.isa.lanes, e.argPtrs("w", "m", "v", "g"), func(_ int, mem []operand.Mem, t *tail) {
		w, d, first, second := e.v(), e.v(), e.v(), e.v()
		x := e.v()
		e.load(mem[0], w, t)
		e.load(mem[3], d, t)
		e.VMULPS(k[adamGradScale], d, d)
		e.VMULPS(k[adamDecayGrad], w, x)
		e.VADDPS(x, d, d)
		e.VMULPS(k[adamKeep], w, w)

		e.load(mem[1], first, t)
		e.VSUBPS(first, d, x)
		e.VMULPS(k[adamRest1], x, x)
		e.VADDPS(x, first, first)
		e.store(first, mem[1], t)

		e.load(mem[2], second, t)
		e.VMULPS(k[adamBeta2], second, second)
		e.VMULPS(k[adamRest2], d, x)
		e.VMULPS(d, x, x)
		e.VADDPS(x, second, second)
		e.store(second, mem[2], t)

		e.adamWeight(w, first, second, k)
		e.store(w, mem[0], t)
	})
	e.done()
}

// adamWeight emits w -= step*first / (sqrt(second)/root2 + eps).
func (e *emitter) adamWeight(w, first, second reg.VecVirtual, k []reg.VecVirtual) {
	e.VSQRTPS(second, second)
	e.VDIVPS(k[adamRoot2], second, second)
	e.VADDPS(k[adamEps], second, second)
	e.VMULPS(k[adamStep], first, first)
	e.VDIVPS(second, first, first)
	e.VSUBPS(first, w, w)
}

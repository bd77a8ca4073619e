package main

import "github.com/mmcloughlin/avo/operand"

// emitPeak emits the loop that measures what the multiply-add units can do:
// twelve independent chains, more than latency times units on any processor so
// far, in registers alone.
func emitPeak(e *emitter) {
	const chains = 12
	e.function("FMAPeak", "func(iterations int) (flops int64)",
		"FMAPeak multiplies and adds on independent chains, iterations (at least 1) times, and",
		"returns the number of floating-point operations. It is generic.FMAPeak with fused operations.")
	n := e.arg("iterations")
	factor, term, sum := e.v(), e.v(), e.vs(chains)
	e.VMOVUPS(e.all(0.5), factor)
	e.VMOVUPS(e.all(0.25), term)
	for _, s := range sum {
		e.zero(s)
	}
	flops := e.GP64()
	e.MOVQ(n, flops)
	e.IMUL3Q(operand.I32(2*chains*2*e.isa.lanes), flops, flops)
	e.Label("loop")
	for range 2 {
		for _, s := range sum {
			e.VFMADD213PS(term, factor, s)
		}
	}
	e.DECQ(n)
	e.JNZ(operand.LabelRef("loop"))
	e.Store(flops, e.Return("flops"))
	e.done()
}

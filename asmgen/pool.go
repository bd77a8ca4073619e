package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitPool emits what networks that measure images have between convolutions.
func emitPool(e *emitter) {
	e.function("Relu", "func(z, x []float32)", "Relu is generic.Relu.")
	zero := e.zero(e.v())
	e.elementwise("z", []string{"x"}, func(in []reg.VecVirtual) reg.VecVirtual {
		e.VMAXPS(in[0], zero, in[0]) // of NaN, or of two zeros, the element
		return in[0]
	})
	e.function("Larger", "func(z, x, y []float32)", "Larger is generic.Larger.")
	e.elementwise("z", []string{"x", "y"}, func(in []reg.VecVirtual) reg.VecVirtual {
		x, y := in[0], in[1]
		e.VMAXPS(y, x, y) // of NaN, or of two zeros, y
		if e.isa.opmasks() {
			nan := e.K()
			e.VCMPPS(operand.U8(unordered), x, x, nan)
			e.VMOVAPS(x, nan, y)
			return y
		}
		nan := e.v()
		e.VCMPPS(operand.U8(unordered), x, x, nan)
		e.VBLENDVPS(nan, x, y, y)
		return y
	})
}

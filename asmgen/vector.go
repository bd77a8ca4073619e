package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitVector emits the elementwise operations.
func emitVector(e *emitter) {
	e.function("Add", "func(z, x, y []float32)", "Add is generic.Add.")
	e.elementwise("z", []string{"x", "y"}, func(in []reg.VecVirtual) reg.VecVirtual {
		e.VADDPS(in[1], in[0], in[0])
		return in[0]
	})
	e.function("Sub", "func(z, x, y []float32)", "Sub is generic.Sub.")
	e.elementwise("z", []string{"x", "y"}, func(in []reg.VecVirtual) reg.VecVirtual {
		e.VSUBPS(in[1], in[0], in[0])
		return in[0]
	})
	e.function("Mul", "func(z, x, y []float32)", "Mul is generic.Mul.")
	e.elementwise("z", []string{"x", "y"}, func(in []reg.VecVirtual) reg.VecVirtual {
		e.VMULPS(in[1], in[0], in[0])
		return in[0]
	})
	emitVectorScaled(e)
}

// emitVectorScaled emits the elementwise operations that take a number.
func emitVectorScaled(e *emitter) {
	e.function("Scale", "func(z []float32, a float32, x []float32)", "Scale is generic.Scale.")
	a := e.argAll("a")
	e.elementwise("z", []string{"x"}, func(in []reg.VecVirtual) reg.VecVirtual {
		e.VMULPS(in[0], a, in[0])
		return in[0]
	})
	e.function("Axpy", "func(z []float32, a float32, x []float32)", "Axpy is generic.Axpy: not fused.")
	a = e.argAll("a")
	e.elementwise("z", []string{"x", "z"}, func(in []reg.VecVirtual) reg.VecVirtual {
		e.VMULPS(in[0], a, in[0])
		e.VADDPS(in[0], in[1], in[1])
		return in[1]
	})
	e.function("Fill", "func(z []float32, a float32)", "Fill is generic.Fill.")
	a = e.argAll("a")
	e.elementwise("z", nil, func([]reg.VecVirtual) reg.VecVirtual { return a })
	e.function("ScaledDiff", "func(z []float32, a float32, x, y []float32)", "ScaledDiff is generic.ScaledDiff.")
	a = e.argAll("a")
	e.elementwise("z", []string{"x", "y"}, func(in []reg.VecVirtual) reg.VecVirtual {
		e.VSUBPS(in[1], in[0], in[0])
		e.VMULPS(in[0], a, in[0])
		return in[0]
	})
}

// elementwise emits the body and the end of a function that writes to slice
// out, for each place, what body makes of the slices in. body may overwrite
// its inputs.
func (e *emitter) elementwise(out string, in []string, body func(in []reg.VecVirtual) reg.VecVirtual) {
	e.walk(e.argLen(out), e.isa.lanes, e.argPtrs(append([]string{out}, in...)...), func(_ int, mem []operand.Mem, t *tail) {
		v := e.vs(len(in))
		for i := range v {
			e.load(mem[i+1], v[i], t)
		}
		e.store(body(v), mem[0], t)
	})
	e.done()
}

// argPtrs are the base pointers of several slice parameters.
func (e *emitter) argPtrs(names ...string) []reg.GPVirtual {
	ptrs := make([]reg.GPVirtual, len(names))
	for i, name := range names {
		ptrs[i] = e.argPtr(name)
	}
	return ptrs
}

package main

import "github.com/mmcloughlin/avo/operand"

// emitResample emits pooling and upsampling by two. Nothing is fused: each
// operation rounds as the one in package generic does.
func emitResample(e *emitter) {
	for _, add := range []string{"", "Add"} {
		emitPoolRow(e, "PoolRow"+add, add != "")
		emitSpreadRow(e, "SpreadRow"+add, add != "")
	}
}

func emitPoolRow(e *emitter, name string, add bool) {
	e.function(name, "func(y, top, bottom []float32, scale float32, channels int)",
		name+" is generic."+name+", bit for bit; y has at least one pixel.")
	n, ptrs := e.arg("channels"), e.argPtrs("y", "top", "bottom")
	for _, left := range ptrs[1:] {
		right := e.GP64()
		e.LEAQ(indexed(left, n, 4, 0), right)
		ptrs = append(ptrs, right)
	}
	scale := e.argAll("scale")
	e.pixels(n, ptrs, []int{1, 2, 2, 2, 2}, e.endOf("y", ptrs[0]), nil, func(mem []operand.Mem, t *tail) {
		sum := e.loaded(mem[1], t)
		e.VADDPS(e.loaded(mem[3], t), sum, sum)
		e.VADDPS(e.loaded(mem[2], t), sum, sum)
		e.VADDPS(e.loaded(mem[4], t), sum, sum)
		e.VMULPS(scale, sum, sum)
		if add {
			e.VADDPS(e.loaded(mem[0], t), sum, sum)
		}
		e.store(sum, mem[0], t)
	})
}

func emitSpreadRow(e *emitter, name string, add bool) {
	e.function(name, "func(y, x []float32, scale float32, channels int)",
		name+" is generic."+name+", bit for bit; x has at least one pixel.")
	n, ptrs := e.arg("channels"), e.argPtrs("x", "y")
	right := e.GP64()
	e.LEAQ(indexed(ptrs[1], n, 4, 0), right)
	ptrs = append(ptrs, right)
	scale := e.argAll("scale")
	e.pixels(n, ptrs, []int{1, 2, 2}, e.endOf("x", ptrs[0]), nil, func(mem []operand.Mem, t *tail) {
		v := e.loaded(mem[0], t)
		e.VMULPS(scale, v, v)
		for _, m := range mem[1:] {
			if !add {
				e.store(v, m, t)
				continue
			}
			old := e.loaded(m, t)
			e.VADDPS(v, old, old)
			e.store(old, m, t)
		}
	})
}

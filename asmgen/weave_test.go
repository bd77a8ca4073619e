package main

import (
	"slices"
	"testing"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
)

// Strands of different lengths take turns until each is at its end, and what comes
// before and after stays there.
func TestWeave(t *testing.T) {
	e := newEmitter(isas[0])
	e.function("F", "func()")
	a, b := e.v(), e.v()
	e.VXORPS(a, a, a)
	e.weave(func() {
		e.VADDPS(a, a, a)
	}, func() {
		e.VMULPS(b, b, b)
		e.VMINPS(b, b, b)
		e.VMAXPS(b, b, b)
	})
	e.RET()
	var got []string
	for _, n := range e.active().Nodes {
		got = append(got, n.(*ir.Instruction).Opcode)
	}
	if want := []string{"VXORPS", "VADDPS", "VMULPS", "VMINPS", "VMAXPS", "RET"}; !slices.Equal(got, want) {
		t.Errorf("woven %v, want %v", got, want)
	}
}

// What jumps would leave the other strands half done.
func TestWeaveRefusesJumps(t *testing.T) {
	for name, body := range map[string]func(e *emitter){
		"label": func(e *emitter) { e.Label("here") },
		"jump":  func(e *emitter) { e.JMP(operand.LabelRef("here")) },
	} {
		e := newEmitter(isas[0])
		e.function("F", "func()")
		e.weave(func() { body(e) }) // alone it may
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: woven", name)
				}
			}()
			e.weave(func() {}, func() { body(e) })
		}()
	}
}

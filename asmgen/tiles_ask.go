package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Loads, not products, bound a product of panels: the four products of a step take 24 ns,
// and its 64 lines come from the second-level cache at 43 bytes a cycle, which takes 38. There
// are two ways to do better, and which is better depends on who else is on the core:
//
//	past  a, of which every line is used once, is loaded with a hint that keeps it out
//	      of the first-level cache, where a panel of b of 16 to 24 steps then stays: 30 ns.
//	ask   the step of a after the next is asked for, behind each product a little, in
//	      the first-level cache: every line of it, twice.
//
// Where another tenant of the core takes half of it a step takes 123 to 150 ns past the first
// level and 100 to 118 with the requests; where there is none, those cost 8 to 10 ns of 38 to 52. They
// help even where a is in the first-level cache already, and asking once for each line, or for each pair,
// helps less of split operands (320 and 331 ns in place of 305): it is not what they bring that
// counts. With a hint that it is not needed again (NTA), a left the second level too.
//
// In such a core products of tiles take 13 ns each, loads 7, and neither hides behind the other;
// alone on the core 6 and 3, and loads hide.
//
// Either way asks for the rows of c below the panel, two lines each; with the first one alone a
// step took 52 to 61 ns instead of 46 to 54 where c and b stream (6, 13 and 25 panels of 24 steps). Requests for
// what comes after the call, the next panel of b or what that is packed from, made no difference.
// (Emerald Rapids, 2026, variants in turn, both states of a core.)

// tileAsks are the pointers of the requests.
type tileAsks struct {
	c        reg.GPVirtual
	products int // of the step so far, while it is emitted
}

const (
	askedSteps = 2  // how far ahead a is asked for
	askedEvery = 32 // bytes from one request to the next
	askedLine  = 64 // of a row of c, in bytes, after the first
)

// startAsking begins a panel: of c, the rows below it are next.
func (t *tilePanels) startAsking() {
	t.MOVQ(t.ldc, t.asks.c)
	t.SHLQ(operand.U8(5), t.asks.c)
	t.ADDQ(t.c, t.asks.c)
}

// ask follows a product.
func (t *tilePanels) ask() {
	q := &t.asks
	step, products := t.planes*2*tileBytes, 4
	if t.planes == 2 {
		products = 12
	}
	requests := step / askedEvery
	if t.past {
		requests = 0
	}
	for i := requests * q.products / products; i < requests*(q.products+1)/products; i++ {
		t.PREFETCHT0(operand.Mem{Base: t.a, Disp: askedSteps*step + i*askedEvery})
	}
	if q.products == 0 || q.products == 2 {
		t.PREFETCHT0(operand.Mem{Base: q.c})
		t.PREFETCHT0(operand.Mem{Base: q.c, Disp: askedLine})
		t.ADDQ(t.ldc, q.c)
	}
	q.products++
}

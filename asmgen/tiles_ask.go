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
//	      the first-level cache: every other line, as it fetches lines in pairs.
//
// Where another tenant of the core takes half of its caches a step takes 145 ns, 150
// past the first level, and 107 with the requests; where there is none, those cost 0 to 4 %.
// Requests for all lines of a gained no more than for every other one and cost 10 to 15 %;
// hints that it is not needed again (NTA) threw it out of the second level too.
//
// Either way asks for the rows of c below the panel, two a step; without, a product of
// 800x2304x768 took 8 % longer. Requests for what comes after the call, the next panel of b
// or what that is packed from, made no difference. (Emerald Rapids, 2026, 12 and 25 panels
// of 8 to 32 steps, one and two planes, variants in turn within one process.)

// tileAsks are the pointers of the requests.
type tileAsks struct {
	c        reg.GPVirtual
	products int // of the step so far, while it is emitted
}

const (
	askedSteps = 2        // how far ahead a is asked for
	askedPair  = 2 * line // what one request brings
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
	pairs := step / askedPair
	if t.past {
		pairs = 0
	}
	for i := pairs * q.products / products; i < pairs*(q.products+1)/products; i++ {
		t.PREFETCHT0(operand.Mem{Base: t.a, Disp: askedSteps*step + i*askedPair})
	}
	if q.products == 0 || q.products == 2 {
		t.PREFETCHT0(operand.Mem{Base: q.c})
		t.PREFETCHT0(operand.Mem{Base: q.c, Disp: line})
		t.ADDQ(t.ldc, q.c)
	}
	q.products++
}

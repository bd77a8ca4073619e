package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// What a product of panels asks for while it multiplies, a few lines behind every
// product of tiles, so that requests and loads share the way into the first-level cache:
//
//	a     the step after the next, in the first-level cache, every other line:
//	      the cache fetches lines in pairs
//	c     the rows of the next panel, two rows a step
//
// Loads, not products, bound the loop: a step of one plane takes 34 ns with both
// operands in the caches of the core, of which its four products take 24. Where another
// tenant of the core shares these caches it takes 145 ns, and 107 with the requests;
// where none does, they cost 0 to 4 %. All lines of a gained no more than every other
// one and cost 10 to 15 % there; without those for c, a product of 800x2304x768 took 8 %
// longer. Requests for what comes after the call, the next panel of b or what that is
// packed from, made no difference (Emerald Rapids, 2026, 12 panels of 8 to 32 steps, one
// and two planes, variants in turn within one process).

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

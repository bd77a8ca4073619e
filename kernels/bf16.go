package kernels

// Products of operands rounded to bf16 by the float32 kernels: every operand is
// rounded where it is copied anyway, in packed panels, bands and blocks that
// are in the cache. A product of two bf16 numbers has at most 16 significant
// bits, so it is exact in float32 and each multiply-add rounds once, fused or not.

// rounds reports whether p rounds operands for the float32 kernels. BF16x3 does
// not: without tiles F32 stands in for it, which is more exact and faster.
func (p Precision) rounds() bool { return p == BF16 }

// tiled reports whether products of p are computed on tiles.
func (p Precision) tiled() bool { return p != F32 && isa >= isaAMX }

// term is the part of an operand that a call multiplies.
type term uint8

const (
	wholeTerm term = iota // x
	highTerm              // hi = bfloat16(x)
	lowTerm               // lo = bfloat16(x-hi)
)

// take leaves the term of what was packed.
func (t term) take(panel []float32) {
	switch t {
	case highTerm:
		roundBF16(panel, panel)
	case lowTerm:
		var hi [256]float32
		for len(panel) > 0 {
			n := min(len(panel), len(hi))
			roundBF16(hi[:n], panel[:n])
			for i, h := range hi[:n] {
				panel[i] -= h
			}
			roundBF16(panel[:n], panel[:n])
			panel = panel[n:]
		}
	}
}

// splitTerms are the products of BF16x3 in the order of the tiles.
var splitTerms = [3]struct{ a, b term }{{lowTerm, highTerm}, {highTerm, highTerm}, {highTerm, lowTerm}}

// multiplySplit computes a product of BF16x3 without tiles, as the sum of three. The
// first begins with the bias or c, the epilogue follows the last.
func (g *gemmCall) multiplySplit(workers int) {
	call := *g
	for i, t := range splitTerms {
		*g = call
		g.termA, g.termB = t.a, t.b
		if i > 0 {
			g.bias, g.accumulate = nil, true
		}
		if i < len(splitTerms)-1 {
			g.epilogue = Epilogue{}
		}
		g.multiply(workers)
	}
}

// rounded rounds the panel of weights that item packed, if the call does.
func (c *convCall) rounded(item int) {
	if !c.round || c.pairs {
		return
	}
	f := &c.phases[item/c.columns.panels]
	lane, _, width := c.columns.panel(item % c.columns.panels)
	panel := c.packed[f.packed+lane*f.depth(c.channels):][:width*f.depth(c.channels)]
	roundBF16(panel, panel)
}

// roundChunk is how many elements of the gradient of the output are rounded at a
// time.
const roundChunk = 1 << 14

// runRounded is run for a call that may round: the gradient of the output,
// which run reads where it lies, is copied first, once, by all workers.
func (c *convGradCall) runRounded() {
	switch {
	case c.pairs:
		c.runPairs()
		return
	case !c.round:
		c.run()
		return
	}
	n := c.N * c.OutH() * c.OutW() * c.Co
	memory := callScratches.get()
	j := roundJobs.get()
	*j = roundJob{to: memory.floats(n), from: c.dy[:n]}
	team := workers()
	if n < 1<<16 {
		team = 1
	}
	dispatch(j, ceilDiv(n, roundChunk), team)
	c.dy = j.to
	c.run()
	*j = roundJob{} // keep no operand alive
	roundJobs.put(j)
	callScratches.put(memory)
}

// roundJob copies numbers, rounded: one item is one chunk.
type roundJob struct{ to, from []float32 }

var roundJobs freeList[roundJob]

func (j *roundJob) run(_, item int) {
	lo, hi := item*roundChunk, min(len(j.from), (item+1)*roundChunk)
	roundBF16(j.to[lo:hi], j.from[lo:hi])
}

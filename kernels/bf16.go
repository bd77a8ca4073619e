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

// rounded rounds what was packed, if the call does.
func (g *gemmCall) rounded(panel []float32) {
	if g.round {
		roundBF16(panel, panel)
	}
}

// rounded rounds the panel of weights that item packed, if the call does.
func (c *convCall) rounded(item int) {
	if !c.round {
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
	if !c.round {
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

func (j *roundJob) run(item int) {
	lo, hi := item*roundChunk, min(len(j.from), (item+1)*roundChunk)
	roundBF16(j.to[lo:hi], j.from[lo:hi])
}

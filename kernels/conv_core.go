package kernels

// The core of Conv2D and Conv2DGradInput: a product whose rows are the pixels of
// the output and whose columns are its channels. In channels-last images a row
// of taps of a patch is one run of memory, so the pixels are not packed; the
// micro-kernel reads eight of them where they lie:
//
//	x, padded             patch of one pixel: segments      weights, packed
//	+----------------+    [taps of row 0][row 1][row 2]     [panel][tap row, tap, channel][lane]
//	|  ooo           |
//	|  ooo           |    each segment is cols*channels
//	|  ooo           |    adjacent elements
//	+----------------+
//
// The weights are packed first, by all workers. Then an item is a band of rows
// of the output, or of whole images: it copies what the band sees into memory
// of its own, with the padding, and multiplies. Where nothing is padded it reads x in place.

// convPiece is the longest piece of the reduction that is summed in one go
// where rows of taps allow it.
const convPiece = 768

// bandPixels is how many pixels a band has at most, if one row has no more:
// each panel of weights is read once per band, and the band should stay in the
// second-level cache.
const bandPixels = 512

// convCall is one convolution under way.
type convCall struct {
	in               []float32 // [images,inH,inW,channels]
	images, inH, inW int
	channels         int
	strideH, strideW int // from one output to the next, in pixels of in
	phases           []convPhase

	out        []float32
	outImage   int // elements of an image of out
	lanes      int // its channels
	bias       []float32
	base       []float32 // laid out as out, which the sums are added to; out itself to accumulate; nil: nothing
	relu       bool
	accumulate bool
	round      bool // to bf16, in the copies
	pairs      bool // and those are of pairs of channels
	planes     int  // of bf16, on tiles; 0: float32 kernels
	gathers    bool // on tiles, whatever the channels

	w            []float32
	lane, step   int       // from one output channel to the next in w, and from one input channel
	given        *Packed   // w
	packed       []float32 // panels of all phases
	tile         gemmShape
	columns      columnCut
	columnGroups int // items of one band
	team         int // workers

	top, left    int  // first row and column of in that output (0,0) of a phase sees
	spanH, spanW int  // rows and columns from there that it sees
	gridH, gridW int  // largest phase
	direct       bool // nothing is padded, nor rounded
	straight     bool // tiles are read from the copy where they are
	across       int  // how many copies there are, each moved by one column; 0: one, of all columns
	packsOwn     bool // each item packs the weights that it needs, which no other one does
	copyW        int  // pixels of a row of the grid that the copy has room for
	band         convBands
}

// convPhase is the part of the outputs that see in at the same offset. A plain
// convolution has one; the gradient of one with strides has a phase for each
// output modulo the strides. Output (p,q) of the phase lies at
// at+p*row+q*pixel of its image, and its tap (i,j) sees row
// p*strideH+top+i and column q*strideW+left+j of in.
type convPhase struct {
	rows, cols     int // taps
	top, left      int
	outH, outW     int
	at, row, pixel int
	w, wRow, wCol  int // first tap in w, and from one row of taps and from one tap to the next
	packed         int // first element in packed
}

// depth is the length of the reduction.
func (f *convPhase) depth(channels int) int { return f.rows * f.cols * channels }

var convCalls freeList[convCall]

// run packs and multiplies.
func (c *convCall) run() {
	c.plan()
	memory := callScratches.get()
	if !c.round && c.planes == 0 {
		c.packed = c.given.panels(c.tile, false)
	}
	if c.packed == nil && !c.packsOwn {
		c.packed = memory.floats(c.place())
		dispatch((*convPack)(c), len(c.phases)*c.columns.panels, c.team)
	}
	dispatch((*convMultiply)(c), c.band.count*c.columnGroups, c.team)
	callScratches.put(memory)
	phases := c.phases[:0]
	*c = convCall{phases: phases} // keep no operand alive
}

// plan decides how the call is cut.
func (c *convCall) plan() {
	c.tile = gemmTileShape()
	switch {
	case c.planes > 0:
		c.tile = convTileShape
	case c.pairs:
		c.tile = pairTileShape()
	}
	c.columns = cutColumns(c.lanes, c.tile)
	c.frame()
	c.lay()
	c.team = workers()
	if c.flops() < serialFlops {
		c.team = 1
	}
	if c.band = c.cutBands(c.team); c.oneBand() {
		c.band = convBands{count: 1, images: c.images, rows: c.gridH, each: 1}
	}
	c.columnGroups = min(c.columns.panels, ceilDiv(c.team, c.band.count))
	c.packsOwn = c.straight && c.band.count == 1
	reserveItems(c.bandElements() + c.tileElements())
	reserveItemInts(c.tableLength())
}

// frame finds what part of in the phases see together.
func (c *convCall) frame() {
	bottom, right := 0, 0
	for i, f := range c.phases {
		if i == 0 {
			c.top, c.left, bottom, right = f.top, f.left, f.top+f.rows, f.left+f.cols
		}
		c.top, c.left = min(c.top, f.top), min(c.left, f.left)
		bottom, right = max(bottom, f.top+f.rows), max(right, f.left+f.cols)
		c.gridH, c.gridW = max(c.gridH, f.outH), max(c.gridW, f.outW)
	}
	c.spanH, c.spanW = bottom-c.top, right-c.left
	c.direct = !c.round && c.planes == 0 && c.top >= 0 && c.left >= 0 &&
		(c.gridH-1)*c.strideH+bottom <= c.inH && (c.gridW-1)*c.strideW+right <= c.inW
}

func (c *convCall) flops() (total float64) {
	for i := range c.phases {
		f := &c.phases[i]
		total += 2 * float64(c.images*f.outH*f.outW) * float64(c.lanes) * float64(f.depth(c.channels))
	}
	return total
}

// place gives every phase its part of the packed weights and returns their size.
func (c *convCall) place() int {
	n := 0
	for i := range c.phases {
		c.phases[i].packed = n
		n += c.packedElements(&c.phases[i])
	}
	return n
}

// convPack packs weights: one item is one panel of one phase.
type convPack convCall

func (j *convPack) run(worker, item int) {
	c := (*convCall)(j)
	f := &c.phases[item/c.columns.panels]
	depth := f.depth(c.channels)
	if depth == 0 {
		return
	}
	if c.planes > 0 {
		panel := item % c.columns.panels
		c.packTiles(worker, f, panel, halves(c.packed[f.packed:])[panel*c.panelHalves(f, f.rows):])
		return
	}
	defer c.rounded(item)
	lane, n, width := c.columns.panel(item % c.columns.panels)
	to := c.packed[f.packed+lane*c.words(depth):]
	pack := func(from lanes, k int) {
		if c.pairs {
			pairPanel(words(to), width, from, lane, n, 0, k)
		} else {
			packPanel(to, width, from, lane, n, 0, k)
		}
		to = to[width*c.words(k):]
	}
	if c.step == 1 && f.wCol == c.channels && f.wRow == f.cols*c.channels { // one run
		pack(lanes{data: c.w[f.w:], lane: c.lane, step: 1}, depth)
		return
	}
	for i := range f.rows {
		for t := range f.cols {
			pack(lanes{data: c.w[f.w+i*f.wRow+t*f.wCol:], lane: c.lane, step: c.step}, c.channels)
		}
	}
}

// words is how many words some channels take in packed weights and in the copy of a
// band: half as many in pairs. Every piece of the reduction is of an even number then.
func (c *convCall) words(channels int) int {
	if c.pairs {
		return channels / 2
	}
	return channels
}

// convSlice is one piece of the reduction of a phase: elements [k0,k1) of the
// segments [s0,s1).
type convSlice struct{ s0, s1, k0, k1 int }

// slices is how many pieces the reduction of a phase is summed in: some rows of
// taps at a time, or parts of one. It depends on the shape alone.
func (f *convPhase) slices(channels int) int {
	segment := f.cols * channels
	switch {
	case f.rows*segment == 0:
		return 1
	case segment > convPiece:
		return f.rows * ceilDiv(segment, convPiece)
	}
	return ceilDiv(f.rows, convPiece/segment)
}

// slice returns piece i.
func (f *convPhase) slice(i, channels int) convSlice {
	segment, count := f.cols*channels, f.slices(channels)
	if segment <= convPiece {
		return convSlice{s0: f.rows * i / count, s1: f.rows * (i + 1) / count, k1: segment}
	}
	parts := ceilDiv(segment, convPiece)
	size := roundUp(ceilDiv(segment, parts), 8)
	s, p := i/parts, i%parts
	return convSlice{s0: s, s1: s + 1, k0: min(segment, p*size), k1: min(segment, (p+1)*size)}
}

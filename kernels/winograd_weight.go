package kernels

// The gradient of 3x3 filters by Winograd's algorithm: the transpose of the
// forward pass, and an F(3x3,4x4) itself,
//
//	dw = G^T ( sum over tiles of (A dy A^T) * (B^T x B) ) G       (* element by element)
//
// The sum is, at each of the 36 positions, a product of filters by tiles with
// tiles by channels. It goes chunk by chunk of tiles; in each, all workers
// transform the tiles first and then multiply, one item being one position
// and some filters. Where the tiles are few, one item is a rectangle of filters
// by channels at all positions, so that the sums, four times the gradient, do
// not travel through memory. The micro-kernel is that of the direct gradient,
// with tiles in the place of pixels:
//
//	gradient y [position][tile][filter]   input v [position][block of 16 channels][tile][channel]

// winogradGradTiles is how many tiles are summed in one go: what is transformed
// of them should stay in the second-level cache, the sums are read and written
// once per chunk, and both weigh the same in ci*co/(ci+co) tiles. It depends on
// the filters' shape alone: the chunks decide the rounding.
func (s ConvShape) winogradGradTiles() int {
	return min(max(s.Ci*s.Co/(s.Ci+s.Co)/16*16, 64), 256)
}

// winogradGroup is how many tiles an item transforms.
const winogradGroup = 16

// winogradGradCall is one Conv2DGradWeight under way.
type winogradGradCall struct {
	ConvShape
	dw, dy, x  []float32
	accumulate bool
	round      bool // to bf16, in the copies

	mr, perTile  int // filters and units of a tile of the product
	down, across int // tiles of an image
	tiles        int // of all images
	chunk        int // tiles of a chunk
	blocks       int // of channels
	groups       int // of filters
	first, last  int // tiles of this chunk
	v, y, u      []float32
	yRow, uRow   int // of a tile in y, of a filter in u
	vStep        int // of a position
	yStep, uStep int
	units        []int // places of the blocks in v, and in a row of u
	rectangles   bool  // an item is a rectangle
}

// Sizes of a rectangle: its sums stay in the second-level cache.
const (
	rectangleFilters = 48 // whole tiles on every instruction set
	rectangleBlocks  = 8
)

var winogradGradCalls freeList[winogradGradCall]

func (c *winogradGradCall) run() {
	c.plan()
	team := workers()
	if 2*float64(c.N*c.OutH()*c.OutW())*float64(c.Co)*float64(c.taps()*c.Ci) < serialFlops {
		team = 1
	}
	c.groups = min(ceilDiv(c.Co, c.mr), ceilDiv(4*team, winogradPositions))
	reserveItems(winogradTemporary + max(winogradPositions*max(c.Ci, c.Co), c.rectangleElements()))
	memory := callScratches.get()
	floats := memory.floats(winogradPositions * (c.vStep + c.yStep + c.uStep))
	c.v, floats = floats[:winogradPositions*c.vStep], floats[winogradPositions*c.vStep:]
	c.y, c.u = floats[:winogradPositions*c.yStep], floats[winogradPositions*c.yStep:]
	c.units = memory.ints(2 * c.blocks)
	for b := range c.blocks {
		c.units[b], c.units[c.blocks+b] = b*c.chunk*slabAlign, b*slabAlign
	}
	for c.last = 0; c.last < c.tiles; {
		c.first = c.last
		c.last = min(c.tiles, c.first+c.chunk)
		dispatch((*winogradGradTransform)(c), 2*ceilDiv(c.last-c.first, winogradGroup), team)
		if !c.rectangles {
			dispatch((*winogradGradMultiply)(c), winogradPositions*c.groups, team)
		}
	}
	if c.rectangles {
		dispatch((*winogradGradRectangle)(c), ceilDiv(c.Co, rectangleFilters)*ceilDiv(c.blocks, rectangleBlocks), team)
	} else {
		dispatch((*winogradGradFinish)(c), c.Co, team)
	}
	callScratches.put(memory)
}

// plan chooses the layout.
func (c *winogradGradCall) plan() {
	c.mr, c.perTile = gemmTileShape().mr, convUnits()
	c.down, c.across = ceilDiv(c.OutH(), winogradStep), ceilDiv(c.OutW(), winogradStep)
	c.tiles = c.N * c.down * c.across
	c.chunk = min(c.tiles, c.winogradGradTiles())
	c.blocks = ceilDiv(c.Ci, slabAlign)
	c.yRow, c.uRow = apart(roundUp(c.Co, c.mr)), c.blocks*slabAlign
	c.vStep, c.yStep = apart(c.blocks*c.chunk*slabAlign), apart(c.chunk*c.yRow)
	c.rectangles = c.tiles <= winogradFewGradTiles && c.tiles == c.chunk
	if c.rectangles {
		c.uRow = min(c.uRow, rectangleBlocks*slabAlign)
		c.uStep = 0
		return
	}
	c.uStep = apart(c.Co * c.uRow)
}

// rectangleStep is the step of a position in the sums of a rectangle.
func (c *winogradGradCall) rectangleStep() int { return apart(rectangleFilters * c.uRow) }
func (c *winogradGradCall) rectangleElements() int {
	if !c.rectangles {
		return 0
	}
	return winogradPositions * c.rectangleStep()
}

// winogradGradTransform transforms a few tiles of the input, or of the gradient
// of the output.
type winogradGradTransform winogradGradCall

func (j *winogradGradTransform) run(worker, item int) {
	c := (*winogradGradCall)(j)
	memory := itemScratches.take(worker)
	floats := memory.floats(winogradPositions*max(c.Ci, c.Co) + winogradTemporary)
	tmp, padded := floats[:winogradTemporary], floats[winogradTemporary:]
	first := c.first + item/2*winogradGroup
	for t := first; t < min(c.last, first+winogradGroup); t++ {
		image, at := t/(c.down*c.across), t%(c.down*c.across)
		p, q := at/c.across*winogradStep, at%c.across*winogradStep
		if item%2 == 0 {
			x := c.x[image*c.H*c.W*c.Ci:]
			tile, row := cutTile(x, c.H, c.W, c.Ci, p-c.PadH, q-c.PadW, winogradTile, padded, c.round)
			to := c.v[(t-c.first)*slabAlign:]
			winogradInput(to, c.vStep, c.chunk*slabAlign, tile, row, c.Ci, tmp, c.Ci)
			clearPositions(to[(c.blocks-1)*c.chunk*slabAlign:], c.vStep, c.Ci-(c.blocks-1)*slabAlign, slabAlign)
			continue
		}
		dy := c.dy[image*c.OutH()*c.OutW()*c.Co:]
		tile, row := cutTile(dy, c.OutH(), c.OutW(), c.Co, p, q, winogradStep, padded, c.round)
		to := c.y[(t-c.first)*c.yRow:]
		winogradGradient(to, c.yStep, slabAlign, tile, row, c.Co, tmp, c.Co)
		clearPositions(to, c.yStep, c.Co, roundUp(c.Co, c.mr))
	}
	itemScratches.give(worker, memory)
}

// clearPositions zeroes elements [from,to) of each position.
func clearPositions(v []float32, step, from, to int) {
	if from == to {
		return
	}
	for position := range winogradPositions {
		clear(v[position*step+from : position*step+to])
	}
}

// onePlace is the table of one row of tiles, which begins where the operands do.
var onePlace [2]int

// products computes the chunk's products at one position: panels [f0,f1) of
// filters by blocks [b0,b1) of channels, in u, which begins with them.
func (c *winogradGradCall) products(u []float32, position, f0, f1, b0, b1, add int) {
	v, y := c.v[position*c.vStep:], c.y[position*c.yStep:]
	count := ceilDiv(b1-b0, c.perTile)
	for t := range count {
		a, b := (b1-b0)*t/count, (b1-b0)*(t+1)/count
		for f := f0; f < f1; f++ {
			convGradTile(1, c.last-c.first, onePlace[:], y[f*c.mr:], c.yRow, v, slabAlign, c.units[b0+a:b0+b],
				u[(f-f0)*c.mr*c.uRow:], c.uRow, c.units[c.blocks+a:c.blocks+b], min(c.mr, c.Co-f*c.mr), slabAlign, add)
		}
	}
}

// winogradGradMultiply adds the chunk's products: one item is one position and
// some filters.
type winogradGradMultiply winogradGradCall

func (j *winogradGradMultiply) run(_, item int) {
	c := (*winogradGradCall)(j)
	position, group, panels := item/c.groups, item%c.groups, ceilDiv(c.Co, c.mr)
	f0, f1 := panels*group/c.groups, panels*(group+1)/c.groups
	add := 1
	if c.first == 0 {
		add = 0
	}
	c.products(c.u[position*c.uStep+f0*c.mr*c.uRow:], position, f0, f1, 0, c.blocks, add)
}

// winogradGradRectangle computes the gradient of a rectangle of filters by
// channels, of all tiles.
type winogradGradRectangle winogradGradCall

func (j *winogradGradRectangle) run(worker, item int) {
	c := (*winogradGradCall)(j)
	across := ceilDiv(c.blocks, rectangleBlocks)
	o0, b0 := item/across*rectangleFilters, item%across*rectangleBlocks
	o1, b1 := min(c.Co, o0+rectangleFilters), min(c.blocks, b0+rectangleBlocks)
	memory := itemScratches.take(worker)
	floats := memory.floats(winogradTemporary + c.rectangleElements())
	tmp, u := floats[:winogradTemporary], floats[winogradTemporary:]
	for position := range winogradPositions {
		c.products(u[position*c.rectangleStep():], position, o0/c.mr, ceilDiv(o1, c.mr), b0, b1, 0)
	}
	for o := o0; o < o1; o++ {
		c.finish(o, b0*slabAlign, min(c.Ci, b1*slabAlign), u[(o-o0)*c.uRow:], c.rectangleStep(), tmp)
	}
	itemScratches.give(worker, memory)
}

// finish transforms the products of filter o and channels [c0,c1), and writes
// their gradient.
func (c *winogradGradCall) finish(o, c0, c1 int, u []float32, step int, tmp []float32) {
	add := 0
	if c.accumulate {
		add = 1
	}
	winogradWeights(c.dw[o*c.taps()*c.Ci+c0:], c.Ci, u, step, tmp, c1-c0, add)
}

// winogradGradFinish transforms the products of one filter.
type winogradGradFinish winogradGradCall

func (j *winogradGradFinish) run(worker, item int) {
	c := (*winogradGradCall)(j)
	memory := itemScratches.take(worker)
	c.finish(item, 0, c.Ci, c.u[item*c.uRow:], c.uStep, memory.floats(winogradTemporary))
	itemScratches.give(worker, memory)
}

package kernels

// The gradient of 3x3 filters by Winograd's algorithm: the transpose of the
// forward pass, and an F(3x3,4x4) itself,
//
//	dw = G^T ( sum over tiles of (A dy A^T) * (B^T x B) ) G       (* element by element)
//
// The sum is, at each of the 36 positions, a product of filters by tiles with
// tiles by channels. It goes chunk by chunk of tiles; in each, all workers
// transform the tiles first and then multiply, one item being one position
// and some filters. The micro-kernel is that of the direct gradient, with
// tiles in the place of pixels:
//
//	gradient y [position][tile][filter]   input v [position][block of 16 channels][tile][channel]

// winogradGradTiles is how many tiles are summed in one go. It is one constant
// for all instruction sets: the chunks decide the rounding.
const winogradGradTiles = 256

// winogradGroup is how many tiles an item transforms.
const winogradGroup = 16

// winogradGradCall is one Conv2DGradWeight under way.
type winogradGradCall struct {
	ConvShape
	dw, dy, x  []float32
	accumulate bool

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
}

var winogradGradCalls freeList[winogradGradCall]

func (c *winogradGradCall) run() {
	c.plan()
	team := workers()
	if 2*float64(c.N*c.OutH()*c.OutW())*float64(c.Co)*float64(c.taps()*c.Ci) < serialFlops {
		team = 1
	}
	c.groups = min(ceilDiv(c.Co, c.mr), ceilDiv(4*team, winogradPositions))
	reserveItems(winogradPositions*max(c.Ci, c.Co) + winogradTemporary)
	memory := callScratches.get()
	floats := memory.floats(winogradPositions * (c.vStep + c.yStep + c.uStep))
	c.v, floats = floats[:winogradPositions*c.vStep], floats[winogradPositions*c.vStep:]
	c.y, c.u = floats[:winogradPositions*c.yStep], floats[winogradPositions*c.yStep:]
	c.units = memory.ints(2 * c.blocks)
	for b := range c.blocks {
		c.units[b], c.units[c.blocks+b] = b*c.chunk*slabAlign, b*slabAlign
	}
	for c.first = 0; c.first < c.tiles; c.first = c.last {
		c.last = min(c.tiles, c.first+c.chunk)
		dispatch((*winogradGradTransform)(c), 2*ceilDiv(c.last-c.first, winogradGroup), team)
		dispatch((*winogradGradMultiply)(c), winogradPositions*c.groups, team)
	}
	dispatch((*winogradGradFinish)(c), c.Co, team)
	callScratches.put(memory)
}

// plan chooses the layout.
func (c *winogradGradCall) plan() {
	c.mr, c.perTile = gemmTileShape().mr, convUnits()
	c.down, c.across = ceilDiv(c.OutH(), winogradStep), ceilDiv(c.OutW(), winogradStep)
	c.tiles = c.N * c.down * c.across
	c.chunk = min(c.tiles, winogradGradTiles)
	c.blocks = ceilDiv(c.Ci, slabAlign)
	c.yRow, c.uRow = apart(roundUp(c.Co, c.mr)), c.blocks*slabAlign
	c.vStep, c.yStep = apart(c.blocks*c.chunk*slabAlign), apart(c.chunk*c.yRow)
	c.uStep = apart(c.Co * c.uRow)
}

// winogradGradTransform transforms a few tiles of the input, or of the gradient
// of the output.
type winogradGradTransform winogradGradCall

func (j *winogradGradTransform) run(item int) {
	c := (*winogradGradCall)(j)
	memory := itemScratches.get()
	floats := memory.floats(winogradPositions*max(c.Ci, c.Co) + winogradTemporary)
	tmp, padded := floats[:winogradTemporary], floats[winogradTemporary:]
	first := c.first + item/2*winogradGroup
	for t := first; t < min(c.last, first+winogradGroup); t++ {
		image, at := t/(c.down*c.across), t%(c.down*c.across)
		p, q := at/c.across*winogradStep, at%c.across*winogradStep
		if item%2 == 0 {
			x := c.x[image*c.H*c.W*c.Ci:]
			tile, row := cutTile(x, c.H, c.W, c.Ci, p-c.PadH, q-c.PadW, winogradTile, padded)
			to := c.v[(t-c.first)*slabAlign:]
			winogradInput(to, c.vStep, c.chunk*slabAlign, tile, row, c.Ci, tmp, c.Ci)
			clearPositions(to[(c.blocks-1)*c.chunk*slabAlign:], c.vStep, c.Ci-(c.blocks-1)*slabAlign, slabAlign)
			continue
		}
		dy := c.dy[image*c.OutH()*c.OutW()*c.Co:]
		tile, row := cutTile(dy, c.OutH(), c.OutW(), c.Co, p, q, winogradStep, padded)
		to := c.y[(t-c.first)*c.yRow:]
		winogradGradient(to, c.yStep, slabAlign, tile, row, c.Co, tmp, c.Co)
		clearPositions(to, c.yStep, c.Co, roundUp(c.Co, c.mr))
	}
	itemScratches.put(memory)
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

// winogradGradMultiply adds the chunk's products: one item is one position and
// some filters.
type winogradGradMultiply winogradGradCall

// onePlace is the table of one row of tiles, which begins where the operands do.
var onePlace [2]int

func (j *winogradGradMultiply) run(item int) {
	c := (*winogradGradCall)(j)
	position, group, panels := item/c.groups, item%c.groups, ceilDiv(c.Co, c.mr)
	v, y, u := c.v[position*c.vStep:], c.y[position*c.yStep:], c.u[position*c.uStep:]
	add := 1
	if c.first == 0 {
		add = 0
	}
	count := ceilDiv(c.blocks, c.perTile)
	for t := range count {
		a, b := c.blocks*t/count, c.blocks*(t+1)/count
		for f := panels * group / c.groups; f < panels*(group+1)/c.groups; f++ {
			convGradTile(1, c.last-c.first, onePlace[:], y[f*c.mr:], c.yRow, v, slabAlign, c.units[a:b],
				u[f*c.mr*c.uRow:], c.uRow, c.units[c.blocks+a:c.blocks+b], min(c.mr, c.Co-f*c.mr), slabAlign, add)
		}
	}
}

// winogradGradFinish transforms the products of one filter.
type winogradGradFinish winogradGradCall

func (j *winogradGradFinish) run(item int) {
	c := (*winogradGradCall)(j)
	add := 0
	if c.accumulate {
		add = 1
	}
	memory := itemScratches.get()
	tmp := memory.floats(winogradTemporary)
	winogradWeights(c.dw[item*c.taps()*c.Ci:], c.Ci, c.u[item*c.uRow:], c.uStep, tmp, c.Ci, add)
	itemScratches.put(memory)
}

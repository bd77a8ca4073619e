package kernels

import "lethe/kernels/internal/generic"

// Winograd's convolution F(4x4,3x3). A tile of 6x6 pixels of the input gives 4x4
// of the output with 36 products for each pair of channels instead of 144:
//
//	y = A^T ( sum over channels of (G w G^T) * (B^T x B) ) A      (* element by element)
//
// The sum is, at each of the 36 positions of a tile, a matrix product of tiles
// by channels with channels by filters:
//
//	x, in tiles          v [position][tile][channel]      m [position][tile][filter]
//	+------+             +---+                            +---+
//	|  ....|..           |   |  x  u [position][panel]    |   |
//	|  ....|..   B^T x B |   |       [channel][lane]   =  |   |   A^T m A   4x4 of y
//	+------+..   ----->  +---+                            +---+   ----->
//	   ......
//
// The filters are transformed first, by all workers. Then an item is a block of
// tiles, or of tiles and panels of filters: it transforms its tiles, multiplies
// them position by position, and transforms the products back. The micro-kernel
// is that of the direct convolution, with one row of taps of one tap.

// Sizes of a tile.
const (
	winogradTile      = generic.WinogradTile
	winogradStep      = generic.WinogradStep
	winogradPositions = winogradTile * winogradTile
	winogradTemporary = winogradPositions * slabAlign
)

// winogradCall is one convolution under way.
type winogradCall struct {
	*convCall
	f              *convPhase
	down, across   int // tiles of an image
	tiles          int // tiles of all images
	block, blocks  int // tiles of a block, blocks
	uStep          int // elements of a position in packed
	vRow, vStep    int // of a tile and of a position in v
	mRow, mStep    int // and in m
	parts          int // pieces of the channels in the transform of filters
	panelsOfColumn int // panels of an item
}

var winogradCalls freeList[winogradCall]

// winogradChunk is how many channels of filters are transformed in one go: nine
// taps of one panel of them stay in the second-level cache.
const winogradChunk = 64

// runWinograd is run by Winograd's algorithm. The call has one phase of 3x3 taps
// and strides 1.
func (c *convCall) runWinograd() {
	w := winogradCalls.get()
	*w = winogradCall{convCall: c, f: &c.phases[0]}
	w.plan()
	memory := callScratches.get()
	c.packed = memory.floats(winogradPositions * w.uStep)
	dispatch((*winogradPack)(w), c.columns.panels*w.parts, c.team)
	dispatch((*winogradMultiply)(w), w.blocks*c.columnGroups, c.team)
	callScratches.put(memory)
	*w = winogradCall{}
	winogradCalls.put(w)
	phases := c.phases[:0]
	*c = convCall{phases: phases} // keep no operand alive
}

// plan decides how the call is cut.
func (w *winogradCall) plan() {
	w.tile = gemmTileShape()
	w.columns = cutColumns(w.lanes, w.tile)
	w.down, w.across = ceilDiv(w.f.outH, winogradStep), ceilDiv(w.f.outW, winogradStep)
	w.tiles = w.images * w.down * w.across
	w.team = workers()
	if w.flops() < serialFlops {
		w.team = 1
	}
	w.cutTiles()
	w.parts = max(1, ceilDiv(w.channels, winogradChunk))
	w.uStep = apart(w.columns.lanes * w.channels)
	w.vRow = roundUp(w.channels, slabAlign)
	w.mRow = roundUp(min(w.columns.lanes, w.panelsOfColumn*w.tile.nr), slabAlign)
	w.vStep, w.mStep = apart(w.block*w.vRow), apart(w.block*w.mRow)
	chunk := 9*winogradChunk*w.tile.nr + winogradTemporary
	reserveItems(max(chunk, w.itemElements()))
	reserveItemInts(2 * roundUp(w.block, w.tile.mr))
}

// apart is the step between 36 streams of n elements that are written side by
// side: not a multiple of 4 KiB, whose lines share a set of the first-level cache.
func apart(n int) int {
	n = roundUp(n, slabAlign)
	return n + slabAlign*(1-n/slabAlign%2)
}

// itemElements is the memory of an item: v, m, a tile with its padding and a
// temporary.
func (w *winogradCall) itemElements() int {
	return winogradPositions*(w.vStep+w.mStep+w.vRow) + winogradTemporary
}

// winogradTiles is how many tiles a block has at most: the filters, which are
// read once per block, should cost less than the products with them.
const winogradTiles = 64

// cutTiles chooses the blocks that leave the busiest worker the least to do. Any
// choice gives the same bits.
func (w *winogradCall) cutTiles() {
	panels := w.columns.panels
	least := -1.0
	for blocks := ceilDiv(w.tiles, winogradTiles); blocks <= min(w.tiles, ceilDiv(w.tiles, winogradTiles)+2*w.team); blocks++ {
		for groups := 1; groups <= min(panels, w.team); groups++ {
			tiles, columns := roundUp(ceilDiv(w.tiles, blocks), w.tile.mr), ceilDiv(panels, groups)
			count := ceilDiv(w.tiles, tiles) * groups
			// Of one channel: products, the filters, and the transforms.
			lanes := float64(columns * w.tile.nr)
			cost := float64(tiles)*lanes + 30*lanes + float64(tiles)*(60+40*lanes/float64(w.channels))
			cost *= float64(ceilDiv(count, w.team))
			if least < 0 || cost < least {
				least, w.block, w.columnGroups, w.panelsOfColumn = cost, tiles, groups, columns
			}
		}
	}
	w.blocks = ceilDiv(w.tiles, w.block)
}

// winogradPack transforms filters: one item is some channels of one panel.
type winogradPack winogradCall

func (j *winogradPack) run(item int) {
	w := (*winogradCall)(j)
	lane, n, width := w.columns.panel(item / w.parts)
	part := item % w.parts
	k0, k1 := part*winogradChunk, min(w.channels, (part+1)*winogradChunk)
	memory := itemScratches.get()
	floats := memory.floats(9*winogradChunk*w.tile.nr + winogradTemporary)
	taps, tmp := floats[winogradTemporary:], floats[:winogradTemporary]
	size := (k1 - k0) * width
	for i := range 3 {
		for t := range 3 {
			from := lanes{data: w.w[w.f.w+i*w.f.wRow+t*w.f.wCol:], lane: w.lane, step: w.step}
			packPanel(taps[(3*i+t)*size:], width, from, lane, n, k0, k1-k0)
		}
	}
	winogradFilter(w.packed[lane*w.channels+k0*width:], w.uStep, taps, size, tmp, size)
	itemScratches.put(memory)
}

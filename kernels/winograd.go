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
// Where there are many tiles, the filters are transformed first, by all workers.
// Then an item is a block of tiles, or of tiles and panels of filters: it
// transforms its tiles, multiplies them position by position, and transforms the
// products back. Where there are few, the transformed filters are the larger
// operand, four times the filters themselves, and should not travel through
// memory: then the tiles are transformed first, and an item is one panel of
// filters, which it transforms a few channels at a time.
//
// Both sum in the same order. The micro-kernel is that of the direct
// convolution, with one row of taps of one tap.

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
	f            *convPhase
	down, across int  // tiles of an image
	tiles        int  // tiles of all images
	byPanels     bool // an item is a panel of filters
	block        int  // tiles of an item
	blocks       int
	panels       int       // panels of an item
	parts        int       // pieces of the channels
	spread       int       // tiles that an item transforms where they are shared
	uStep        int       // elements of a position in the transformed filters
	vRow, vStep  int       // of a tile and of a position in v
	mRow, mStep  int       // and in m
	v            []float32 // tiles that all items share
}

var winogradCalls freeList[winogradCall]

// winogradPiece is how many channels are summed in one go, and how many channels
// of filters are transformed in one go: those of one panel stay in the
// second-level cache. It is one constant for all instruction sets.
const winogradPiece = 128

// runWinograd is run by Winograd's algorithm. The call has one phase of 3x3 taps
// and strides 1.
func (c *convCall) runWinograd() {
	w := winogradCalls.get()
	*w = winogradCall{convCall: c, f: &c.phases[0]}
	w.plan()
	memory := callScratches.get()
	if w.byPanels {
		w.v = memory.floats(winogradPositions * w.vStep)
		w.spread = min(winogradGroup, ceilDiv(w.tiles, w.team))
		dispatch((*winogradSpread)(w), ceilDiv(w.tiles, w.spread), w.team)
		dispatch((*winogradPanels)(w), w.columns.panels, w.team)
	} else {
		w.packed = memory.floats(winogradPositions * w.uStep)
		dispatch((*winogradPack)(w), w.columns.panels*w.parts, w.team)
		dispatch((*winogradTiles)(w), w.blocks*w.columnGroups, w.team)
	}
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
	w.parts = ceilDiv(w.channels, winogradPiece)
	w.byPanels = w.tiles <= winogradFewTiles && w.columns.panels >= w.team
	if w.byPanels {
		w.block, w.blocks, w.panels = w.tiles, 1, 1
		w.uStep = apart(min(w.channels, winogradPiece) * w.tile.nr)
	} else {
		w.cutTiles()
		w.uStep = apart(w.columns.lanes * w.channels)
	}
	w.vRow = roundUp(w.channels, slabAlign)
	w.mRow = roundUp(min(w.columns.lanes, w.panels*w.tile.nr), slabAlign)
	w.vStep, w.mStep = apart(w.block*w.vRow), apart(w.block*w.mRow)
	reserveItems(w.itemElements())
	reserveItemInts(2 * roundUp(w.block, w.tile.mr))
}

// apart is the step between 36 streams of n elements that are written side by
// side: not a multiple of 4 KiB, whose lines share a set of the first-level cache.
func apart(n int) int {
	n = roundUp(n, slabAlign)
	return n + slabAlign*(1-n/slabAlign%2)
}

// Sizes of the memory of an item: a temporary, then m, a tile with its padding,
// the taps of some channels of a panel and, of the two, the tiles or the
// filters that are its own.
func (w *winogradCall) tapElements() int { return 9 * min(w.channels, winogradPiece) * w.tile.nr }
func (w *winogradCall) itemElements() int {
	own := w.vStep
	if w.byPanels {
		own = w.uStep
	}
	return winogradTemporary + winogradPositions*(own+w.mStep+w.vRow) + w.tapElements()
}

// winogradFewTiles is up to how many tiles an item is a panel of filters, and
// winogradFewGradTiles a rectangle of their gradient. One image of 16x16 pixels and 512 channels went
// from 0.9 to 2.5 times the speed of the direct convolution, four from 1.9 to
// 2.5 (one core, AVX-512 server with 2 MiB of second-level cache, November 2026).
// With 128 tiles, eight images of 14x14 pixels and 256 channels, both ways are even
// on one core with everything in the cache; on two, with the operands further
// away, panels are 1.3 to 1.4 times as fast, and ResNet-50 gains 3 % by it.
const (
	winogradFewTiles     = 128
	winogradFewGradTiles = 64
)

// cutTiles chooses the blocks that leave the busiest worker the least to do, none
// larger than it should be: the filters are read once per block, the tiles
// should stay in the second-level cache, and both weigh the same in a block of
// ci*co/(ci+co) tiles. Any choice gives the same bits.
func (w *winogradCall) cutTiles() {
	panels, most := w.columns.panels, min(max(w.channels*w.lanes/(w.channels+w.lanes), 32), 128)
	least, fewest := -1.0, ceilDiv(w.tiles, most)
	for blocks := fewest; blocks <= min(w.tiles, fewest+2*w.team); blocks++ {
		for groups := 1; groups <= min(panels, w.team); groups++ {
			tiles, columns := roundUp(ceilDiv(w.tiles, blocks), w.tile.mr), ceilDiv(panels, groups)
			count := ceilDiv(w.tiles, tiles) * groups
			// Of one channel: products, the filters, and the transforms.
			lanes := float64(columns * w.tile.nr)
			cost := float64(tiles)*lanes + 30*lanes + float64(tiles)*(60+40*lanes/float64(w.channels))
			cost *= float64(ceilDiv(count, w.team))
			if least < 0 || cost < least {
				least, w.block, w.columnGroups, w.panels = cost, tiles, groups, columns
			}
		}
	}
	w.blocks = ceilDiv(w.tiles, w.block)
}

// piece returns the bounds of piece i of the channels.
func (w *winogradCall) piece(i int) (k0, k1 int) {
	return i * winogradPiece, min(w.channels, (i+1)*winogradPiece)
}

// filters transforms channels [k0,k1) of the filters of a panel to u.
func (w *winogradCall) filters(u []float32, panel, k0, k1 int, taps, tmp []float32) {
	lane, n, width := w.columns.panel(panel)
	size := (k1 - k0) * width
	for i := range 3 {
		for t := range 3 {
			from := lanes{data: w.w[w.f.w+i*w.f.wRow+t*w.f.wCol:], lane: w.lane, step: w.step}
			packPanel(taps[(3*i+t)*size:], width, from, lane, n, k0, k1-k0)
		}
	}
	if w.round {
		roundBF16(taps[:9*size], taps[:9*size])
	}
	winogradFilter(u, w.uStep, taps, size, tmp, size)
}

// winogradPack transforms filters: one item is some channels of one panel.
type winogradPack winogradCall

func (j *winogradPack) run(worker, item int) {
	w := (*winogradCall)(j)
	lane, _, width := w.columns.panel(item / w.parts)
	k0, k1 := w.piece(item % w.parts)
	memory := itemScratches.take(worker)
	floats := memory.floats(winogradTemporary + w.tapElements())
	w.filters(w.packed[lane*w.channels+k0*width:], item/w.parts, k0, k1, floats[winogradTemporary:], floats[:winogradTemporary])
	itemScratches.give(worker, memory)
}

// winogradSpread transforms tiles to the memory that all items share: one item is
// a few tiles.
type winogradSpread winogradCall

func (j *winogradSpread) run(worker, item int) {
	w := (*winogradCall)(j)
	memory := itemScratches.take(worker)
	b := winogradBlock{winogradCall: w}
	floats := memory.floats(winogradTemporary + winogradPositions*w.vRow)
	b.tmp, b.padded = floats[:winogradTemporary], floats[winogradTemporary:]
	for t := item * w.spread; t < min(w.tiles, (item+1)*w.spread); t++ {
		b.transform(w.v, t)
	}
	itemScratches.give(worker, memory)
}

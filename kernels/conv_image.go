package kernels

import "lethe/kernels/internal/generic"

// Convolutions on tiles whose channels are a multiple of 32: nothing is gathered. A
// tile is 16 pixels next to each other, read where they lie in the band's copy, and a
// tap moves it:
//
//	copy of the band, bf16                    tile of tap (i,j), channels c to c+31
//	+---------------------+
//	| 0 o o o o o o o o 0 |  (i,j) = (0,1)    16 rows of 64 bytes, from one pixel to
//	| 0 . . . . . . . . 0 |                   the next strideW*channels numbers
//	| 0 . . . . . . . . 0 |
//	+---------------------+
//
// The steps are those of rows of taps that were gathered, and so are the bits.
//
// Where the rows of the output are no multiple of 16, much of such tiles would be
// cut off. There the band is copied once for each column of a patch, moved by
// that column, without padding, and by rows modulo the stride. In each of the copies
// the pixels of all rows follow each other, and a tile goes on in the next row:
//
//	x                  column 0     column 1     column 2
//	  a b c            0 a b        a b c        b c 0
//	  d e f            0 d e        d e f        e f 0

const (
	imageLanes = generic.TileLanes / 2 // pixels of a tile

	// imageSteps is how many steps one call of the micro-kernel has at most, if a group
	// of tiles has no more: of 30 to 45 nanoseconds each, or three times that in two planes
	// (Xeon of the Emerald Rapids class, BenchmarkConv2D). A stop of the world waits for a call.
	imageSteps = 1 << 10

	// imageBlock is how many tiles at a time have their sums apart, because their
	// places in the output are not side by side.
	imageBlock = 16
)

// imageProduct is a product of tiles of an image with one panel of weights: what
// stays the same from call to call, as generic.TileImage names it.
type imageProduct struct {
	planes        int
	src           []uint16
	plane, stride int
	taps          []int
	steps         int
	b             []uint16
	ldc           int
	row           []float32
	onto          int
}

// generic carries the product out without tiles.
func (p *imageProduct) generic(groups int, at []int, c []float32) {
	if p.planes == 2 {
		generic.TileImageSplit(groups, at, p.src, p.plane, p.stride, p.taps, p.steps, p.b, c, p.ldc, p.row, p.onto)
		return
	}
	generic.TileImage(groups, at, p.src, p.stride, p.taps, p.steps, p.b, c, p.ldc, p.row, p.onto)
}

// lay decides how a band is copied for tiles: gathered from, straight, or once for each
// column of a patch.
func (c *convCall) lay() {
	c.copyW, c.across = c.gridW, 0
	if c.straight = c.planes > 0 && c.channels > 0 && c.channels%generic.TileDepth == 0 && !c.gathers; !c.straight {
		return
	}
	// 15 of 16 pixels, or 29 of 32, are worth no further copies.
	if whole := roundUp(c.gridW, imageLanes); whole*8 <= c.gridW*9 {
		c.copyW = whole
	} else {
		c.across = c.spanW
	}
}

// oneBand says whether all pixels are one band, whose panels the workers share: each then
// copies it, and packs the weights of its own panels alone.
func (c *convCall) oneBand() bool {
	return c.straight && c.columns.panels >= 2*c.team && c.images*c.gridH*c.gridW <= c.bandMost()
}

// slots is how many rows each of several copies has, and slot the place of row r there.
func (c *convCall) slots() int { return roundUp(c.bandH(), c.strideH) }
func (c *convCall) slot(r int) int {
	return r%c.strideH*(c.slots()/c.strideH) + r/c.strideH
}

// imagePixels is how many pixels the tiles of a band have.
func (c *convCall) imagePixels() int {
	if c.across > 0 {
		return c.band.images * roundUp(c.band.rows*c.gridW, imageLanes)
	}
	return c.band.images * c.band.rows * c.copyW
}

// imageTable is the size of the tables of a band: the place of each pixel in the
// output, two numbers for each tile and for a group more, those of a block, and taps.
func (c *convCall) imageTable() int {
	taps := 0
	for i := range c.phases {
		taps = max(taps, c.phases[i].rows*c.phases[i].cols)
	}
	pixels := c.imagePixels()
	return pixels + 2*(pixels/imageLanes+3) + 2*(imageBlock+2) + taps
}

// convImageWork is an item whose pixels are read where they are.
type convImageWork struct {
	*convTileWork
	places []int // of each pixel in the output; -1: nowhere
	at     []int // of each tile, in the copy and in the output
	own    []int // the same of a block
	taps   []int
	tiles  int
	whole  int // tiles from the first one on whose places are side by side
}

// straightTiles computes the outputs of all phases, panels [c0,c1).
func (t *convTileWork) straightTiles(c0, c1 int) {
	w := convImageWork{convTileWork: t}
	for i := range w.phases {
		f := &w.phases[i]
		w.tabulate(f)
		if w.tiles == 0 {
			continue
		}
		if w.accumulate && w.bias != nil || f.depth(w.channels) == 0 {
			w.setUp(w.places[:w.tiles*imageLanes], c0, c1)
			if f.depth(w.channels) == 0 {
				continue
			}
		}
		for q := c0; q < c1; q++ {
			w.panel(f, q)
		}
	}
}

// tabulate fills the tables for a phase: first the tiles whose places are side by
// side, then the others.
func (w *convImageWork) tabulate(f *convPhase) {
	pixels := w.imagePixels()
	tables := w.tables
	w.places, tables = tables[:pixels], tables[pixels:]
	w.at, tables = tables[:2*(pixels/imageLanes+3)], tables[2*(pixels/imageLanes+3):]
	w.own, tables = tables[:2*(imageBlock+2)], tables[2*(imageBlock+2):]
	w.taps = tables[:f.rows*f.cols]
	for i := range f.rows {
		for j := range f.cols {
			w.taps[i*f.cols+j] = w.seen(f.top-w.top+i, f.left-w.left+j)
		}
	}
	w.tiles, w.whole = 0, 0
	rows := min(w.p1, f.outH) - w.p0
	for n := w.n0; n < w.n1 && rows > 0; n++ {
		if w.across > 0 {
			w.tilesOf(f, n, 0, rows*w.gridW)
			continue
		}
		for p := range rows {
			w.tilesOf(f, n, p*w.copyW, p*w.copyW+f.outW)
		}
	}
	if w.tiles > 0 { // the table ends with two tiles that nobody multiplies
		copy(w.at[2*w.tiles:2*w.tiles+4], w.at[:4])
	}
}

// seen is how far into the copy of an image row r and column j of what the band
// sees lie.
func (w *convImageWork) seen(r, j int) int {
	if w.across > 0 {
		return (j*w.slots() + w.slot(r)) * w.gridW * w.channels
	}
	return r*w.inRow + j*w.channels
}

// tilesOf adds the tiles of pixels [g,end) of image n, counted along rows of the
// copy's width.
func (w *convImageWork) tilesOf(f *convPhase, n, g, end int) {
	width, image := w.copyW, w.inImage
	for ; g < end; g += imageLanes {
		p, q := g/width, g%width
		from := (n - w.n0) * image
		if w.across > 0 {
			from += g * w.channels
		} else {
			from += p*w.strideH*w.inRow + q*w.strideW*w.channels
		}
		t := w.tiles
		w.tiles++
		places := w.places[t*imageLanes:][:imageLanes]
		whole := true
		for i := range places {
			places[i] = -1
			if q < f.outW && g+i < end {
				places[i] = n*w.outImage + f.at + (w.p0+p)*f.row + q*f.pixel
			}
			whole = whole && places[i] == places[0]+i*f.pixel
			if q++; q == width {
				p, q = p+1, 0
			}
		}
		if whole && places[0] >= 0 {
			w.swap(t, from)
			continue
		}
		w.at[2*t], w.at[2*t+1] = from, 0
	}
}

// swap puts the last tile, t, behind the whole ones.
func (w *convImageWork) swap(t, from int) {
	first, last := w.places[w.whole*imageLanes:][:imageLanes], w.places[t*imageLanes:][:imageLanes]
	if t != w.whole {
		for i := range first {
			first[i], last[i] = last[i], first[i]
		}
		w.at[2*t], w.at[2*t+1] = w.at[2*w.whole], w.at[2*w.whole+1]
	}
	w.at[2*w.whole], w.at[2*w.whole+1] = from, first[0]
	w.whole++
}

// panel multiplies the tiles with panel q of the weights.
func (w *convImageWork) panel(f *convPhase, q int) {
	lane, n, _ := w.columns.panel(q)
	p := imageProduct{
		planes: w.planes, src: w.copied, plane: w.copyPlane(), stride: w.pixelStride(),
		taps: w.taps, steps: w.channels / generic.TileDepth, b: w.weights(f, q), ldc: f.pixel,
	}
	switch {
	case w.accumulate:
		p.onto = 1
	case w.bias != nil:
		p.row = w.bias[lane:]
	}
	t := 0
	if n == tileLanes {
		// A group has two tiles; the last one of an odd number stands alone.
		most := max(1, imageSteps/(len(w.taps)*p.steps))
		for groups := w.whole / 2; t/2 < groups; {
			some := min(most, groups-t/2)
			tileImage(&p, some, w.at[2*t:], w.out[lane:], w.asked(some*len(w.taps)))
			t += 2 * some
		}
	}
	p.ldc = tileLanes
	for ; t < w.tiles; t += imageBlock {
		w.apart(&p, t, min(w.tiles, t+imageBlock), lane, n)
	}
}

// weights returns panel q of the weights, packed: now, into memory that the next panel will be
// packed into, if no other item needs it. Asking for the next panel's weights meanwhile
// cost 3 % (Xeon, BenchmarkConv2D, one image).
func (w *convImageWork) weights(f *convPhase, q int) []uint16 {
	if !w.packsOwn {
		return halves(w.packed[f.packed:])[q*w.panelHalves(f, f.rows):]
	}
	w.packTiles(0, f, q, w.a)
	return w.a
}

// pixelStride is how far the pixels of a tile lie apart.
func (w *convImageWork) pixelStride() int {
	if w.across > 0 {
		return w.channels
	}
	return w.strideW * w.channels
}

// apart multiplies tiles [t,end), whose sums go through the block.
func (w *convImageWork) apart(p *imageProduct, t, end, lane, n int) {
	const size = imageLanes * tileLanes
	for i := range roundUp(end-t, 2) + 2 { // the last one of an odd number twice, and a group more
		w.own[2*i], w.own[2*i+1] = w.at[2*min(end-1, t+i)], i*size
	}
	places := w.places[t*imageLanes : end*imageLanes]
	row := p.row
	if p.onto == 1 {
		w.moveRows(places, lane, n, false)
	} else if row != nil && n < tileLanes {
		row = w.edge[:]
		copy(w.edge[:n], p.row)
	}
	product := *p
	product.row = row
	most := max(1, imageSteps/(len(p.taps)*p.steps))
	groups := ceilDiv(end-t, 2)
	for g := 0; g < groups; g += most {
		tileImage(&product, min(most, groups-g), w.own[4*g:], w.block, nil)
	}
	w.moveRows(places, lane, n, true)
}

// moveRows copies n lanes of each pixel from the block to the output, or back.
func (w *convImageWork) moveRows(places []int, lane, n int, out bool) {
	for i, at := range places {
		switch {
		case at < 0:
		case out:
			copy(w.out[at+lane:][:n], w.block[i*tileLanes:])
		default:
			copy(w.block[i*tileLanes:][:n], w.out[at+lane:])
		}
	}
}

// asked returns memory that the next band will copy, for so many taps to ask for.
func (w *convImageWork) asked(taps int) []float32 {
	if len(w.ahead) == 0 {
		return nil
	}
	ahead := w.ahead
	w.ahead = w.ahead[min(len(w.ahead), taps*imageAhead):]
	return ahead
}

// imageAhead is how many elements a tap of the micro-kernel asks for: 8 lines.
const imageAhead = 8 * 64 / 4

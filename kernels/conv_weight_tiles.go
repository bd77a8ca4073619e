package kernels

import "lethe/kernels/internal/generic"

// The gradient of the filters on tiles. For each tap it is a product of filters by
// pixels with pixels by channels. The pixels of both operands are laid out on one grid, so
// that what a tap sees is one run of memory, some rows and columns further on than
// what the first tap sees:
//
//	dy, filters by pixels          x, pixels by channels
//	+------------+----+            +--------------------+
//	| row 0      | 0s |            | padding            |
//	| row 1      | 0s |            | padding, row 0, .. |   tap (i,j): from pixel
//	| ...        | 0s |            | padding, row 1, .. |   i*width+j on
//	+------------+----+            | ...                |
//
// Where a tap would see the next row it meets zeros. Tiles want pairs of pixels, so x is
// packed twice: pairs from even pixels on and, for the taps of odd j, from odd ones.
// With strides, a tap sees pixels that lie a stride apart: x is packed by phases, the
// pixels of one remainder each, and every tap has its phase. Small images stand side by
// side on a grid.
//
// A slab of the grid is packed, by all workers, and then multiplied: an item is a panel
// of 32 filters by some columns, which are 16 channels at one tap each. The sums travel
// through dw from one slab to the next, so that its bits do not depend on how the
// items are cut.
//
// Pieces of a slab that fit in the first-level cache lost what they gained, since sums
// then travel more often: 64 to 512 channels, pieces of 8 to 16 steps, 5 to 15 % (Xeon
// with AMX, November 2026).

// Measured on shapes of the U-Net, 64 to 512 channels (BenchmarkConv2D, one core of a Xeon
// with AMX and 2 MiB of second-level cache, November 2026).
const (
	tapSlab   = 2048    // pixels packed at a time, if a row has no more: 1024 were up to 20 % slower, 4608 5 to 20 %
	tapGroup  = 1 << 19 // numbers of x, packed, that an item goes over: half of it was 2 to 5 % slower
	tapStrip  = 6       // columns that one call multiplies: twos or threes
	tapSteps  = 128     // and most steps of 32 pixels: some 30 microseconds
	tapPacked = 16      // steps that an item packs
	tapLanes  = 16      // channels of a column
)

// tapCall is one Conv2DGradWeight on tiles under way.
type tapCall struct {
	ConvShape
	dw, dy, x  []float32
	accumulate bool
	planes     int

	phaseH, phaseW int // phases
	kh, kw         int // taps of a phase
	width          int // columns of an image on the grid
	versions       int // of x: pairs from even, and from odd pixels on
	panels         int // of filters
	blocks         int // of 16 channels, in pairs
	columns        int

	// The slab.
	first, images int // images, and how many
	row, rows     int // of the output
	gridW         int
	steps         int
	pairs         int // of a version of x
	a, b          []uint16
	places        []int // of the columns: in b and dw, then in b and the sums of a strip; then taps

	team  int
	items int // of a panel of filters
}

var tapCalls freeList[tapCall]

// tapsOnTiles says whether tiles compute the gradient of the filters: unless too much of
// what they multiply is zeros, beside the pixels of a row and the channels. Times the
// speed of float32, BenchmarkConv2D's shapes, one core of a Xeon with AMX, November 2026:
// BF16, 3 input channels 2.6, 3 output channels 1.8, 8 of both 0.9, 4 of both 0.5, all
// others 1.2 to 6; BF16x3, 3 channels 0.85 to 0.95, 8 of both 0.4, others 1.3 to 4;
// against Winograd's algorithm, 8x8 pixels 0.6 to 1, larger ones 1.1 to 1.5.
func (o ConvOptions) tapsOnTiles(s ConvShape) bool {
	if !o.Precision.tiled() {
		return false
	}
	c := tapCall{ConvShape: s}
	c.plan()
	used := float64(s.OutW()*s.Co*s.Ci) / float64(c.width*roundUp(s.Co, tileLanes)*roundUp(s.Ci, tapLanes))
	least := 1. / 12
	if o.Precision == BF16x3 {
		least = 1. / 2
		if o.winogradAsked(s) {
			least = 0.85
		}
	}
	return used >= least
}

func (c *tapCall) run() {
	c.plan()
	c.team = c.workers()
	images, rows := c.slab()
	c.layOut(images, rows)
	memory := callScratches.get()
	sizeA, sizeB := c.panels*c.panelOfA(), c.blocks*c.blockOfB()
	packed := halves(memory.floats((sizeA + sizeB) / 2))
	c.a, c.b = packed[:sizeA], packed[sizeA:]
	c.places = memory.ints(4*c.columns + c.taps())
	reserveItems(c.itemElements())
	for c.first = 0; c.first < c.N; c.first += images {
		for c.row = 0; c.row < c.OutH(); c.row += rows {
			c.layOut(min(images, c.N-c.first), min(rows, c.OutH()-c.row))
			c.cut()
			c.place()
			dispatch((*tapPack)(c), c.itemsOfX()+c.panels*ceilDiv(c.steps, tapPacked), c.team)
			dispatch((*tapMultiply)(c), c.panels*c.items, c.team)
		}
	}
	callScratches.put(memory)
}

// plan chooses what does not depend on the slab.
func (c *tapCall) plan() {
	c.phaseH, c.phaseW = min(c.StrideH, c.KH), min(c.StrideW, c.KW)
	c.kh, c.kw = ceilDiv(c.KH, c.StrideH), ceilDiv(c.KW, c.StrideW)
	c.width = roundUp(c.OutW()+c.kw-1, 2)
	c.versions = 2
	if c.kw == 1 && c.PadW == 0 {
		c.versions = 1 // no tap sees pairs from odd pixels on, nor begins a row with one
	}
	c.panels, c.blocks = ceilDiv(c.Co, tileLanes), 2*ceilDiv(c.Ci, 2*tapLanes)
	c.columns = ceilDiv(c.Ci, tapLanes) * c.taps()
}

// workers is how many share the call.
func (c *tapCall) workers() int {
	if 2*float64(c.N*c.OutH()*c.OutW())*float64(c.Co)*float64(c.taps()*c.Ci) < tileSerial {
		return 1
	}
	return workers()
}

// slab is how many images stand side by side in a slab, and how many rows of the output
// it has. It depends on the shape alone: steps do not go over its end.
func (c *tapCall) slab() (images, rows int) {
	whole := c.OutH() * c.width
	if whole < tapSlab {
		return ceilDiv(c.N, ceilDiv(c.N, tapSlab/whole)), c.OutH()
	}
	return 1, ceilDiv(c.OutH(), ceilDiv(whole, tapSlab))
}

// layOut lays a slab out.
func (c *tapCall) layOut(images, rows int) {
	c.images, c.rows = images, rows
	c.gridW = images * c.width
	c.steps = ceilDiv(rows*c.gridW, generic.TileDepth)
	c.pairs = c.steps*generic.TileDepth/2 + ((c.kh-1)*c.gridW+c.kw-1)/2
}

// cut chooses the items of the multiplication. Any choice gives the same bits.
func (c *tapCall) cut() {
	c.items = max(ceilDiv(c.blocks*c.blockOfB(), tapGroup), ceilDiv(4*c.team, c.panels))
	c.items = min(c.items, ceilDiv(c.columns, tapStrip))
}

// place lists where the columns are. Those that a call multiplies at the same time should
// see almost the same pixels: three neighbours of a row of taps; of split operands, which
// go by twos, a tap and the next but one.
func (c *tapCall) place() {
	sums, order := c.places[2*c.columns:], c.places[4*c.columns:][:0]
	for odd := range 2 {
		for t := range c.taps() {
			if c.planes == 1 && odd == 0 || c.planes == 2 && t%c.KW/c.StrideW%2 == odd {
				order = append(order, t)
			}
		}
	}
	for i := range c.columns {
		block, tap := i/c.taps(), order[i%c.taps()]
		if c.planes == 2 && block%2 == 1 { // there and back: each of a pair's blocks may have an odd number of them
			tap = order[c.taps()-1-i%c.taps()]
		}
		y, x := tap/c.KW, tap%c.KW
		phase := y%c.StrideH*c.phaseW + x%c.StrideW
		y, x = y/c.StrideH, x/c.StrideW
		from := block*c.blockOfB() + phase*c.phaseOfB() + (x%2*c.pairs+(y*c.gridW+x)/2)*c.pair()
		c.places[2*i], c.places[2*i+1] = from, tap*c.Ci+block*tapLanes
		sums[2*i], sums[2*i+1] = from, i%tapStrip*tileLanes*tapLanes
	}
}

// pair is the size of a pair of pixels in a block of 16 lanes, in numbers.
func (c *tapCall) pair() int { return c.planes * 2 * tapLanes }

// Sizes of a panel of filters, a block of channels, and a phase of that.
func (c *tapCall) panelOfA() int { return c.steps * generic.TileDepth * c.pair() }
func (c *tapCall) blockOfB() int { return c.phaseH * c.phaseW * c.phaseOfB() }
func (c *tapCall) phaseOfB() int { return c.versions * c.pairs * c.pair() }

// itemElements is what an item needs: a piece of dy in pairs, or the sums of a strip.
func (c *tapCall) itemElements() int {
	return max(tapPacked*generic.TileDepth*c.pair()/2, tapStrip*tileLanes*tapLanes)
}

// itemsOfX is how many items pack x: two blocks of channels each, of one phase, and some
// rows.
func (c *tapCall) itemsOfX() int { return c.blocks / 2 * c.phaseH * c.phaseW * c.piecesOfRows() }

func (c *tapCall) piecesOfRows() int {
	return ceilDiv((c.rows+c.kh-1)*c.gridW, tapPacked*generic.TileDepth)
}

// tapPack packs the slab: x, then dy.
type tapPack tapCall

func (j *tapPack) run(worker, item int) {
	c := (*tapCall)(j)
	if n := c.itemsOfX(); item >= n {
		pieces := ceilDiv(c.steps, tapPacked)
		c.packDY(worker, (item-n)/pieces, (item-n)%pieces)
		return
	}
	pieces, phases, rows := c.piecesOfRows(), c.phaseH*c.phaseW, c.rows+c.kh-1
	piece, phase, block := item%pieces, item/pieces%phases, item/pieces/phases*2
	c.packX(block, phase, rows*piece/pieces, rows*(piece+1)/pieces)
}

// tapPhase is a phase of two blocks of channels of x, packed.
type tapPhase struct {
	*tapCall
	even, odd []uint16 // pairs from even and from odd pixels on; odd is nil without
	lanes     int
}

// packX packs rows [r0,r1) of the grid of a phase, of two blocks of channels. The last rows
// are followed by zeros, as far as the last taps see.
func (c *tapCall) packX(block, phase, r0, r1 int) {
	p := tapPhase{tapCall: c, lanes: min(2*tapLanes, c.Ci-block*tapLanes)}
	p.even = c.b[block*c.blockOfB()+phase*c.phaseOfB():]
	if c.versions == 2 {
		p.odd = p.even[c.pairs*c.pair():]
	}
	i, j := phase/c.phaseW, phase%c.phaseW
	left := max(0, ceilDiv(c.PadW-j, c.StrideW)) // columns of padding
	column := left*c.StrideW + j - c.PadW        // the first of x
	n := min(ceilDiv(c.W-column, c.StrideW), c.width-left)
	for r := r0; r < r1; r++ {
		y := (c.row+r)*c.StrideH + i - c.PadH
		if y < 0 || y >= c.H || n <= 0 {
			p.clear(p.even, r*c.gridW/2, (r+1)*c.gridW/2)
			p.clear(p.odd, r*c.gridW/2, (r+1)*c.gridW/2)
			continue
		}
		for g := range c.images {
			p.row((r*c.gridW+g*c.width)/2, left, n, c.x[(((c.first+g)*c.H+y)*c.W+column)*c.Ci+block*tapLanes:])
		}
	}
	if r1 == c.rows+c.kh-1 {
		p.clear(p.even, r1*c.gridW/2, c.pairs)
		p.clear(p.odd, r1*c.gridW/2, c.pairs)
	}
}

// clear zeroes pairs [lo,hi) of both blocks.
func (p *tapPhase) clear(pairs []uint16, lo, hi int) {
	if pairs == nil || lo >= hi {
		return
	}
	clear(pairs[lo*p.pair() : hi*p.pair()])
	clear(pairs[p.blockOfB()+lo*p.pair():][:(hi-lo)*p.pair()])
}

// row packs a row of an image, n pixels behind left columns of padding, to the pairs from
// at on. Its own pairs are the even ones or the odd ones; those between have one pixel
// more on the left.
func (p *tapPhase) row(at, left, n int, from []float32) {
	own, between, lead := p.even, p.odd, 0
	ownAt, betweenAt := at+left/2, at+left/2-1
	switch {
	case left%2 == 1:
		own, between, betweenAt = p.odd, p.even, ownAt
	case left == 0:
		lead, betweenAt = 1, at // the first one lies in another row
	}
	end := at + p.width/2
	p.clear(own, at, ownAt)
	p.clear(between, at, betweenAt)
	var other []uint16
	if between != nil {
		other = between[betweenAt*p.pair():]
	}
	pairPixels(own[ownAt*p.pair():], other, p.planes, p.blockOfB(), from, p.StrideW*p.Ci, n, p.lanes, lead)
	p.clear(own, ownAt+ceilDiv(n, 2), end)
	p.clear(between, betweenAt+n/2+1-lead, end)
}

// packDY packs a piece of a panel of filters: pairs first, which are then transposed.
func (c *tapCall) packDY(worker, panel, piece int) {
	s0, s1 := piece*tapPacked, min(c.steps, (piece+1)*tapPacked)
	lanes := min(tileLanes, c.Co-panel*tileLanes)
	half := tapPacked * generic.TileDepth / 2 * c.pair()
	memory := itemScratches.take(worker)
	pairs := halves(memory.floats(c.itemElements()))
	first, end := s0*generic.TileDepth, s1*generic.TileDepth
	for p := first; p < end; {
		r, g, q := p/c.gridW, p%c.gridW/c.width, p%c.width
		n := min(c.width-q, end-p) // to the end of the row
		seen := min(n, c.OutW()-q)
		if r >= c.rows {
			n, seen = end-p, 0
		}
		to := pairs[(p-first)/2*c.pair():]
		if seen > 0 {
			from := c.dy[(((c.first+g)*c.OutH()+c.row+r)*c.OutW()+q)*c.Co+panel*tileLanes:]
			pairPixels(to, nil, c.planes, half, from, c.Co, seen, lanes, 0)
		}
		rest := ceilDiv(max(0, seen), 2) * c.pair()
		clear(to[rest : n/2*c.pair()])
		clear(to[half+rest : half+n/2*c.pair()])
		p += n
	}
	const tile = generic.TileDepth * tapLanes
	a := c.a[panel*c.panelOfA()+first*c.pair():]
	transposePairs(a, 2*tile, pairs, c.planes, s1-s0)
	transposePairs(a[tile:], 2*tile, pairs[half:], c.planes, s1-s0)
	itemScratches.give(worker, memory)
}

// tapMultiply adds the slab to the gradient.
type tapMultiply tapCall

func (j *tapMultiply) run(worker, item int) {
	c := (*tapCall)(j)
	panel, part := item%c.panels, item/c.panels
	strips := ceilDiv(c.columns, tapStrip)
	for s := strips * part / c.items; s < strips*(part+1)/c.items; s++ {
		c.multiply(worker, panel, s*tapStrip, min(c.columns, (s+1)*tapStrip))
	}
}

// multiply adds the products of a panel of filters and columns [c0,c1). Where not all of
// them are whole, the sums are those of the strip, and what there is of them is copied.
func (c *tapCall) multiply(worker, panel, c0, c1 int) {
	ldc, places := c.taps()*c.Ci, c.places[2*c0:]
	dw := c.dw[panel*tileLanes*ldc:]
	add := c.accumulate || c.first > 0 || c.row > 0
	if (panel+1)*tileLanes <= c.Co && ceilDiv(c1, c.taps())*tapLanes <= c.Ci {
		c.products(panel, c1-c0, places, dw, ldc, add)
		return
	}
	memory := itemScratches.take(worker)
	sums := memory.floats(c.itemElements())
	rows := min(tileLanes, c.Co-panel*tileLanes)
	if add {
		for i := c0; i < c1; i++ {
			copyRows(sums[(i-c0)*tileLanes*tapLanes:], tapLanes, dw[c.places[2*i+1]:], ldc, rows, c.lanes(i))
		}
	}
	c.products(panel, c1-c0, c.places[2*(c.columns+c0):], sums, tapLanes, add)
	for i := c0; i < c1; i++ {
		copyRows(dw[c.places[2*i+1]:], ldc, sums[(i-c0)*tileLanes*tapLanes:], tapLanes, rows, c.lanes(i))
	}
	itemScratches.give(worker, memory)
}

// lanes is how many channels there are of a column.
func (c *tapCall) lanes(column int) int { return min(tapLanes, c.Ci-column/c.taps()*tapLanes) }

// products goes through the slab.
func (c *tapCall) products(panel, columns int, places []int, out []float32, ldc int, add bool) {
	first := 0
	if add {
		first = 1
	}
	for s := 0; s < c.steps; s += tapSteps {
		at := s * generic.TileDepth / 2 * c.pair()
		tapProducts(c.planes, columns, min(tapSteps, c.steps-s), c.a[panel*c.panelOfA()+2*at:], c.b[at:], places, out, ldc, first)
		first = 1
	}
}

package kernels

// The gradient of the weights is a product whose rows are filters, whose columns
// are the elements of a filter and whose reduction runs over the pixels of the
// output. It goes chunk by chunk of pixels, so that what it reads stays in the
// second-level cache while all tiles of an item go over it. dy is read where it
// lies; x is copied, with its padding, in blocks of 16 channels:
//
//	dy, in memory                     x, copied
//	[pixel][filter]                   [block][row][column][channel]
//
// A tile has mr filters and up to three units of 16 columns. The units of one
// block that belong to neighbouring taps of a row see the same memory, one
// column further on, so most of what a tile reads of x it has just read.
// Where there are few channels, blocks would be mostly empty: then x keeps its
// layout, and units are 16 adjacent elements of a row of taps. The last filters,
// where they do not fill a tile, are copied to a panel of their own, since a tile reads
// all its rows.
//
// Copying dy too cost 2 % on an AVX-512 server with 1 MiB of second-level cache
// (3x3, 64 to 512 channels, November 2026).

// chunkPixels is how many pixels are summed in one go, if a row has no more.
// It is one constant for all instruction sets: the chunks decide the rounding.
const chunkPixels = 512

// Largest groups of filters and of columns that an item has.
const (
	gradFilters = 64
	gradBlocks  = 8
)

// convGradCall is one Conv2DGradWeight under way.
type convGradCall struct {
	ConvShape
	dw, dy, x  []float32
	accumulate bool
	round      bool // to bf16, in the copies
	pairs      bool // and those are of pairs of pixels (conv_pairs.go)

	steps      int  // of a row of the output: pixels, or pairs of them
	mr         int  // filters of a tile
	unit       int  // columns of a unit
	perTile    int  // units of a tile
	blocked    bool // x is copied in blocks of channels
	blocks     int  // blocks, or 1
	width      int  // columns of x that one row of the output sees
	chunkRows  int  // rows of the output in a chunk
	chunkSeen  int  // rows of x that a chunk sees at most
	groups     [3]int
	panels     int
	pixelWidth int // elements of a pixel in the copy
}

var convGradCalls freeList[convGradCall]

// Directions in which the gradient is cut into items.
const (
	byFilters = iota
	byBlocks
	byRows // rows of taps
)

func (c *convGradCall) run() {
	c.plan()
	team := workers()
	if 2*float64(c.N*c.OutH()*c.OutW())*float64(c.Co)*float64(c.taps()*c.Ci) < serialFlops {
		team = 1
	}
	c.cut(team)
	reserveItems(c.elements())
	reserveItemInts(c.tableLength())
	dispatch((*convGradJob)(c), c.groups[byFilters]*c.groups[byBlocks]*c.groups[byRows], team)
}

// plan chooses the layout of the copies.
func (c *convGradCall) plan() {
	c.unit, c.perTile, c.mr, c.steps = convUnit, convUnits(), gemmTileShape().mr, c.OutW()
	if c.pairs {
		c.perTile, c.mr, c.steps = dotUnits(), pairTileShape().mr, ceilDiv(c.OutW(), 2)
	}
	c.panels = ceilDiv(c.Co, c.mr)
	c.blocks, c.pixelWidth = ceilDiv(c.Ci, c.unit), c.unit
	c.blocked = c.KW*c.blocks <= ceilDiv(c.KW*c.Ci, c.unit)
	if !c.blocked {
		c.blocks, c.pixelWidth = 1, c.Ci
	}
	c.width = (c.OutW()-1)*c.StrideW + c.KW
	c.chunkRows = min(max(1, chunkPixels/c.OutW()), c.N*c.OutH())
	// The part of an image that has r rows of the chunk sees (r-1)*StrideH+KH
	// rows, if it has so many.
	images := min(c.N, (c.chunkRows+c.OutH()-2)/c.OutH()+1)
	c.chunkSeen = min(images*c.H, c.chunkRows*c.StrideH+max(images*(c.KH-c.StrideH), c.KH-c.StrideH))
}

// cut chooses the items: those that leave the busiest worker the least to do.
// Any choice gives the same bits.
func (c *convGradCall) cut(team int) {
	least := -1.0
	c.groups = [3]int{}
	for filters := ceilDiv(c.panels*c.mr, gradFilters); ; filters = min(2*filters, c.panels) {
		for blocks := ceilDiv(c.blocks, gradBlocks); ; blocks = min(2*blocks, c.blocks) {
			for rows := 1; rows <= c.KH; rows += max(1, c.KH-1) {
				f, b, r := ceilDiv(c.panels, filters), ceilDiv(c.blocks, blocks), ceilDiv(c.KH, rows)
				// Of one pixel: what is multiplied, and what is copied for it.
				multiply := float64(f*c.mr*b*c.pixelWidth*r*c.KW) / 256
				cost := (multiply + float64(f*c.mr+b*c.pixelWidth)/8) * float64(ceilDiv(filters*blocks*rows, team))
				if least < 0 || cost < least {
					least, c.groups = cost, [3]int{filters, blocks, rows}
				}
			}
			if blocks >= min(c.blocks, 2*team*ceilDiv(c.blocks, gradBlocks)) {
				break
			}
		}
		if filters >= min(c.panels, 2*team*ceilDiv(c.panels*c.mr, gradFilters)) {
			break
		}
	}
}

// part is the largest number of things that one of the groups has.
func (c *convGradCall) part(things, direction int) int { return ceilDiv(things, c.groups[direction]) }

// Sizes of the memory of an item.
func (c *convGradCall) elements() int {
	return c.gradientElements() + c.inputElements() + c.paddedElements()
}
func (c *convGradCall) gradientElements() int {
	if c.Co%c.mr == 0 {
		return 0
	}
	return c.chunkRows * c.steps * c.mr
}
func (c *convGradCall) inputElements() int {
	return c.part(c.blocks, byBlocks)*c.blockElements() + c.perTile*c.unit // units read past the last pixel
}
func (c *convGradCall) blockElements() int { return c.chunkSeen * c.width * c.pixelWidth }
func (c *convGradCall) unitCount() int {
	if c.blocked {
		return c.part(c.blocks, byBlocks) * c.KW
	}
	return ceilDiv(c.KW*c.Ci, c.unit)
}
func (c *convGradCall) tableLength() int {
	return 2*c.unitCount() + 2*c.chunkRows*c.part(c.KH, byRows) + c.part(c.KH, byRows)
}

// convGradWork is one item.
type convGradWork struct {
	*convGradCall
	f0, f1, b0, b1, r0, r1 int // panels of filters, blocks, rows of taps
	first, last            int // rows of the output, over all images
	cutPanel, input        []float32
	padded                 []float32 // a row of x, for pairs
	bAt, cAt               []int     // places of the units in input and in a row of dw
	full                   int       // units that are not cut
	table                  []int     // for each row of taps, pairs of a pixel of dy and a place in input
	count                  []int     // and how many of them
}

// convGradJob computes the gradient: one item is some filters, blocks and rows
// of taps.
type convGradJob convGradCall

func (j *convGradJob) run(worker, item int) {
	c := (*convGradCall)(j)
	w := convGradWork{convGradCall: c}
	f, b, r := item%c.groups[byFilters], item/c.groups[byFilters]%c.groups[byBlocks], item/c.groups[byFilters]/c.groups[byBlocks]
	w.f0, w.f1 = c.panels*f/c.groups[byFilters], c.panels*(f+1)/c.groups[byFilters]
	w.b0, w.b1 = c.blocks*b/c.groups[byBlocks], c.blocks*(b+1)/c.groups[byBlocks]
	w.r0, w.r1 = c.KH*r/c.groups[byRows], c.KH*(r+1)/c.groups[byRows]
	if w.f0 == w.f1 || w.b0 == w.b1 || w.r0 == w.r1 {
		return
	}
	memory := itemScratches.take(worker)
	floats, ints := memory.floats(c.elements()), memory.ints(c.tableLength())
	rest := floats[c.gradientElements():]
	w.cutPanel, w.input, w.padded = floats[:c.gradientElements()], rest[:c.inputElements()], rest[c.inputElements():]
	units := c.unitCount()
	w.bAt, w.cAt, w.table = ints[:0:units], ints[units:units:2*units], ints[2*units:]
	w.count = w.table[2*c.chunkRows*(w.r1-w.r0):][:w.r1-w.r0]
	w.placeUnits()
	rows := c.N * c.OutH()
	for w.first = 0; w.first < rows; w.first = w.last {
		w.last = min(rows, w.first+c.chunkRows)
		w.copyGradient()
		w.copyInput()
		w.multiply()
	}
	itemScratches.give(worker, memory)
}

// placeUnits lists the units: whole ones first.
func (w *convGradWork) placeUnits() {
	if !w.blocked {
		for at := 0; at < w.KW*w.Ci; at += w.unit {
			w.bAt, w.cAt = append(w.bAt, at), append(w.cAt, at)
		}
		w.full = w.KW * w.Ci / w.unit
		return
	}
	for b := w.b0; b < w.b1; b++ {
		for t := range w.KW {
			w.bAt = append(w.bAt, (b-w.b0)*w.blockElements()+t*w.unit)
			w.cAt = append(w.cAt, t*w.Ci+b*w.unit)
		}
	}
	w.full = (min(w.b1, w.Ci/w.unit) - w.b0) * w.KW
}

// copyGradient packs the chunk's pixels of the filters that do not fill a tile.
func (w *convGradWork) copyGradient() {
	if rest := w.Co % w.mr; rest != 0 && w.f1 == w.panels {
		if w.pairs {
			w.cutPairs(rest)
			return
		}
		from := lanes{data: w.dy[w.first*w.steps*w.Co:], lane: 1, step: w.Co}
		packPanel(w.cutPanel, w.mr, from, w.Co-rest, rest, 0, (w.last-w.first)*w.steps)
	}
}

// gradient returns panel f of the chunk's dy, and the step of its pixels.
func (w *convGradWork) gradient(f int) ([]float32, int) {
	if (f+1)*w.mr > w.Co {
		return w.cutPanel, w.mr
	}
	return w.dy[w.first*w.steps*w.Co+f*w.mr:], w.Co
}

// copyInput copies the rows of x that the chunk sees, image by image, and
// fills the table: which row of the output meets which row of the copy, for
// each row of taps. Rows that meet only padding are left out.
func (w *convGradWork) copyInput() {
	clear(w.count)
	next := 0 // row of the copy
	for g := w.first; g < w.last; {
		n := g / w.OutH()
		p0, p1 := g-n*w.OutH(), min(w.OutH(), w.last-n*w.OutH())
		y0 := max(0, p0*w.StrideH-w.PadH+w.r0)
		y1 := min(w.H, (p1-1)*w.StrideH-w.PadH+w.r1)
		for i := range w.count {
			table := w.table[2*w.chunkRows*i:]
			for p := p0; p < p1; p++ {
				y := p*w.StrideH - w.PadH + w.r0 + i
				if y < 0 || y >= w.H {
					continue
				}
				at := 2 * w.count[i]
				table[at] = (g - w.first + p - p0) * w.steps
				table[at+1] = (next + y - y0) * w.width * w.pixelWidth
				w.count[i]++
			}
		}
		for y := y0; y < y1; y++ {
			w.copyRow(next, w.x[(n*w.H+y)*w.W*w.Ci:])
			next++
		}
		g += p1 - p0
	}
}

// copyRow copies one row of x, with its padding, to a row of the copy.
func (w *convGradWork) copyRow(row int, from []float32) {
	if w.pairs {
		w.pairRow(row, from)
		return
	}
	before := min(w.PadW, w.width)
	n := min(w.W, w.width-before)
	size := w.pixelWidth
	for b := w.b0; b < w.b1; b++ {
		to := w.input[(b-w.b0)*w.blockElements()+row*w.width*size:][:w.width*size]
		clear(to[:before*size])
		clear(to[(before+n)*size:])
		switch {
		case n == 0:
		case w.blocked:
			packCopy16(to[before*size:], from[b*size:], w.Ci, min(size, w.Ci-b*size), n)
		default:
			copy(to[before*size:], from[:n*size])
		}
		if w.round {
			roundBF16(to, to)
		}
	}
}

// multiply adds the chunk to the gradient. The units of a tile stay in the
// first-level cache while all filters go over them.
func (w *convGradWork) multiply() {
	add := 1
	if w.first == 0 && !w.accumulate {
		add = 0
	}
	for i, rows := range w.count {
		if rows == 0 && add == 1 {
			continue
		}
		c := w.dw[(w.r0+i)*w.KW*w.Ci:]
		w.tiles(c, w.table[2*w.chunkRows*i:][:2*rows], 0, w.full, w.unit, add)
		rest := w.Ci % w.unit
		if !w.blocked {
			rest = w.KW * w.Ci % w.unit
		}
		w.tiles(c, w.table[2*w.chunkRows*i:][:2*rows], w.full, len(w.bAt), rest, add)
	}
}

// tiles computes the units [u0,u1), which have n columns each, of all filters.
func (w *convGradWork) tiles(c []float32, table []int, u0, u1, n, add int) {
	count := ceilDiv(u1-u0, w.perTile)
	for t := range count {
		a, b := u0+(u1-u0)*t/count, u0+(u1-u0)*(t+1)/count
		for f := w.f0; f < w.f1; f++ {
			dy, step := w.gradient(f)
			c, ldc, m, bStep := c[f*w.mr*w.taps()*w.Ci:], w.taps()*w.Ci, min(w.mr, w.Co-f*w.mr), w.StrideW*w.pixelWidth
			if w.pairs {
				convGradDots(len(table)/2, w.steps, table, dy, step, w.input, 2*bStep, w.bAt[a:b], c, ldc, w.cAt[a:b], m, n, add)
			} else {
				convGradTile(len(table)/2, w.steps, table, dy, step, w.input, bStep, w.bAt[a:b], c, ldc, w.cAt[a:b], m, n, add)
			}
		}
	}
}

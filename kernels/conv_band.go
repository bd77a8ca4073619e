package kernels

import "math"

// convBands says how the outputs of a convCall are cut into bands: rows of one
// image, or whole images.
type convBands struct {
	count  int
	images int // images of a band; 1 where an image has several bands
	rows   int // rows of a band
	each   int // bands of an image; 1 where a band has several images
}

// cutBands chooses the bands that leave the busiest worker the least to do. Any
// choice gives the same bits.
func (c *convCall) cutBands(workers int) convBands {
	pixels, most := c.gridH*c.gridW, c.bandMost()
	best, least := convBands{}, -1.0
	try := func(b convBands) {
		b.count = ceilDiv(c.images, b.images) * b.each
		halo := 0
		if !c.direct {
			halo = b.images * max(0, c.spanH-c.strideH) * c.gridW
		}
		// In units of the work of one pixel: what a band copies, and what it waits for.
		cost := float64(b.images*b.rows*c.gridW) + 0.1*float64(halo) + 16
		cost *= float64(ceilDiv(b.count, workers))
		if least < 0 || cost < least {
			best, least = b, cost
		}
	}
	for images := 1; images <= c.images && images*pixels <= most; images++ {
		try(convBands{images: images, rows: c.gridH, each: 1})
	}
	fewest := max(1, ceilDiv(pixels, most))
	for cut := fewest; cut <= min(c.gridH, fewest+2*workers); cut++ {
		rows := ceilDiv(c.gridH, cut)
		try(convBands{images: 1, rows: rows, each: ceilDiv(c.gridH, rows)})
	}
	if least < 0 { // rows longer than a band
		try(convBands{images: 1, rows: 1, each: c.gridH})
	}
	return best
}

// bandH and bandW are the size of the part of in that one image of a band sees.
func (c *convCall) bandH() int { return (c.band.rows-1)*c.strideH + c.spanH }
func (c *convCall) bandW() int { return (c.copyW-1)*c.strideW + c.spanW }

// bandElements is the size of the copy of a band, but for tiles.
func (c *convCall) bandElements() int {
	if c.direct || c.planes > 0 {
		return 0
	}
	return c.band.images * c.bandH() * c.bandW() * c.words(c.channels)
}

// tableLength is the size of the tables of a band: for each pixel its places in
// the copy and in the output, rounded up to whole tiles, and for each tile the
// rows of taps that it needs.
func (c *convCall) tableLength() int {
	if c.straight {
		return c.imageTable()
	}
	pixels := roundUp(c.band.images*c.band.rows*c.gridW, c.tile.mr)
	return 2*pixels + 2*pixels/c.tile.mr
}

// convWork is one item: the pixels of a band and some of the panels.
type convWork struct {
	*convCall
	n0, n1, p0, p1 int       // images and rows of outputs
	in             []float32 // what the band sees: the copy, or in
	inImage        int       // elements of an image there
	inRow          int       // elements of a row there
	tables         []int     // memory for tables, and
	aAt, cAt, taps []int     // those of pixels in any place
	pixels         int       // entries of aAt and cAt that are not padding
	ahead          []float32 // what the next band will copy, as far as it was not asked for
	lines          int       // how many cache lines of it one tile asks for
}

// convMultiply computes the outputs: one item is one band and one group of
// panels.
type convMultiply convCall

func (j *convMultiply) run(worker, item int) {
	c := (*convCall)(j)
	memory := itemScratches.take(worker)
	w := convWork{convCall: c}
	band, group, panels := item/c.columnGroups, item%c.columnGroups, c.columns.panels
	c0, c1 := panels*group/c.columnGroups, panels*(group+1)/c.columnGroups
	w.take(band, memory)
	if c.planes > 0 {
		w.lookAhead(band+1, c1-c0)
		w.onTiles(memory.floats(c.tileElements()), c0, c1)
		w.finish(c0, c1)
	} else {
		w.lookAhead(band+c.team, c1-c0)
		for i := range c.phases {
			w.tabulate(&c.phases[i])
			if w.pixels > 0 {
				w.multiply(&c.phases[i], c0, c1)
			}
		}
	}
	itemScratches.give(worker, memory)
}

// take sets up band number i, and copies what it sees if it must.
func (w *convWork) take(i int, memory *scratch) {
	b := &w.band
	w.n0, w.p0 = i/b.each*b.images, i%b.each*b.rows
	w.n1, w.p1 = min(w.images, w.n0+b.images), min(w.gridH, w.p0+b.rows)
	w.tables = memory.ints(w.tableLength())
	if !w.straight {
		pixels := roundUp(b.images*b.rows*w.gridW, w.tile.mr)
		w.aAt, w.cAt, w.taps = w.tables[:pixels], w.tables[pixels:2*pixels], w.tables[2*pixels:]
	}
	if w.direct {
		w.inRow, w.inImage = w.inW*w.channels, w.inH*w.inW*w.channels
		w.in = w.convCall.in[(w.n0*w.inH+w.p0*w.strideH+w.top)*w.inRow+w.left*w.channels:]
		return
	}
	w.inRow = w.bandW() * w.channels
	w.inImage = w.bandH() * w.inRow
	if w.planes > 0 {
		return // onTiles copies
	}
	w.in = memory.floats(w.bandElements())
	if w.pairs { // of channels, whose number is even
		w.inRow, w.inImage = w.inRow/2, w.inImage/2
	}
	for n := w.n0; n < w.n1; n++ {
		w.copyRows(w.in[(n-w.n0)*w.inImage:], w.convCall.in[n*w.inH*w.inW*w.channels:])
	}
}

// lookAhead prepares to ask for the memory of a later band while this one is
// multiplied, so that its copy does not wait for memory.
func (w *convWork) lookAhead(i, panels int) {
	b := &w.band
	if i >= b.count {
		return
	}
	row := w.inW * w.channels
	image, first := i/b.each*b.images, i%b.each*b.rows
	lo := image*w.inH + min(w.inH, max(0, first*w.strideH+w.top+max(0, w.spanH-w.strideH)))
	hi := min(w.images, image+b.images) * w.inH
	if b.each > 1 {
		hi = image*w.inH + min(w.inH, max(0, (first+b.rows-1)*w.strideH+w.top+w.spanH))
	}
	if hi <= lo {
		return
	}
	w.ahead = w.convCall.in[lo*row : hi*row]
	tiles := 0
	for i := range w.phases {
		f := &w.phases[i]
		tiles += f.slices(w.channels) * panels * (w.n1 - w.n0) * (w.p1 - w.p0) * f.outW / w.tile.mr
	}
	w.lines = ceilDiv(len(w.ahead)/slabAlign, max(1, tiles))
}

// ask asks for the next part of the memory ahead.
func (w *convWork) ask() {
	n := min(w.lines*slabAlign, len(w.ahead))
	if n > 0 {
		prefetch(w.ahead, 0, 1, ceilDiv(n, slabAlign))
		w.ahead = w.ahead[n:]
	}
}

// copyRows copies what the band sees of one image, with zeros around it.
func (w *convWork) copyRows(to, image []float32) {
	before, first, n := w.rowEnds()
	for r := range w.bandRows() {
		row := to[r*w.inRow : (r+1)*w.inRow]
		y := w.p0*w.strideH + w.top + r
		if y < 0 || y >= w.inH {
			clear(row)
			continue
		}
		clear(row[:min(before, len(row))])
		if n > 0 {
			w.copyRun(row[before:before+n], image[y*w.inW*w.channels+first:])
			clear(row[before+n:])
		}
	}
}

// bandRows is how many rows of an image this band sees, padding included.
func (w *convWork) bandRows() int { return (w.p1-w.p0-1)*w.strideH + w.spanH }

// rowEnds says what a row of the copy is: before zeros, then n words from element
// first of a row of the image on, then zeros.
func (w *convWork) rowEnds() (before, first, n int) {
	before = w.words(max(0, -w.left) * w.channels)
	first = max(0, w.left) * w.channels
	return before, first, max(0, min(w.words(w.inW*w.channels-first), w.inRow-before))
}

// copyRun fills part of a row of the copy.
func (w *convWork) copyRun(to, from []float32) {
	switch {
	case w.pairs:
		pairRun(words(to), from[:2*len(to)])
	case w.round:
		roundBF16(to, from[:len(to)])
	default:
		copy(to, from)
	}
}

// tabulate fills the tables for a phase.
func (w *convWork) tabulate(f *convPhase) {
	channels := w.words(w.channels)
	offset := (f.top-w.top)*w.inRow + (f.left-w.left)*channels
	p1 := min(w.p1, f.outH)
	i := 0
	for n := w.n0; n < w.n1; n++ {
		for p := w.p0; p < p1; p++ {
			a := (n-w.n0)*w.inImage + (p-w.p0)*w.strideH*w.inRow + offset
			to := n*w.outImage + f.at + p*f.row
			for range f.outW {
				w.aAt[i], w.cAt[i] = a, to
				a += w.strideW * channels
				to += f.pixel
				i++
			}
		}
	}
	w.pixels = i
	if i == 0 {
		return
	}
	for ; i%w.tile.mr != 0; i++ { // a tile reads all its rows
		w.aAt[i], w.cAt[i] = w.aAt[i-1], w.cAt[i-1]
	}
	rows := p1 - w.p0
	for t := 0; t < w.pixels; t += w.tile.mr {
		first, last := t/f.outW, min(t+w.tile.mr, w.pixels)-1
		last /= f.outW
		lo, hi := 0, f.rows
		if first/rows == last/rows { // one image: rows of taps that meet only padding give nothing
			lo = max(0, -((w.p0+last%rows)*w.strideH + f.top))
			hi = min(hi, w.inH-((w.p0+first%rows)*w.strideH+f.top))
		}
		tile := w.taps[t/w.tile.mr*2:]
		tile[0], tile[1] = lo, hi
	}
}

// multiply computes the outputs of a phase, panels [c0,c1).
func (w *convWork) multiply(f *convPhase, c0, c1 int) {
	slices := f.slices(w.channels)
	for i := range slices {
		s, e := f.slice(i, w.channels), w.ends(i == 0, i == slices-1)
		for q := c0; q < c1; q++ {
			w.panel(f, s, q, e)
		}
	}
}

// pieceEnds is what a piece of the reduction adds to its sums, and makes of them.
type pieceEnds struct {
	base  []float32 // laid out as out, or
	row   []float32 // the same for every pixel; neither: nothing
	more  []float32 // a row that is added to either; nil: none, and no floor
	floor float32
}

// noRow is a row of zeros, for the widest panel.
var noRow [48]float32

// ends says what the first and the last piece add.
func (w *convWork) ends(first, last bool) pieceEnds {
	e := pieceEnds{base: w.out, floor: float32(math.Inf(-1))}
	if first {
		e.base, e.row = w.base, w.bias
		if e.base != nil {
			e.row, e.more = nil, w.bias
		}
	}
	if last && w.relu {
		e.floor = 0
		if e.base == nil && e.row == nil {
			e.row = noRow[:]
		}
		if e.more == nil {
			e.more = noRow[:]
		}
	}
	return e
}

// ofPanel returns the part of a row that belongs to a panel.
func ofPanel(row []float32, lane int) []float32 {
	if row == nil || &row[0] == &noRow[0] {
		return row
	}
	return row[lane:]
}

// noPlaces is the table of places of an operand that repeats one row.
var noPlaces [8]int

// panel multiplies the band with one panel of weights over one piece.
func (w *convWork) panel(f *convPhase, s convSlice, q int, e pieceEnds) {
	lane, n, width := w.columns.panel(q)
	segment := w.words(f.cols * w.channels)
	b := w.packed[f.packed+lane*f.rows*segment:]
	out := w.out[lane:]
	d, more := ofPanel(e.row, lane), ofPanel(e.more, lane)
	if e.base != nil {
		d = e.base[lane:]
	}
	mr, k0, k := w.tile.mr, w.words(s.k0), w.words(s.k1-s.k0)
	for t := 0; t < w.pixels; t += mr {
		taps := w.taps[t/mr*2:]
		lo := max(s.s0, taps[0])
		segments := max(0, min(s.s1, taps[1])-lo)
		aAt, cAt, dAt := w.aAt[t:t+mr], w.cAt[t:t+mr], noPlaces[:]
		if e.base != nil {
			dAt = cAt
		}
		if segments == 0 {
			lo = s.s0 // nothing is read there
		}
		w.ask()
		a, b, m := w.in[lo*w.inRow+k0:], b[(lo*segment+k0)*width:], min(mr, w.pixels-t)
		if w.pairs {
			convDots(width, a, aAt, segments, k, w.inRow-k, b, out, cAt, d, dAt, m, n, more, e.floor)
		} else {
			convTile(width, a, aAt, segments, k, w.inRow-k, b, out, cAt, d, dAt, m, n, more, e.floor)
		}
	}
}

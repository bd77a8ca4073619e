package kernels

import "lethe/kernels/internal/generic"

// Conv2D and Conv2DGradInput on tiles. The frame is that of conv_core.go: weights
// are packed first, an item is a band of pixels, and a band copies what it sees,
// with its padding, rounded to bf16. Where the channels are a multiple of 32, tiles are
// read from there (conv_image.go). Else for 32 pixels at
// a time the rows of taps that they see are gathered to the rows of a panel,
// which every panel of weights is multiplied with:
//
//	copy of the band, bf16            panel of 32 pixels: steps of 32 numbers
//	+-----------------+
//	|  [taps of row 0]|   -- 64 B -->  row 0 | row 1 | row 2, each filled up
//	|  [taps of row 1]|                to whole steps
//	|  [taps of row 2]|
//	+-----------------+
//
// A row of taps of a pixel is adjacent in a channels-last image, so nothing is
// computed on the way, and strides and kernels of all sizes are the same.

const (
	convTileDepth = 1024    // elements of the reduction gathered at a time, if a row of taps has no more
	convTileBlock = 1 << 18 // bf16 numbers gathered at a time, in all panels: half a MiB
)

// planes is how many planes of bf16 the tiles take for an operand, 0 where p is
// not computed on tiles.
func (p Precision) planes() int {
	switch {
	case !p.tiled():
		return 0
	case p == BF16x3:
		return 2
	}
	return 1
}

// convTileShape is the geometry of panels for tiles.
var convTileShape = gemmShape{mr: tileLanes, nr: tileLanes, step: tileLanes}

// segmentSteps is how many steps a row of taps has.
func (c *convCall) segmentSteps(f *convPhase) int {
	return ceilDiv(f.cols*c.channels, generic.TileDepth)
}

// panelHalves is the size of a panel of rows rows of taps.
func (c *convCall) panelHalves(f *convPhase, rows int) int {
	return rows * c.segmentSteps(f) * c.planes * tileLanes * generic.TileDepth
}

// packedElements is the size of the weights of a phase, packed.
func (c *convCall) packedElements(f *convPhase) int {
	if c.planes == 0 {
		return c.columns.lanes * c.words(f.depth(c.channels))
	}
	return c.columns.panels * c.panelHalves(f, f.rows) / 2
}

// gathered is how many rows of taps are gathered at a time, and panels how many
// groups of 32 pixels.
func (c *convCall) gathered(f *convPhase) (rows, panels int) {
	rows = min(f.rows, max(1, convTileDepth/generic.TileDepth/c.segmentSteps(f)))
	return rows, max(1, convTileBlock/c.panelHalves(f, rows))
}

// tileElements is what an item on tiles needs: the copy of its band in bf16, a row of that,
// blocks of the output, panels; or, while weights are packed, a row of taps of a panel.
func (c *convCall) tileElements() int {
	if c.planes == 0 {
		return 0
	}
	panels, segment := 0, 0
	for i := range c.phases {
		f := &c.phases[i]
		if f.depth(c.channels) == 0 {
			continue
		}
		if rows, count := c.gathered(f); !c.straight {
			panels = max(panels, count*c.panelHalves(f, rows)/2)
		} else if c.packsOwn {
			panels = max(panels, c.panelHalves(f, f.rows)/2)
		}
		segment = max(segment, f.cols*c.channels*tileLanes)
	}
	return max(c.copyHalves()/2+c.blockElements()+panels, segment)
}

// blockElements is the size of the blocks of the output that are not computed in place.
func (c *convCall) blockElements() int {
	if c.straight {
		return imageBlock * imageLanes * tileLanes
	}
	return tileBlock
}

// bandMost is how many pixels a band has at most: bandPixels, or what several copies of
// it have room for in half of the second-level cache. 8x8 pixels of 512 channels: 1.08 times
// as fast, in BF16 and BF16x3 (Xeon, BenchmarkConv2D, net=deep).
func (c *convCall) bandMost() int {
	const most = 1 << 19 // bf16 numbers
	if c.across == 0 {
		return bandPixels
	}
	return min(bandPixels, max(1, most/(c.planes*c.across*c.strideH*c.channels)))
}

// copyHalves is the size of the copy of a band in bf16, all planes, and of a row of it.
func (c *convCall) copyHalves() int { return c.planes * (c.copyPlane() + c.linePlane()) }

// copyPlane is that of one plane of the copy, in whole cache lines. Of several copies,
// the last tile of the last one may read 15 pixels past the end.
func (c *convCall) copyPlane() int {
	pixels := c.band.images * c.bandH() * c.bandW()
	if c.across > 0 {
		pixels = c.band.images*c.across*c.slots()*c.gridW + imageLanes
	}
	return roundUp(pixels*c.channels, 32)
}

// linePlane is that of one plane of a row, which several copies of every other column need.
func (c *convCall) linePlane() int {
	if c.across == 0 || c.strideW == 1 {
		return 0
	}
	return roundUp(c.bandW()*c.channels, 32)
}

// packTiles packs one panel of the weights of a phase: pairs, row of taps by row
// of taps.
func (c *convCall) packTiles(worker int, f *convPhase, panel int, to []uint16) {
	lane, n, _ := c.columns.panel(panel)
	size := c.panelHalves(f, f.rows)
	to = to[:size]
	whole := c.channels%generic.TileDepth == 0 // so taps are whole steps
	switch {
	case c.step == 1 && f.wCol == c.channels: // Conv2D: as rows, which are turned
		run, runs := f.cols*c.channels, f.rows
		if whole && f.wRow == run {
			run, runs = runs*run, 1
		}
		for i := range runs {
			packTileRows(to[i*size/runs:], c.planes, c.w[f.w+i*f.wRow+lane*c.lane:], c.lane, n, run)
		}
		transposeTiles(to, len(to)/(tileLanes*generic.TileDepth/2))
	case c.lane == 1 && whole: // Conv2DGradInput
		tap := size / (f.rows * f.cols)
		for i := range f.rows {
			for t := range f.cols {
				packTilePairs(to[(i*f.cols+t)*tap:], c.planes, c.w[f.w+i*f.wRow+t*f.wCol+lane:], c.step, n, c.channels)
			}
		}
	default:
		c.packTaps(worker, f, to, lane, n)
	}
}

// packTaps is packTiles where steps go from one tap on to the next: a row of taps is
// put together first.
func (c *convCall) packTaps(worker int, f *convPhase, to []uint16, lane, n int) {
	segment := f.cols * c.channels
	memory := itemScratches.take(worker)
	row := memory.floats(segment * tileLanes)
	for i := range f.rows {
		for t := range f.cols {
			from := lanes{data: c.w[f.w+i*f.wRow+t*f.wCol:], lane: c.lane, step: c.step}
			packPanel(row[t*c.channels*tileLanes:], tileLanes, from, lane, n, 0, c.channels)
		}
		packTilePairs(to[i*c.panelHalves(f, 1):], c.planes, row, tileLanes, n, segment)
	}
	itemScratches.give(worker, memory)
}

// convTileWork is what an item on tiles has beside its convWork.
type convTileWork struct {
	*convWork
	copied []uint16  // the band
	line   []uint16  // a row of it
	block  []float32 // of the output
	a      []uint16  // panels of pixels, or one of weights
	edge   [tileLanes]float32
}

// onTiles computes the outputs of all phases, panels [c0,c1).
func (w *convWork) onTiles(memory []float32, c0, c1 int) {
	t := convTileWork{convWork: w}
	size := w.copyHalves() / 2
	t.copied = halves(memory[:size])
	t.line = t.copied[w.planes*w.copyPlane():]
	t.block, t.a = memory[size:][:w.blockElements()], halves(memory[size+w.blockElements():])
	t.copyBand()
	if w.straight {
		t.straightTiles(c0, c1)
		return
	}
	for i := range w.phases {
		w.tabulate(&w.phases[i])
		if w.pixels > 0 {
			t.multiply(&w.phases[i], c0, c1)
		}
	}
}

// copyBand copies what the band sees, rounded, with zeros around it.
func (t *convTileWork) copyBand() {
	if t.across > 0 {
		t.inImage = t.across * t.slots() * t.gridW * t.channels
	}
	for n := t.n0; n < t.n1; n++ {
		image, to := t.convCall.in[n*t.inH*t.inW*t.channels:], t.copied[(n-t.n0)*t.inImage:]
		for r := range t.bandRows() {
			row := []float32(nil)
			if y := t.p0*t.strideH + t.top + r; y >= 0 && y < t.inH {
				row = image[y*t.inW*t.channels:][:t.inW*t.channels]
			}
			if t.across == 0 {
				t.copyRow(to[r*t.inRow:], t.copyPlane(), t.inRow, row, t.left)
			} else {
				t.spread(to, r, row)
			}
		}
	}
}

// copyRow rounds size numbers of a row of an image, from a column on that may lie before it, to
// planes of bf16. A row that is nil is one of padding.
func (t *convTileWork) copyRow(to []uint16, plane, size int, row []float32, column int) {
	before := min(size, max(0, -column)*t.channels)
	first := min(len(row), max(0, column)*t.channels)
	n := min(len(row)-first, size-before)
	for p := range t.planes {
		clear(to[p*plane:][:before])
		clear(to[p*plane:][before+n : size])
	}
	if n > 0 {
		packHalves(to[before:], t.planes, plane, row[first:][:n])
	}
}

// spread copies row r of what the band sees to each of several copies.
func (t *convTileWork) spread(to []uint16, r int, row []float32) {
	n := t.gridW * t.channels
	if t.strideW > 1 {
		t.copyRow(t.line, t.linePlane(), t.inRow, row, t.left)
	}
	for j := range t.across {
		to := to[(j*t.slots()+t.slot(r))*n:]
		if t.strideW == 1 {
			t.copyRow(to, t.copyPlane(), n, row, t.left+j)
			continue
		}
		for p := range t.planes {
			to, line := to[p*t.copyPlane():], t.line[p*t.linePlane()+j*t.channels:]
			for q := range t.gridW {
				copy(to[q*t.channels:][:t.channels], line[q*t.strideW*t.channels:])
			}
		}
	}
}

// finish does what the kernels of tiles do not: it adds what the sums are to be added to,
// and makes what is negative 0, in panels [c0,c1) of the band's outputs. Only a
// plain convolution has either, whose outputs lie row by row.
func (w *convWork) finish(c0, c1 int) {
	if (w.base == nil || w.accumulate) && !w.relu {
		return
	}
	lo, _, _ := w.columns.panel(c0)
	last, n, _ := w.columns.panel(c1 - 1)
	f, run, runs := &w.phases[0], last+n-lo, 1
	if pixels := (min(w.p1, f.outH) - w.p0) * f.outW; run == w.lanes {
		run *= pixels // all channels of all pixels are side by side
	} else {
		runs = pixels
	}
	for n := w.n0; n < w.n1; n++ {
		at := n*w.outImage + f.at + w.p0*f.row + lo
		for range runs {
			row := w.out[at : at+run]
			if w.base != nil && !w.accumulate {
				add(row, row, w.base[at:at+run])
			}
			if w.relu {
				relu(row, row)
			}
			at += f.pixel
		}
	}
}

// multiply computes the outputs of a phase, panels [c0,c1).
func (t *convTileWork) multiply(f *convPhase, c0, c1 int) {
	if t.accumulate && t.bias != nil || f.depth(t.channels) == 0 {
		t.setUp(t.cAt[:t.pixels], c0, c1)
		if f.depth(t.channels) == 0 {
			return
		}
	}
	rows, panels := t.gathered(f)
	for p := 0; p < t.pixels; p += panels * tileLanes {
		end := min(t.pixels, p+panels*tileLanes)
		for s := 0; s < f.rows; s += rows {
			s1 := min(s+rows, f.rows)
			t.gather(f, s, s1, p, end)
			for q := c0; q < c1; q++ {
				t.panel(f, s, s1, q, p, end)
			}
		}
	}
}

// setUp is what no product does: a bias on what is accumulated into, or an output
// of nothing. A place that is negative is none.
func (t *convTileWork) setUp(places []int, c0, c1 int) {
	lo, _, _ := t.columns.panel(c0)
	last, n, _ := t.columns.panel(c1 - 1)
	for _, at := range places {
		if at < 0 {
			continue
		}
		row := t.out[at+lo : at+last+n]
		if !t.accumulate {
			clear(row)
		}
		if t.bias != nil {
			add(row, row, t.bias[lo:last+n])
		}
	}
}

// gather packs rows [s,s1) of taps of pixels [p,end).
func (t *convTileWork) gather(f *convPhase, s, s1, p, end int) {
	step, size := t.planes*tileLanes*generic.TileDepth, t.panelHalves(f, 1)
	to := t.a
	for ; p < end; p += tileLanes {
		for i := s; i < s1; i++ {
			for plane := range t.planes {
				gatherRows(to[plane*tileLanes*generic.TileDepth:], step, t.copied[plane*t.copyPlane()+i*t.inRow:], t.aAt[p:], f.cols*t.channels)
			}
			to = to[size:]
		}
	}
}

// panel multiplies what was gathered with panel q of the weights. Where the
// outputs of the pixels lie one after the other, all of them in one call.
func (t *convTileWork) panel(f *convPhase, s, s1, q, p, end int) {
	lane, n, _ := t.columns.panel(q)
	steps, size := (s1-s)*t.segmentSteps(f), t.panelHalves(f, s1-s)
	b := halves(t.packed[f.packed:])[q*t.panelHalves(f, f.rows)+t.panelHalves(f, s):]
	first := s == 0 && !t.accumulate
	a := t.a
	if whole := (end - p) / tileLanes; n == tileLanes && whole > 0 && t.adjacent(f, p, p+whole*tileLanes) {
		out := t.out[t.cAt[p]+lane:]
		d, ldd := out, f.pixel
		if first {
			d, ldd = nil, 0
			if t.bias != nil {
				d = t.bias[lane:]
			}
		}
		tilePanels(t.planes, whole*tileLanes, steps, a, b, out, f.pixel, d, ldd, tileAsk)
		p += whole * tileLanes
		a = a[whole*size:]
	}
	for ; p < end; p += tileLanes {
		places := t.cAt[p:min(end, p+tileLanes)]
		base := t.load(places, lane, n, first)
		tilePanels(t.planes, tileLanes, steps, a, b, t.block, tileLanes, base, tileLanes, tileAsk)
		for i, at := range places {
			copy(t.out[at+lane:][:n], t.block[i*tileLanes:])
		}
		a = a[size:]
	}
}

// load copies what the sums begin with to the block; nil stands for zeros.
func (t *convTileWork) load(places []int, lane, n int, first bool) []float32 {
	if first && t.bias == nil {
		return nil
	}
	for i, at := range places {
		if first {
			copy(t.block[i*tileLanes:][:n], t.bias[lane:])
		} else {
			copy(t.block[i*tileLanes:][:n], t.out[at+lane:])
		}
	}
	return t.block
}

// adjacent reports whether the outputs of pixels [p,end) lie one after the other.
func (t *convTileWork) adjacent(f *convPhase, p, end int) bool {
	for i := p + 1; i < end; i++ {
		if t.cAt[i] != t.cAt[i-1]+f.pixel {
			return false
		}
	}
	return true
}

package kernels

import "lethe/kernels/internal/generic"

// Conv2D and Conv2DGradInput on tiles. The frame is that of conv_core.go: weights
// are packed first, an item is a band of pixels, and a band copies what it sees,
// with its padding. Here the copy is then rounded, once, to bf16; for 32 pixels at
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

// tileElements is what an item on tiles needs beside its copy of the band: the
// copy in bf16, panels, a block of the output; or, while weights are packed, a
// row of taps of a panel.
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
		rows, count := c.gathered(f)
		panels = max(panels, count*c.panelHalves(f, rows)/2)
		segment = max(segment, f.cols*c.channels*tileLanes)
	}
	return max(c.copyHalves()/2+panels+tileBlock, segment)
}

// copyHalves is the size of the copy of a band in bf16, all planes.
func (c *convCall) copyHalves() int { return c.planes * c.copyPlane() }

// copyPlane is that of one plane, in whole cache lines.
func (c *convCall) copyPlane() int {
	return roundUp(c.band.images*c.bandH()*c.bandW()*c.channels, 32)
}

// packTiles packs one panel of the weights of a phase: pairs, row of taps by row
// of taps.
func (c *convCall) packTiles(worker int, f *convPhase, panel int) {
	lane, n, _ := c.columns.panel(panel)
	segment := f.cols * c.channels
	memory := itemScratches.take(worker)
	row := memory.floats(segment * tileLanes)
	to := halves(c.packed[f.packed:])[panel*c.panelHalves(f, f.rows):]
	for i := range f.rows {
		if c.step == 1 && f.wCol == c.channels {
			packPanel(row, tileLanes, lanes{data: c.w[f.w+i*f.wRow:], lane: c.lane, step: 1}, lane, n, 0, segment)
		} else {
			for t := range f.cols {
				from := lanes{data: c.w[f.w+i*f.wRow+t*f.wCol:], lane: c.lane, step: c.step}
				packPanel(row[t*c.channels*tileLanes:], tileLanes, from, lane, n, 0, c.channels)
			}
		}
		packTilePairs(to[i*c.panelHalves(f, 1):], c.planes, row, tileLanes, n, segment)
	}
	itemScratches.give(worker, memory)
}

// convTileWork is what an item on tiles has beside its convWork.
type convTileWork struct {
	*convWork
	copied []uint16  // the band
	a      []uint16  // panels of pixels
	block  []float32 // of the output
}

// onTiles rounds the band's copy. rest is the memory behind it.
func (w *convWork) onTiles(rest []float32) convTileWork {
	t := convTileWork{convWork: w, copied: halves(rest[:w.copyHalves()/2])}
	t.block = rest[w.copyHalves()/2:][:tileBlock]
	t.a = halves(rest[w.copyHalves()/2+tileBlock:])
	if len(w.in) > 0 {
		packHalves(t.copied, w.planes, w.copyPlane(), w.in)
	}
	return t
}

// multiply computes the outputs of a phase, panels [c0,c1).
func (t *convTileWork) multiply(f *convPhase, c0, c1 int) {
	if t.accumulate && t.bias != nil || f.depth(t.channels) == 0 {
		t.setUp(c0, c1)
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
// of nothing.
func (t *convTileWork) setUp(c0, c1 int) {
	lo, _, _ := t.columns.panel(c0)
	last, n, _ := t.columns.panel(c1 - 1)
	for _, at := range t.cAt[:t.pixels] {
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

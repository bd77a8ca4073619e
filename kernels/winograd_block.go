package kernels

// winogradBlock is one item: some tiles and some panels of filters.
type winogradBlock struct {
	*winogradCall
	t0, t1, c0, c1 int // tiles and panels
	own            []float32
	m              []float32
	padded, taps   []float32
	tmp            []float32
	aAt, cAt       []int // places of the tiles in v and m
}

// take sets up an item.
func (b *winogradBlock) take(memory *scratch) {
	floats := memory.floats(b.itemElements())
	part := func(n int) (p []float32) {
		p, floats = floats[:n], floats[n:]
		return p
	}
	b.tmp, b.taps = part(winogradTemporary), part(b.tapElements())
	b.m, b.padded = part(winogradPositions*b.mStep), part(winogradPositions*b.vRow)
	b.own = floats
	rows := roundUp(b.block, b.tile.mr)
	ints := memory.ints(2 * rows)
	b.aAt, b.cAt = ints[:rows], ints[rows:]
	for i := range rows {
		t := min(i, b.t1-b.t0-1) // a tile of the product reads all its rows
		b.aAt[i], b.cAt[i] = t*b.vRow, t*b.mRow
	}
}

// winogradTiles computes outputs: one item is one block of tiles and one group of
// panels.
type winogradTiles winogradCall

func (j *winogradTiles) run(worker, item int) {
	w := (*winogradCall)(j)
	memory := itemScratches.take(worker)
	b := winogradBlock{winogradCall: w}
	block, group, panels := item/w.columnGroups, item%w.columnGroups, w.columns.panels
	b.t0, b.t1 = block*w.block, min(w.tiles, (block+1)*w.block)
	b.c0, b.c1 = panels*group/w.columnGroups, panels*(group+1)/w.columnGroups
	b.take(memory)
	for t := b.t0; t < b.t1; t++ {
		b.transform(b.own, t)
	}
	for position := range winogradPositions {
		for part := range w.parts {
			k0, k1 := w.piece(part)
			for q := b.c0; q < b.c1; q++ {
				lane, _, width := w.columns.panel(q)
				b.multiply(b.own, position, q, k0, k1, w.packed[position*w.uStep+lane*w.channels+k0*width:])
			}
		}
	}
	b.finish()
	itemScratches.give(worker, memory)
}

// winogradPanels computes outputs: one item is one panel.
type winogradPanels winogradCall

func (j *winogradPanels) run(worker, item int) {
	w := (*winogradCall)(j)
	memory := itemScratches.take(worker)
	b := winogradBlock{winogradCall: w, t1: w.tiles, c0: item, c1: item + 1}
	b.take(memory)
	for part := range w.parts {
		k0, k1 := w.piece(part)
		w.filters(b.own, item, k0, k1, b.taps, b.tmp)
		for position := range winogradPositions {
			b.multiply(w.v, position, item, k0, k1, b.own[position*w.uStep:])
		}
	}
	b.finish()
	itemScratches.give(worker, memory)
}

// at returns the image of tile t and the first row and column of its output.
func (w *winogradCall) at(t int) (image, p, q int) {
	image, t = t/(w.down*w.across), t%(w.down*w.across)
	return image, t / w.across * winogradStep, t % w.across * winogradStep
}

// transform writes tile t to v.
func (b *winogradBlock) transform(v []float32, t int) {
	image, p, q := b.at(t)
	x := b.in[image*b.inH*b.inW*b.channels:][:b.inH*b.inW*b.channels]
	x, row := cutTile(x, b.inH, b.inW, b.channels, p+b.f.top, q+b.f.left, winogradTile, b.padded, b.round)
	winogradInput(v[(t-b.t0)*b.vRow:], b.vStep, slabAlign, x, row, b.channels, b.tmp, b.channels)
}

// cutTile returns the pixels of an image [h,w,c] from row p and column q on, size
// of them in each direction, and the step of their rows. Where some are
// outside of the image, or round asks for bf16, padded holds a copy with zeros.
func cutTile(image []float32, h, w, c, p, q, size int, padded []float32, round bool) (tile []float32, row int) {
	if !round && p >= 0 && q >= 0 && p+size <= h && q+size <= w {
		return image[(p*w+q)*c:], w * c
	}
	row = size * c
	q0, q1 := max(0, -q), min(size, w-q)
	for r := range size {
		to := padded[r*row : (r+1)*row]
		if y := p + r; y < 0 || y >= h || q0 >= q1 {
			clear(to)
		} else {
			clear(to[:q0*c])
			if from := image[(y*w+q+q0)*c:]; round {
				roundBF16(to[q0*c:q1*c], from[:(q1-q0)*c])
			} else {
				copy(to[q0*c:q1*c], from)
			}
			clear(to[q1*c:])
		}
	}
	return padded, row
}

// multiply adds the products of channels [k0,k1) at one position to m: tiles v,
// panel q of the filters at u.
func (b *winogradBlock) multiply(v []float32, position, q, k0, k1 int, u []float32) {
	lane, n, width := b.columns.panel(q)
	v = v[position*b.vStep+k0:]
	m := b.m[position*b.mStep+lane-b.columns.lane(b.c0):]
	var d []float32
	if k0 > 0 {
		d = m
	}
	mr, tiles := b.tile.mr, b.t1-b.t0
	for t := 0; t < tiles; t += mr {
		at := b.cAt[t : t+mr]
		convTile(width, v, b.aAt[t:t+mr], 1, k1-k0, 0, u, m, at, d, at, min(mr, tiles-t), n, nil, 0)
	}
}

// finish transforms the products back and writes the outputs.
func (b *winogradBlock) finish() {
	lane := b.columns.lane(b.c0)
	last, n, _ := b.columns.panel(b.c1 - 1)
	for t := b.t0; t < b.t1; t++ {
		b.output(t, lane, last+n-lane)
	}
}

// output writes n channels of tile t from lane on.
func (b *winogradBlock) output(t, lane, n int) {
	image, p, q := b.at(t)
	f := b.f
	y := b.out[image*b.outImage+f.at+p*f.row+q*f.pixel+lane:]
	d, dRow, dPixel := b.bias, 0, 0
	rows, cols := min(winogradStep, f.outH-p), min(winogradStep, f.outW-q)
	switch {
	case b.base != nil:
		base := b.base[image*b.outImage+f.at+p*f.row+q*f.pixel+lane:]
		if d != nil {
			for i := range rows {
				for j := range cols {
					at := i*f.row + j*f.pixel
					add(y[at:][:n], base[at:], d[lane:lane+n])
				}
			}
			base = y
		}
		d, dRow, dPixel = base, f.row, f.pixel
	case d != nil:
		d = d[lane:]
	}
	winogradOutput(y, f.row, f.pixel, b.m[(t-b.t0)*b.mRow:], b.mStep, d, dRow, dPixel, rows, cols, b.tmp, n)
	if !b.relu {
		return
	}
	for i := range rows {
		for j := range cols {
			at := y[i*f.row+j*f.pixel:][:n]
			relu(at, at)
		}
	}
}

package kernels

// winogradMultiply computes outputs: one item is one block of tiles and one group
// of panels.
type winogradMultiply winogradCall

func (j *winogradMultiply) run(item int) {
	w := (*winogradCall)(j)
	memory := itemScratches.get()
	b := winogradBlock{winogradCall: w}
	block, group, panels := item/w.columnGroups, item%w.columnGroups, w.columns.panels
	b.t0, b.t1 = block*w.block, min(w.tiles, (block+1)*w.block)
	b.c0, b.c1 = panels*group/w.columnGroups, panels*(group+1)/w.columnGroups
	floats := memory.floats(w.itemElements())
	b.v, floats = floats[:winogradPositions*w.vStep], floats[winogradPositions*w.vStep:]
	b.m, floats = floats[:winogradPositions*w.mStep], floats[winogradPositions*w.mStep:]
	b.padded, b.tmp = floats[:winogradPositions*w.vRow], floats[winogradPositions*w.vRow:]
	rows := roundUp(w.block, w.tile.mr)
	ints := memory.ints(2 * rows)
	b.aAt, b.cAt = ints[:rows], ints[rows:]
	for i := range rows {
		t := min(i, b.t1-b.t0-1) // a tile of the product reads all its rows
		b.aAt[i], b.cAt[i] = t*w.vRow, t*w.mRow
	}
	for t := b.t0; t < b.t1; t++ {
		b.transform(t)
	}
	for position := range winogradPositions {
		b.multiply(position)
	}
	for t := b.t0; t < b.t1; t++ {
		b.finish(t)
	}
	itemScratches.put(memory)
}

// winogradBlock is one item.
type winogradBlock struct {
	*winogradCall
	t0, t1, c0, c1 int // tiles and panels
	v, m           []float32
	padded, tmp    []float32
	aAt, cAt       []int // places of the tiles in v and m
}

// at returns the image of tile t and the first row and column of its output.
func (w *winogradCall) at(t int) (image, p, q int) {
	image, t = t/(w.down*w.across), t%(w.down*w.across)
	return image, t / w.across * winogradStep, t % w.across * winogradStep
}

// transform writes tile t to v.
func (b *winogradBlock) transform(t int) {
	image, p, q := b.at(t)
	x := b.in[image*b.inH*b.inW*b.channels:][:b.inH*b.inW*b.channels]
	x, row := cutTile(x, b.inH, b.inW, b.channels, p+b.f.top, q+b.f.left, winogradTile, b.padded)
	winogradInput(b.v[(t-b.t0)*b.vRow:], b.vStep, slabAlign, x, row, b.channels, b.tmp, b.channels)
}

// cutTile returns the pixels of an image [h,w,c] from row p and column q on, size
// of them in each direction, and the step of their rows. Where some are
// outside of the image, padded holds a copy with zeros.
func cutTile(image []float32, h, w, c, p, q, size int, padded []float32) (tile []float32, row int) {
	if p >= 0 && q >= 0 && p+size <= h && q+size <= w {
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
			copy(to[q0*c:q1*c], image[(y*w+q+q0)*c:])
			clear(to[q1*c:])
		}
	}
	return padded, row
}

// multiply computes the products at one position.
func (b *winogradBlock) multiply(position int) {
	v, m := b.v[position*b.vStep:], b.m[position*b.mStep:]
	first := b.columns.lane(b.c0)
	mr, tiles := b.tile.mr, b.t1-b.t0
	for k0 := 0; k0 < b.channels; k0 += convPiece {
		k := min(convPiece, b.channels-k0)
		for q := b.c0; q < b.c1; q++ {
			lane, n, width := b.columns.panel(q)
			u := b.packed[position*b.uStep+lane*b.channels+k0*width:]
			out := m[lane-first:]
			var d []float32
			if k0 > 0 {
				d = out
			}
			for t := 0; t < tiles; t += mr {
				convTile(width, v[k0:], b.aAt[t:t+mr], 1, k, 0, u, out, b.cAt[t:t+mr], d, b.cAt[t:t+mr], min(mr, tiles-t), n)
			}
		}
	}
}

// finish transforms the products of tile t and writes them to out.
func (b *winogradBlock) finish(t int) {
	image, p, q := b.at(t)
	lane := b.columns.lane(b.c0)
	last, n, _ := b.columns.panel(b.c1 - 1)
	n += last - lane
	f := b.f
	y := b.out[image*b.outImage+f.at+p*f.row+q*f.pixel+lane:]
	d, dRow, dPixel := b.bias, 0, 0
	rows, cols := min(winogradStep, f.outH-p), min(winogradStep, f.outW-q)
	switch {
	case b.accumulate:
		if d != nil {
			for i := range rows {
				for j := range cols {
					at := y[i*f.row+j*f.pixel:][:n]
					add(at, at, d[lane:lane+n])
				}
			}
		}
		d, dRow, dPixel = y, f.row, f.pixel
	case d != nil:
		d = d[lane:]
	}
	winogradOutput(y, f.row, f.pixel, b.m[(t-b.t0)*b.mRow:], b.mStep, d, dRow, dPixel, rows, cols, b.tmp, n)
}

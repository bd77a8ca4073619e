package kernels

// The gradient of the weights in pairs of bf16: its reduction runs over pixels, so a pair
// is two neighbouring pixels of a row of the output, and in x the pixels that a tap sees
// there, which lie a stride apart:
//
//	dy                         x, copied: a word for each column
//	[row][q|q+1][filter]       [block][row][u|u+StrideW][channel]
//
// Any tap finds its pairs in the one copy, every other word for stride 1. A row with an
// odd number of pixels ends with a pair whose second half is 0.

// runPairs is run with dy in pairs, which all workers make first.
func (c *convGradCall) runPairs() {
	rows, steps := c.N*c.OutH(), ceilDiv(c.OutW(), 2)
	memory := callScratches.get()
	j := pairJobs.get()
	*j = pairJob{to: memory.floats(rows * steps * c.Co), from: c.dy, pixels: c.OutW(), channels: c.Co, rows: rows}
	team := workers()
	if rows*c.OutW()*c.Co < 1<<16 {
		team = 1
	}
	dispatch(j, ceilDiv(rows, j.rowsOfItem()), team)
	c.dy = j.to
	c.run()
	*j = pairJob{} // keep no operand alive
	pairJobs.put(j)
	callScratches.put(memory)
}

// pairJob copies rows of pixels, in pairs of neighbours: one item is a few rows.
type pairJob struct {
	to, from               []float32
	pixels, channels, rows int // of a row; of a pixel; in all
}

var pairJobs freeList[pairJob]

// rowsOfItem is how many rows have about roundChunk elements.
func (j *pairJob) rowsOfItem() int { return max(1, roundChunk/(j.pixels*j.channels)) }

func (j *pairJob) run(_, item int) {
	n, c, steps := j.rowsOfItem(), j.channels, ceilDiv(j.pixels, 2)
	for r := item * n; r < min(j.rows, (item+1)*n); r++ {
		to, from := words(j.to)[r*steps*c:][:steps*c], j.from[r*j.pixels*c:][:j.pixels*c]
		for l := 0; l < c; l += 16 {
			part := min(16, c-l)
			if j.pixels > 1 {
				pairLanes(to[l:], c, from[l:], from[c+l:], 2*c, part, j.pixels/2)
			}
			if j.pixels%2 == 1 {
				pairLanes(to[(steps-1)*c+l:], c, from[(j.pixels-1)*c+l:], noRow[:], 0, part, 1)
			}
		}
	}
}

// paddedElements is the size of a row of x with its padding, and what the pairs of its
// last columns see behind it.
func (c *convGradCall) paddedElements() int {
	if !c.pairs {
		return 0
	}
	return (c.width + c.StrideW) * c.Ci
}

// cutPairs is copyGradient in pairs: words of the last filters, and zeros beside them.
func (w *convGradWork) cutPairs(rest int) {
	from := words(w.dy)[w.first*w.steps*w.Co+w.Co-rest:]
	for p := range (w.last - w.first) * w.steps {
		row := words(w.cutPanel)[p*w.mr:][:w.mr]
		clear(row[copy(row, from[p*w.Co:][:rest]):])
	}
}

// pairRow is copyRow in pairs.
func (w *convGradWork) pairRow(row int, from []float32) {
	ahead := w.StrideW * w.Ci
	before := min(w.PadW, w.width) * w.Ci
	n := min(w.W*w.Ci, w.width*w.Ci-before)
	clear(w.padded[:before])
	copy(w.padded[before:before+n], from)
	clear(w.padded[before+n:])
	for b := w.b0; b < w.b1; b++ {
		to := words(w.input[(b-w.b0)*w.blockElements()+row*w.width*w.pixelWidth:][:w.width*w.pixelWidth])
		if w.blocked {
			lanes := min(w.unit, w.Ci-b*w.unit)
			if lanes < w.unit {
				clear(to)
			}
			pairLanes(to, w.unit, w.padded[b*w.unit:], w.padded[ahead+b*w.unit:], w.Ci, lanes, w.width)
			continue
		}
		whole := len(to) / w.unit
		if whole > 0 {
			pairLanes(to, w.unit, w.padded, w.padded[ahead:], w.unit, w.unit, whole)
		}
		if rest := len(to) % w.unit; rest > 0 {
			pairLanes(to[whole*w.unit:], w.unit, w.padded[whole*w.unit:], w.padded[ahead+whole*w.unit:], 0, rest, 1)
		}
	}
}

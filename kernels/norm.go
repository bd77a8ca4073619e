package kernels

// NormStats are the statistics of each row that LayerNorm leaves for
// LayerNormGrad: Mean [R] and RStd [R] = 1/sqrt(variance+eps).
type NormStats struct{ Mean, RStd []float32 }

// LayerNorm normalizes each row of x to mean 0 and variance 1, then scales and
// shifts it by column:
//
//	y[r,c] = (x[r,c]-mean[r])*rstd[r]*gamma[c] + beta[c]
//
// Shapes: x, y [R,C]; gamma, beta [C]; keep.Mean, keep.RStd [R].
// Writes: y and keep are overwritten; keep feeds LayerNormGrad.
// Aliasing: y may be x; no other overlap.
// Units: eps is added to the variance, so it has the units of x squared.
// Numerics: biased variance (divides by C), two passes; bound in norm_test.go.
// Panics: y and x differ in shape, the elements of a row are not adjacent, rows
// of y overlap, C is 0, or a slice is shorter than its shape.
// Source: Ba, Kiros, Hinton 2016 (arXiv:1607.06450).
func LayerNorm(y, x Mat, gamma, beta []float32, eps float32, keep NormStats) {
	need("LayerNorm", "columns of x", x.Cols, 1)
	needRows("LayerNorm", "x", x, x.Rows, x.Cols)
	needRowsOut("LayerNorm", "y", y, x.Rows, x.Cols)
	need("LayerNorm", "len(gamma)", len(gamma), x.Cols)
	need("LayerNorm", "len(beta)", len(beta), x.Cols)
	need("LayerNorm", "len(keep.Mean)", len(keep.Mean), x.Rows)
	need("LayerNorm", "len(keep.RStd)", len(keep.RStd), x.Rows)
	j := layerNormJob{y: y, x: x, gamma: gamma, beta: beta, eps: eps, keep: keep}
	if x.Rows*x.Cols <= elementChunk {
		j.rows(0, x.Rows)
		return
	}
	record := layerNormJobs.get()
	*record = j
	parallelFor(rowItems(x.Rows, x.Cols), record)
	*record = layerNormJob{}
	layerNormJobs.put(record)
}

// layerNormJob is one LayerNorm; an item is a group of rows.
type layerNormJob struct {
	y, x        Mat
	gamma, beta []float32
	eps         float32
	keep        NormStats
}

var layerNormJobs freeList[layerNormJob]

func (j *layerNormJob) run(_, item int) { j.rows(itemRows(j.x.Rows, j.x.Cols, item)) }

func (j *layerNormJob) rows(lo, hi int) {
	if lo < hi {
		layerNormRows(j.y.Data[lo*j.y.RowStride:], j.y.RowStride, j.x.Data[lo*j.x.RowStride:], j.x.RowStride,
			j.gamma[:j.x.Cols], j.beta, j.eps, j.keep.Mean[lo:hi], j.keep.RStd[lo:hi])
	}
}

// LayerNormGrads says which gradients LayerNormGrad writes, and how.
type LayerNormGrads struct {
	DX               Mat       // [R,C]; Data nil: not wanted
	DGamma, DBeta    []float32 // [C] each; DGamma nil: neither is wanted
	AccumulateX      bool      // add to DX instead of overwriting it
	AccumulateParams bool      // add to DGamma and DBeta instead of overwriting them
}

// LayerNormGrad is the gradient of LayerNorm. With n[r,c] =
// (x[r,c]-mean[r])*rstd[r] and g[r,c] = dy[r,c]*gamma[c]:
//
//	dx[r,c]   = rstd[r] * (g[r,c] - mean over k of g[r,k] - n[r,c] * mean over k of g[r,k]*n[r,k])
//	dgamma[c] = sum over r of dy[r,c]*n[r,c]
//	dbeta[c]  = sum over r of dy[r,c]
//
// Shapes: dy, x [R,C]; gamma [C]; keep.Mean, keep.RStd [R], as LayerNorm left
// them; outputs as in LayerNormGrads. R may be 0.
// Writes: each wanted output is overwritten, or accumulated into on request.
// Aliasing: an overwritten DX may be dy or x when the parameters are not
// wanted; no other overlap.
// Numerics: the parameter sums run over fixed chunks of rows, the chunks added
// in order, so the bits do not depend on the number of workers.
// Panics: shapes differ, the elements of a row are not adjacent, rows of DX
// overlap, C is 0, or a slice is shorter than its shape.
func LayerNormGrad(d LayerNormGrads, dy, x Mat, gamma []float32, keep NormStats) {
	d.check(dy, x, gamma, keep)
	if d.DGamma != nil && !d.AccumulateParams {
		fill(d.DGamma[:x.Cols], 0)
		fill(d.DBeta[:x.Cols], 0)
	}
	if x.Rows == 0 {
		return
	}
	size := partialSize(x.Rows)
	chunks := (x.Rows + size - 1) / size
	memory, record := callScratches.get(), layerNormGradJobs.get()
	*record = layerNormGradJob{d: d, dy: dy, x: x, gamma: gamma, keep: keep, size: size}
	if d.DGamma != nil {
		record.partial = memory.floats(chunks * 2 * x.Cols)
	}
	if x.Rows*x.Cols <= elementChunk {
		for item := range chunks {
			record.run(0, item)
		}
	} else {
		parallelFor(chunks, record)
	}
	if d.DGamma != nil {
		for item := range chunks {
			dgamma, dbeta := record.sums(item)
			add(d.DGamma[:x.Cols], d.DGamma, dgamma)
			add(d.DBeta[:x.Cols], d.DBeta, dbeta)
		}
	}
	*record = layerNormGradJob{}
	layerNormGradJobs.put(record)
	callScratches.put(memory)
}

// check panics unless the arguments of LayerNormGrad fit each other.
func (d *LayerNormGrads) check(dy, x Mat, gamma []float32, keep NormStats) {
	need("LayerNormGrad", "columns of x", x.Cols, 1)
	needRows("LayerNormGrad", "x", x, x.Rows, x.Cols)
	needRows("LayerNormGrad", "dy", dy, x.Rows, x.Cols)
	need("LayerNormGrad", "len(gamma)", len(gamma), x.Cols)
	need("LayerNormGrad", "len(keep.Mean)", len(keep.Mean), x.Rows)
	need("LayerNormGrad", "len(keep.RStd)", len(keep.RStd), x.Rows)
	if d.DX.Data != nil {
		needRowsOut("LayerNormGrad", "d.DX", d.DX, x.Rows, x.Cols)
	}
	if d.DGamma != nil {
		need("LayerNormGrad", "len(d.DGamma)", len(d.DGamma), x.Cols)
		need("LayerNormGrad", "len(d.DBeta)", len(d.DBeta), x.Cols)
	}
}

// layerNormGradJob is one LayerNormGrad; an item is one chunk of rows.
type layerNormGradJob struct {
	d       LayerNormGrads
	dy, x   Mat
	gamma   []float32
	keep    NormStats
	size    int       // rows of a chunk
	partial []float32 // [chunks,2,C]: dgamma and dbeta of each chunk
}

var layerNormGradJobs freeList[layerNormGradJob]

// sums is the place of the parameter sums of one chunk.
func (j *layerNormGradJob) sums(item int) (dgamma, dbeta []float32) {
	cols := j.x.Cols
	both := j.partial[item*2*cols : (item+1)*2*cols]
	return both[:cols], both[cols:]
}

// normGradRows is how many rows are finished before the next ones are read,
// so that the parameter sums, which take a column of all of them at a time, find them in the first- or
// second-level cache. When it was they that came first, 1576 rows of 768 took 1.51 times as long at one thread, 1.34
// at two (Zen 3, November 2026, medians of nine and five in turn; BenchmarkLayerNorm).
const normGradRows = 16

func (j *layerNormGradJob) run(_, item int) {
	lo := item * j.size
	hi := min(lo+j.size, j.x.Rows)
	if j.d.DGamma != nil {
		dgamma, dbeta := j.sums(item)
		fill(dgamma, 0)
		fill(dbeta, 0)
	}
	for r := lo; r < hi; r += normGradRows {
		j.rows(r, min(r+normGradRows, hi))
		j.params(item, r, min(r+normGradRows, hi))
	}
}

// params adds the parameter sums of rows [lo,hi).
func (j *layerNormGradJob) params(item, lo, hi int) {
	if j.d.DGamma == nil {
		return
	}
	dgamma, dbeta := j.sums(item)
	layerNormGradParams(dgamma, dbeta, j.dy.Data[lo*j.dy.RowStride:], j.dy.RowStride,
		j.x.Data[lo*j.x.RowStride:], j.x.RowStride, j.keep.Mean[lo:hi], j.keep.RStd[lo:hi])
}

// rows writes the gradient of rows [lo,hi).
func (j *layerNormGradJob) rows(lo, hi int) {
	if j.d.DX.Data == nil {
		return
	}
	for r := lo; r < hi; r++ {
		dx, dy, x := j.d.DX.Row(r), j.dy.Row(r), j.x.Row(r)
		if j.d.AccumulateX {
			layerNormGradRowAdd(dx, dy, x, j.gamma, j.keep.Mean[r], j.keep.RStd[r])
		} else {
			layerNormGradRow(dx, dy, x, j.gamma, j.keep.Mean[r], j.keep.RStd[r])
		}
	}
}

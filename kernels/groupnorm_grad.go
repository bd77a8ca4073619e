package kernels

import "math"

// GroupNormGrads says which gradients GroupNormGrad writes, and how.
type GroupNormGrads struct {
	DX               []float32 // [N,Pixels,C]; nil: not wanted
	DGamma, DBeta    []float32 // [C] each; nil: not wanted
	DScale, DShift   []float32 // [N,C] each, rows ScaleShiftStride apart; nil: not wanted
	AccumulateX      bool      // add to DX instead of overwriting it
	AccumulateGamma  bool      // likewise DGamma
	AccumulateBeta   bool      // likewise DBeta
	AccumulateScales bool      // likewise DScale and DShift
}

// GroupNormGrad is the gradient of GroupNorm. With n = (x-mean)*rstd, dz = dy or,
// with SiLU, dy times the slope of the activation at u, k[n,c] =
// Gamma[c]*(1+Scale[n,c]), and means over the elements of a group:
//
//	dx           = rstd * (dz*k - mean(dz*k) - n*mean(dz*k*n))
//	dgamma[c]    = sum over n, p of dz*n*(1+Scale[n,c])
//	dbeta[c]     = sum over n, p of dz*(1+Scale[n,c])
//	dscale[n,c]  = sum over p of dz*(n*Gamma[c]+Beta[c])
//	dshift[n,c]  = sum over p of dz
//
// Shapes: dy, x [N,Pixels,C]; a and keep as GroupNorm had and left them.
// Writes: each wanted output is overwritten, or accumulated into on request.
// Aliasing: an overwritten DX may be dy or x; no other overlap.
// Numerics: the sums run over fixed chunks of pixels, the chunks joined in
// float64 in order, so the bits do not depend on the number of workers. What
// GroupNorm computed is computed again from x.
// Panics: as GroupNorm; or an output is shorter than its shape.
func GroupNormGrad(d GroupNormGrads, dy, x []float32, a GroupNormArgs, keep NormStats) {
	a.check("GroupNormGrad", keep)
	d.check(a, dy, x)
	clearUnless := func(dst []float32, accumulate bool) {
		if dst != nil && !accumulate {
			clear(dst[:a.C])
		}
	}
	clearUnless(d.DGamma, d.AccumulateGamma)
	clearUnless(d.DBeta, d.AccumulateBeta)
	if a.N == 0 {
		return
	}
	memory, record := callScratches.get(), groupNormJobs.get()
	*record = newGroupNormJob(a, keep)
	record.x, record.dy, record.d = x, dy, d
	record.partial = memory.floats(record.chunks*2*a.C + 6*a.N*a.C)
	record.coefficients = record.partial[record.chunks*2*a.C:]
	for n := range a.N {
		record.affine(n, 6)
	}
	record.share(record.chunks, (*groupNormGradSums)(record))
	for n := range a.N {
		record.joinGrad(n)
	}
	if d.DX != nil {
		record.share(record.chunks, (*groupNormGradApply)(record))
	}
	*record = groupNormJob{}
	groupNormJobs.put(record)
	callScratches.put(memory)
}

// check panics unless the wanted outputs fit the arguments.
func (d *GroupNormGrads) check(a GroupNormArgs, dy, x []float32) {
	const op = "GroupNormGrad"
	need(op, "len(dy)", len(dy), a.len())
	need(op, "len(x)", len(x), a.len())
	if d.DX != nil {
		need(op, "len(d.DX)", len(d.DX), a.len())
	}
	if d.DGamma != nil {
		need(op, "len(d.DGamma)", len(d.DGamma), a.C)
	}
	if d.DBeta != nil {
		need(op, "len(d.DBeta)", len(d.DBeta), a.C)
	}
	if (d.DScale != nil || d.DShift != nil) && a.N > 0 {
		need(op, "len(a.Scale)", len(a.Scale), 1)
		need(op, "len(d.DScale)", len(d.DScale), (a.N-1)*a.ScaleShiftStride+a.C)
		need(op, "len(d.DShift)", len(d.DShift), (a.N-1)*a.ScaleShiftStride+a.C)
	}
}

type groupNormGradSums groupNormJob

// run sums dz and dz*(x-mean) of every channel over a chunk.
func (s *groupNormGradSums) run(item int) {
	j := (*groupNormJob)(s)
	image, at, pixels := j.chunk(item)
	plain, along := j.result(item, 0, 2), j.result(item, 1, 2)
	fill(plain, 0)
	fill(along, 0)
	mean, factor, shift := j.coefficient(image, 0, 6), j.coefficient(image, 1, 6), j.coefficient(image, 2, 6)
	for lo := 0; lo < pixels; lo += j.block {
		rows, first := min(j.block, pixels-lo), at+lo*j.args.C
		dy, x := j.dy[first:], j.x[first:]
		if j.args.SiLU {
			groupNormSiLUSums(plain, along, dy, x, rows, mean, factor, shift)
		} else {
			groupNormSums(plain, along, dy, x, rows, mean, factor, shift)
		}
	}
}

// joinGrad joins the sums of the chunks of an image, adds its part of the
// parameter gradients, and makes the coefficients p, q and r of
// dx = dz*p + (x-mean)*q + r.
func (j *groupNormJob) joinGrad(image int) {
	a := &j.args
	width := a.C / a.Groups
	p, q, r := j.coefficient(image, 3, 6), j.coefficient(image, 4, 6), j.coefficient(image, 5, 6)
	for g := range a.Groups {
		rstd := float64(j.keep.RStd[image*a.Groups+g])
		var meanG, meanGN float64
		for c := g * width; c < (g+1)*width; c++ {
			plain, along := j.channel(image, c)
			along *= rstd
			more := 1.0
			if a.Scale != nil {
				more += float64(a.Scale[image*a.ScaleShiftStride+c])
			}
			k := float64(a.Gamma[c]) * more
			meanG += k * plain
			meanGN += k * along
			p[c] = float32(rstd * k)
			j.parameters(image, c, plain, along, more)
		}
		elements := float64(width) * float64(a.Pixels)
		for c := g * width; c < (g+1)*width; c++ {
			q[c] = float32(-rstd * rstd * meanGN / elements)
			r[c] = float32(-rstd * meanG / elements)
		}
	}
}

// channel joins the sums of dz and dz*(x-mean) over the chunks of an image.
func (j *groupNormJob) channel(image, c int) (plain, along float64) {
	for k := range j.perImage {
		item := image*j.perImage + k
		plain += float64(j.result(item, 0, 2)[c])
		along += float64(j.result(item, 1, 2)[c])
	}
	return plain, along
}

// parameters adds an image's part to the gradients of the parameters.
func (j *groupNormJob) parameters(image, c int, plain, along, more float64) {
	a, d := &j.args, &j.d
	if d.DGamma != nil {
		d.DGamma[c] += float32(more * along)
	}
	if d.DBeta != nil {
		d.DBeta[c] += float32(more * plain)
	}
	if d.DScale == nil {
		return
	}
	at := image*a.ScaleShiftStride + c
	scale, shift := float32(along*float64(a.Gamma[c])+plain*float64(a.Beta[c])), float32(plain)
	if d.AccumulateScales {
		scale, shift = scale+d.DScale[at], shift+d.DShift[at]
	}
	d.DScale[at], d.DShift[at] = scale, shift
}

type groupNormGradApply groupNormJob

// run writes a chunk of dx.
func (s *groupNormGradApply) run(item int) {
	j := (*groupNormJob)(s)
	image, at, pixels := j.chunk(item)
	for lo := 0; lo < pixels; lo += j.block {
		j.gradRows(image, at+lo*j.args.C, min(j.block, pixels-lo))
	}
}

// gradRows writes dx of rows pixels from element at on.
func (j *groupNormJob) gradRows(image, at, rows int) {
	row := func(k int) []float32 { return j.coefficient(image, k, 6) }
	dx, dy, x := j.d.DX[at:], j.dy[at:], j.x[at:]
	switch {
	case j.args.SiLU && j.d.AccumulateX:
		groupNormSiLUGradRowsAdd(dx, dy, x, rows, row(0), row(1), row(2), row(3), row(4), row(5))
	case j.args.SiLU:
		groupNormSiLUGradRows(dx, dy, x, rows, row(0), row(1), row(2), row(3), row(4), row(5))
	case j.d.AccumulateX:
		groupNormGradRowsAdd(dx, dy, x, rows, row(0), row(1), row(2), row(3), row(4), row(5))
	default:
		groupNormGradRows(dx, dy, x, rows, row(0), row(1), row(2), row(3), row(4), row(5))
	}
}

// rsqrt is 1/sqrt(x), rounded once.
func rsqrt(x float64) float32 { return float32(1 / math.Sqrt(x)) }

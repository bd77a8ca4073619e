package kernels

import "lethe/kernels/internal/generic"

// GroupNormGrads says which gradients GroupNormGrad writes, and how. A nil slice
// is not wanted.
type GroupNormGrads struct {
	DX               []float32 // [N,Pixels,C]
	DGamma, DBeta    []float32 // [C]
	DScale, DShift   []float32 // [N,C], rows ScaleShiftStride apart
	AccumulateX      bool      // add to DX instead of overwriting it
	AccumulateGamma  bool      // likewise DGamma
	AccumulateBeta   bool      // likewise DBeta
	AccumulateScales bool      // likewise DScale and DShift
	Work             []float32 // [N,Pixels,C] that may be overwritten, dy itself for one; nil: none, which costs time where DX is accumulated into after SiLU
}

// GroupNormGrad is the gradient of GroupNorm, from its operands and the
// statistics that it left. With n, z and g as there, and G[i,g] the number of
// pixels times channels of a group:
//
//	dz          = dy, or dy*s*(1+z*(1-s)) with s = 1/(1+exp(-z)) with SiLU
//	h[i,p,c]    = dz[i,p,c]*gamma[c]*(1+Scale[i,c])
//	dx[i,p,c]   = rstd[i,g] * (h[i,p,c] - sum over the group of h / G - n[i,p,c] * sum over the group of h*n / G)
//	dgamma[c]   = sum over i, p of dz[i,p,c]*(1+Scale[i,c])*n[i,p,c]
//	dbeta[c]    = sum over i, p of dz[i,p,c]*(1+Scale[i,c])
//	dscale[i,c] = sum over p of dz[i,p,c]*(n[i,p,c]*gamma[c]+beta[c])
//	dshift[i,c] = sum over p of dz[i,p,c]
//
// Shapes: dy, x [N,Pixels,C]; the others as in GroupNormArgs and GroupNormGrads.
// Writes: each wanted output is overwritten, or accumulated into on request.
// Aliasing: an overwritten DX, or Work, may be dy; no other overlap.
// Numerics: the sums run over fixed chunks of pixels in float32, the chunks
// added in order in float64, so the bits do not depend on the number of workers.
// Panics: as GroupNorm; DScale or DShift is wanted where there is no Scale.
func GroupNormGrad(d GroupNormGrads, dy, x []float32, a GroupNormArgs, keep NormStats) {
	d.check(dy, x, &a, keep)
	d.clear(&a)
	if a.N == 0 {
		return
	}
	memory, j := callScratches.get(), groupNormJobs.get()
	j.begin(a, x, keep)
	j.d, j.dy, j.dz = d, dy[:a.len()], d.keep(&a)
	coefs := a.N * generic.CoefRows * a.C
	floats := memory.floats(coefs + a.N*j.chunks*2*a.C)
	j.coef, j.partial = floats[:coefs], floats[coefs:]
	j.sums = memory.doubles(a.N * 2 * a.C)
	j.each(normPrepare)
	j.each(normGradSums)
	j.each(normGradMeet)
	j.gradParams()
	if d.DX != nil {
		j.each(normGradX)
	}
	*j = groupNormJob{}
	groupNormJobs.put(j)
	callScratches.put(memory)
}

// check panics unless the arguments of GroupNormGrad fit each other.
func (d *GroupNormGrads) check(dy, x []float32, a *GroupNormArgs, keep NormStats) {
	const op = "GroupNormGrad"
	a.check(op, keep)
	need(op, "len(x)", len(x), a.len())
	need(op, "len(dy)", len(dy), a.len())
	for _, out := range [...]struct {
		name string
		data []float32
		size int
	}{{"len(d.DX)", d.DX, a.len()}, {"len(d.Work)", d.Work, a.len()}, {"len(d.DGamma)", d.DGamma, a.C}, {"len(d.DBeta)", d.DBeta, a.C}} {
		if out.data != nil {
			need(op, out.name, len(out.data), out.size)
		}
	}
	if d.DScale != nil || d.DShift != nil {
		a.checkScaleShift(op, "len(a.Scale)", a.Scale)
	}
	if d.DScale != nil {
		a.checkScaleShift(op, "len(d.DScale)", d.DScale)
	}
	if d.DShift != nil {
		a.checkScaleShift(op, "len(d.DShift)", d.DShift)
	}
}

// keep is where dz is kept from one phase to the next: nil for nowhere.
func (d *GroupNormGrads) keep(a *GroupNormArgs) []float32 {
	switch {
	case !a.SiLU || d.DX == nil:
		return nil
	case d.AccumulateX:
		return d.Work
	}
	return d.DX
}

// clear zeroes what is not to be accumulated into and is added up.
func (d *GroupNormGrads) clear(a *GroupNormArgs) {
	if d.DGamma != nil && !d.AccumulateGamma {
		clear(d.DGamma[:a.C])
	}
	if d.DBeta != nil && !d.AccumulateBeta {
		clear(d.DBeta[:a.C])
	}
}

// gradSumChunk adds up dz and dz*(x-mean) of elements [lo,hi).
func (j *groupNormJob) gradSumChunk(item, image, lo, hi int) {
	partial := j.partial[item*2*j.C : (item+1)*2*j.C]
	clear(partial)
	plain, along, coef := partial[:j.C], partial[j.C:], j.coefOf(image)
	for ; lo < hi; lo += j.block() {
		to := min(lo+j.block(), hi)
		switch {
		case j.dz != nil:
			affineSiLUGradSumsKeep(plain, along, j.dz[lo:to], j.dy[lo:to], j.x[lo:to], coef)
		case j.SiLU:
			affineSiLUGradSums(plain, along, j.dy[lo:to], j.x[lo:to], coef)
		default:
			affineGradSums(plain, along, j.dy[lo:to], j.x[lo:to], coef)
		}
	}
}

// gradMeet adds up the chunks of an image: its sums of dz and dz*n, what follows
// from them for dx, and the gradients of Scale and Shift. With S the sums over
// a group of the scaled ones,
//
//	dx = dz*scale - rstd*S(dz)/G - (x-mean)*rstd^2*S(dz*n)/G
func (j *groupNormJob) gradMeet(image int) {
	sums := j.sums[image*2*j.C : (image+1)*2*j.C]
	clear(sums)
	for rest := j.partial[image*j.chunks*2*j.C : (image+1)*j.chunks*2*j.C]; len(rest) > 0; rest = rest[2*j.C:] {
		for c, v := range rest[:len(sums)] {
			sums[c] += float64(v)
		}
	}
	coef, per := j.coefOf(image), j.C/j.Groups
	scales := coef[generic.CoefScale*j.C:]
	alongs, plains := coef[generic.CoefAlong*j.C:], coef[generic.CoefPlain*j.C:]
	count := float64(per) * float64(j.Pixels)
	for g := range j.Groups {
		rstd := float64(j.keep.RStd[image*j.Groups+g])
		plain, along := 0.0, 0.0
		for c := g * per; c < (g+1)*per; c++ {
			sums[j.C+c] *= rstd
			plain += float64(scales[c]) * sums[c] // scale has the factor rstd already
			along += float64(scales[c]) * sums[j.C+c]
		}
		for c := g * per; c < (g+1)*per; c++ {
			plains[c], alongs[c] = float32(-plain/count), float32(-along*rstd/count)
		}
	}
	j.gradScaleShift(image, sums[:j.C], sums[j.C:])
}

// gradScaleShift writes the gradients of Scale and Shift of an image from its sums
// of dz and dz*n.
func (j *groupNormJob) gradScaleShift(image int, plain, along []float64) {
	give := func(dst []float32, c int, v float64) {
		if j.d.AccumulateScales {
			v = float64(dst[c] + float32(v))
		}
		dst[c] = float32(v)
	}
	at := image * j.ScaleShiftStride
	for c := range plain {
		if j.d.DScale != nil {
			give(j.d.DScale[at:], c, along[c]*float64(j.Gamma[c])+plain[c]*float64(j.Beta[c]))
		}
		if j.d.DShift != nil {
			give(j.d.DShift[at:], c, plain[c])
		}
	}
}

// gradParams adds up the images. It uses up their sums.
func (j *groupNormJob) gradParams() {
	for image := range j.N {
		plain, along := j.sums[image*2*j.C:][:j.C], j.sums[(image*2+1)*j.C:][:j.C]
		if j.Scale != nil {
			for c, v := range j.Scale[image*j.ScaleShiftStride:][:j.C] {
				plain[c] *= 1 + float64(v)
				along[c] *= 1 + float64(v)
			}
		}
		if j.d.DGamma != nil {
			addRounded(j.d.DGamma[:j.C], along)
		}
		if j.d.DBeta != nil {
			addRounded(j.d.DBeta[:j.C], plain)
		}
	}
}

// addRounded adds float64 numbers to float32 ones.
func addRounded(dst []float32, x []float64) {
	for c, v := range x[:len(dst)] {
		dst[c] += float32(v)
	}
}

// gradChunk computes DX of elements [lo,hi).
func (j *groupNormJob) gradChunk(image, lo, hi int) {
	dx, dz, x, coef := j.d.DX[lo:hi], j.dy[lo:hi], j.x[lo:hi], j.coefOf(image)
	if j.dz != nil {
		dz = j.dz[lo:hi]
	}
	switch {
	case j.SiLU && j.dz == nil:
		affineSiLUGradRowsAdd(dx, dz, x, coef, j.C)
	case j.d.AccumulateX:
		affineGradRowsAdd(dx, dz, x, coef, j.C)
	default:
		affineGradRows(dx, dz, x, coef, j.C)
	}
}

package kernels

import (
	"math"

	"lethe/kernels/internal/generic"
)

// GroupNormArgs are the sizes and parameters of GroupNorm.
type GroupNormArgs struct {
	N, Pixels, C, Groups int
	Eps                  float32
	Gamma, Beta          []float32 // [C]
	Scale, Shift         []float32 // [N,C] each, or both nil: a further scale 1+Scale and shift of every image
	ScaleShiftStride     int       // elements from one image's Scale (Shift) to the next; at least C where there is more than one
	SiLU                 bool      // y = silu(z) instead of z
}

// GroupNorm normalizes every group of adjacent channels of every image to mean
// 0 and variance 1 over all pixels, then scales and shifts by channel. With g
// the group of channel c:
//
//	n[i,p,c] = (x[i,p,c]-mean[i,g])*rstd[i,g]
//	z[i,p,c] = (n[i,p,c]*gamma[c] + beta[c]) * (1+Scale[i,c]) + Shift[i,c]
//	y = z, or z/(1+exp(-z)) with SiLU
//
// Shapes: x, y [N,Pixels,C]; C a multiple of Groups; keep.Mean, keep.RStd
// [N,Groups]; the others as in GroupNormArgs.
// Writes: y and keep are overwritten; keep feeds GroupNormGrad.
// Aliasing: y may be x; no other overlap.
// Units: Eps is added to the variance, so it has the units of x squared.
// Numerics: biased variance from float64 sums of x and x^2 over fixed chunks of
// pixels, added in order: the bits do not depend on the number of workers. The
// relative error of the variance is below that of rounding x to float32, however
// large the mean; bound in groupnorm_test.go.
// Panics: Pixels, Groups or C is 0, C is no multiple of Groups, one of Scale and
// Shift is missing, or a slice is shorter than its shape.
// Source: Wu, He 2018 (arXiv:1803.08494); scale and shift: Dhariwal, Nichol 2021
// (arXiv:2105.05233), section 3.
func GroupNorm(y, x []float32, a GroupNormArgs, keep NormStats) {
	a.check("GroupNorm", keep)
	need("GroupNorm", "len(x)", len(x), a.len())
	need("GroupNorm", "len(y)", len(y), a.len())
	runGroupNorm(y, x, a, keep, true)
}

// GroupNormAgain computes the y of GroupNorm once more, from the statistics that
// it left: the same bits for one reading of x less.
//
// Shapes, Writes, Aliasing, Panics: as GroupNorm, but keep is only read.
func GroupNormAgain(y, x []float32, a GroupNormArgs, keep NormStats) {
	a.check("GroupNormAgain", keep)
	need("GroupNormAgain", "len(x)", len(x), a.len())
	need("GroupNormAgain", "len(y)", len(y), a.len())
	runGroupNorm(y, x, a, keep, false)
}

func runGroupNorm(y, x []float32, a GroupNormArgs, keep NormStats, measure bool) {
	if a.N == 0 {
		return
	}
	memory, j := callScratches.get(), groupNormJobs.get()
	j.begin(a, x, keep)
	j.y = y[:a.len()]
	j.coef = memory.floats(a.N * generic.CoefRows * a.C)
	if measure {
		j.moments = memory.doubles(a.N * j.chunks * 2 * a.C)
		j.each(normSums)
	}
	j.each(normPrepare)
	j.each(normApply)
	*j = groupNormJob{}
	groupNormJobs.put(j)
	callScratches.put(memory)
}

// len is the number of elements of x.
func (a *GroupNormArgs) len() int { return mulSat(mulSat(a.N, a.Pixels), a.C) }

// check panics unless the arguments fit each other.
func (a *GroupNormArgs) check(op string, keep NormStats) {
	need(op, "a.N", a.N, 0)
	need(op, "a.Pixels", a.Pixels, 1)
	need(op, "a.C", a.C, 1)
	need(op, "a.Groups", a.Groups, 1)
	if rest := a.C % a.Groups; rest != 0 {
		fail(op, "remainder of a.C by a.Groups", rest, 0, "exactly")
	}
	need(op, "len(a.Gamma)", len(a.Gamma), a.C)
	need(op, "len(a.Beta)", len(a.Beta), a.C)
	need(op, "len(keep.Mean)", len(keep.Mean), a.N*a.Groups)
	need(op, "len(keep.RStd)", len(keep.RStd), a.N*a.Groups)
	if a.Scale != nil || a.Shift != nil {
		a.checkScaleShift(op, "len(a.Scale)", a.Scale)
		a.checkScaleShift(op, "len(a.Shift)", a.Shift)
	}
}

// checkScaleShift panics unless data holds a row of channels for every image.
func (a *GroupNormArgs) checkScaleShift(op, name string, data []float32) {
	if a.N == 0 {
		return
	}
	if a.N > 1 {
		need(op, "a.ScaleShiftStride", a.ScaleShiftStride, a.C)
	}
	need(op, name, len(data), addSat(mulSat(a.N-1, a.ScaleShiftStride), a.C))
}

// groupNormJob is one GroupNorm or its gradient. It goes through phases; an
// item of a phase is an image, or one chunk of the pixels of one.
type groupNormJob struct {
	GroupNormArgs
	phase  normPhase
	x, y   []float32
	keep   NormStats
	size   int // pixels of a chunk
	chunks int // of an image

	coef    []float32 // [N,CoefRows,C]
	moments []float64 // [N,chunks,2,C]: sums of x and of x^2 of each chunk

	// The gradient only.
	d       GroupNormGrads
	dy, dz  []float32 // dz nil: dy, or computed from it again
	partial []float32 // [N,chunks,2,C]: what AffineGradSums leaves of each chunk
	sums    []float64 // [N,2,C]: the chunks added up
}

// normPhase is a phase of groupNormJob.
type normPhase uint8

const (
	normSums     normPhase = iota // chunk: moments
	normPrepare                   // image: statistics, if there are moments, and coefficients
	normApply                     // chunk: y
	normGradSums                  // chunk: partial
	normGradMeet                  // image: sums, remaining coefficients, DScale and DShift
	normGradX                     // chunk: DX
)

var groupNormJobs freeList[groupNormJob]

func (j *groupNormJob) begin(a GroupNormArgs, x []float32, keep NormStats) {
	*j = groupNormJob{GroupNormArgs: a, x: x[:a.len()], keep: keep, size: partialSize(a.Pixels)}
	j.chunks = (a.Pixels + j.size - 1) / j.size
}

// each runs all items of a phase.
func (j *groupNormJob) each(p normPhase) {
	j.phase = p
	items := j.N * j.chunks
	if p == normPrepare || p == normGradMeet {
		items = j.N
	}
	if j.size*j.chunks*j.N*j.C <= elementChunk {
		for item := range items {
			j.run(0, item)
		}
		return
	}
	parallelFor(items, j)
}

func (j *groupNormJob) run(_, item int) {
	switch j.phase {
	case normPrepare:
		j.prepare(item)
		return
	case normGradMeet:
		j.gradMeet(item)
		return
	}
	image, chunk := item/j.chunks, item%j.chunks
	first := image * j.Pixels
	lo := (first + chunk*j.size) * j.C
	hi := (first + min((chunk+1)*j.size, j.Pixels)) * j.C
	switch j.phase {
	case normSums:
		j.sumChunk(item, lo, hi)
	case normApply:
		j.applyChunk(image, lo, hi)
	case normGradSums:
		j.gradSumChunk(item, image, lo, hi)
	case normGradX:
		j.gradChunk(image, lo, hi)
	}
}

// block is how many elements of x one call of a kernel that adds up channels
// reads: columnSumRows pixels.
func (j *groupNormJob) block() int { return columnSumRows * j.C }

// sumChunk adds up x and x^2 of elements [lo,hi).
func (j *groupNormJob) sumChunk(item, lo, hi int) {
	moments := j.moments[item*2*j.C : (item+1)*2*j.C]
	clear(moments)
	for ; lo < hi; lo += j.block() {
		channelSums(moments[:j.C], moments[j.C:], j.x[lo:min(lo+j.block(), hi)])
	}
}

// applyChunk computes y of elements [lo,hi).
func (j *groupNormJob) applyChunk(image, lo, hi int) {
	if j.SiLU {
		affineSiLURows(j.y[lo:hi], j.x[lo:hi], j.coefOf(image), j.C)
		return
	}
	affineRows(j.y[lo:hi], j.x[lo:hi], j.coefOf(image), j.C)
}

// coefOf are the coefficients of an image.
func (j *groupNormJob) coefOf(image int) []float32 {
	return j.coef[image*generic.CoefRows*j.C : (image+1)*generic.CoefRows*j.C]
}

// prepare finds the statistics of an image and from them its coefficients
//
//	z = (x-mean)*scale + shift, scale = rstd*gamma*(1+Scale), shift = beta*(1+Scale) + Shift
func (j *groupNormJob) prepare(image int) {
	if j.moments != nil {
		j.measure(image)
	}
	coef := j.coefOf(image)
	means, scales, shifts := coef[:j.C], coef[generic.CoefScale*j.C:][:j.C], coef[generic.CoefShift*j.C:][:j.C]
	per := j.C / j.Groups
	for g := range j.Groups {
		lo, hi := g*per, (g+1)*per
		mean, rstd := j.keep.Mean[image*j.Groups+g], j.keep.RStd[image*j.Groups+g]
		for c := lo; c < hi; c++ {
			means[c], scales[c], shifts[c] = mean, rstd*j.Gamma[c], j.Beta[c]
		}
	}
	if j.Scale == nil {
		return
	}
	scale, shift := j.Scale[image*j.ScaleShiftStride:][:j.C], j.Shift[image*j.ScaleShiftStride:][:j.C]
	for c, v := range scale {
		scales[c] *= 1 + v
		shifts[c] = shifts[c]*(1+v) + shift[c]
	}
}

// measure adds up the chunks of an image and leaves the statistics of its
// groups.
func (j *groupNormJob) measure(image int) {
	all := j.moments[image*j.chunks*2*j.C : (image+1)*j.chunks*2*j.C]
	total := all[:2*j.C]
	for rest := all[2*j.C:]; len(rest) > 0; rest = rest[2*j.C:] {
		for c, v := range rest[:len(total)] {
			total[c] += v
		}
	}
	per := j.C / j.Groups
	count := float64(per) * float64(j.Pixels)
	for g := range j.Groups {
		sum, square := 0.0, 0.0
		for c := g * per; c < (g+1)*per; c++ {
			sum += total[c]
			square += total[j.C+c]
		}
		mean := sum / count
		variance := max(0, square/count-float64(mean*mean))
		j.keep.Mean[image*j.Groups+g] = float32(mean)
		j.keep.RStd[image*j.Groups+g] = float32(1 / math.Sqrt(variance+float64(j.Eps)))
	}
}

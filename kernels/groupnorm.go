package kernels

// GroupNormArgs describe a group normalization of channels-last images x
// [N,Pixels,C].
type GroupNormArgs struct {
	N, Pixels, C, Groups int
	Eps                  float32
	Gamma, Beta          []float32 // [C]
	// Scale and Shift are [N,C] each, or both nil. The images' rows of both are
	// ScaleShiftStride elements apart, so that one buffer [N,2C] may hold both.
	Scale, Shift     []float32
	ScaleShiftStride int
	// SiLU applies that activation to the result.
	SiLU bool
}

// GroupNorm normalizes the channels of each image in groups of C/Groups
// neighbouring ones: with mean and rstd = 1/sqrt(variance+Eps) over the pixels
// and channels of a group,
//
//	u[n,p,c] = (x[n,p,c]-mean)*rstd*Gamma[c] + Beta[c]
//	u[n,p,c] = u[n,p,c]*(1+Scale[n,c]) + Shift[n,c]      if there are any
//	y[n,p,c] = u[n,p,c], or u/(1+exp(-u)) with SiLU
//
// Shapes: y, x [N,Pixels,C]; keep.Mean, keep.RStd [N*Groups].
// Writes: y and keep are overwritten; keep feeds GroupNormGrad.
// Aliasing: y may be x; no other overlap.
// Units: Eps is added to the variance, so it has the units of x squared.
// Numerics: biased variance. Each channel of fixed chunks of pixels is summed in
// one pass, as deviations from the mean of up to 16 of its pixels, and joined in
// float64, so that a mean far from 0 costs no digits, and the bits do not depend on
// the number of workers. Bound in groupnorm_test.go.
// Panics: Groups does not divide C, a size is below 1 (N may be 0), only one of
// Scale and Shift is given, or a slice is shorter than its shape.
// Source: Wu, He 2018 (arXiv:1803.08494).
func GroupNorm(y, x []float32, a GroupNormArgs, keep NormStats) {
	a.check("GroupNorm", keep)
	need("GroupNorm", "len(x)", len(x), a.len())
	need("GroupNorm", "len(y)", len(y), a.len())
	if a.N == 0 {
		return
	}
	memory, record := callScratches.get(), groupNormJobs.get()
	*record = newGroupNormJob(a, keep)
	record.x, record.y = x, y
	record.partial = memory.floats(record.chunks*3*a.C + 3*a.N*a.C)
	record.coefficients = record.partial[record.chunks*3*a.C:]
	record.share(record.chunks, (*groupNormStatistics)(record))
	record.share(a.N, (*groupNormJoin)(record))
	record.share(record.chunks, (*groupNormApply)(record))
	*record = groupNormJob{}
	groupNormJobs.put(record)
	callScratches.put(memory)
}

func (a *GroupNormArgs) len() int { return mulSat(mulSat(a.N, a.Pixels), a.C) }

// check panics unless the arguments fit each other.
func (a *GroupNormArgs) check(op string, keep NormStats) {
	need(op, "N", a.N, 0)
	need(op, "Pixels", a.Pixels, 1)
	need(op, "C", a.C, 1)
	need(op, "Groups", a.Groups, 1)
	if a.C%a.Groups != 0 {
		fail(op, "C modulo Groups", a.C%a.Groups, 0, "exactly")
	}
	need(op, "len(Gamma)", len(a.Gamma), a.C)
	need(op, "len(Beta)", len(a.Beta), a.C)
	need(op, "len(keep.Mean)", len(keep.Mean), a.N*a.Groups)
	need(op, "len(keep.RStd)", len(keep.RStd), a.N*a.Groups)
	if (a.Scale != nil || a.Shift != nil) && a.N > 0 {
		need(op, "ScaleShiftStride", a.ScaleShiftStride, a.C)
		need(op, "len(Scale)", len(a.Scale), (a.N-1)*a.ScaleShiftStride+a.C)
		need(op, "len(Shift)", len(a.Shift), (a.N-1)*a.ScaleShiftStride+a.C)
	}
}

// groupNormJob is one GroupNorm or GroupNormGrad; an item is a chunk of the
// pixels of one image.
type groupNormJob struct {
	args     GroupNormArgs
	keep     NormStats
	y, x     []float32
	size     int // pixels of a chunk
	perImage int // chunks of an image
	chunks   int
	block    int // pixels of a call of a row kernel

	partial      []float32 // [chunks,3,C]; of the gradient [chunks,2,C]
	coefficients []float32 // [N,3,C]: mean, scale and shift; of the gradient [N,6,C]

	dy []float32
	d  GroupNormGrads
}

var groupNormJobs freeList[groupNormJob]

// groupNormChunk is about how many elements a chunk has. On a Zen 5 BenchmarkGroupNorm
// takes the same time from 1<<15 on and up to 1.5 times as long with 1<<13 (November
// 2026); smaller chunks are more items to share.
const groupNormChunk = 1 << 15

// groupNormBlock is about how many elements one call of a row kernel handles. It
// goes down the pixels with a few channels in registers, so the pixels must be few
// enough for the hardware to follow them all. BenchmarkGroupNorm on a Zen 5, blocks
// of 4 to 64 pixels, November 2026: 32 pixels of 64 channels, 8 of 256 and 4 of 512
// are the quickest; whole chunks of 512 channels took 2 to 2.5 times as long.
const groupNormBlock = 1 << 11

func newGroupNormJob(a GroupNormArgs, keep NormStats) groupNormJob {
	j := groupNormJob{args: a, keep: keep}
	// At least 16 pixels a chunk, at most 64 chunks an image: the sums stay small.
	j.size = max(16, groupNormChunk/a.C, ceilDiv(a.Pixels, 64))
	j.perImage = ceilDiv(a.Pixels, j.size)
	j.chunks = a.N * j.perImage
	j.block = max(4, groupNormBlock/a.C)
	return j
}

// share runs items, on the caller when there is little to do.
func (j *groupNormJob) share(items int, work job) {
	if j.args.len() <= elementChunk {
		for item := range items {
			work.run(item)
		}
		return
	}
	parallelFor(items, work)
}

// chunk is the image, the first element and the pixels of an item.
func (j *groupNormJob) chunk(item int) (image, at, pixels int) {
	image = item / j.perImage
	first := item % j.perImage * j.size
	return image, (image*j.args.Pixels + first) * j.args.C, min(j.size, j.args.Pixels-first)
}

// result is the k-th partial result of a chunk, of which there are so many.
func (j *groupNormJob) result(item, k, results int) []float32 {
	c := j.args.C
	return j.partial[(item*results+k)*c:][:c]
}

// coefficient is row k of the per-channel numbers of an image, of which there
// are so many rows.
func (j *groupNormJob) coefficient(image, k, rows int) []float32 {
	c := j.args.C
	return j.coefficients[(image*rows+k)*c:][:c]
}

type groupNormStatistics groupNormJob

// run sums every channel over a chunk: deviations from a base, and their squares.
// With b the mean of k of the P pixels, P*(b-mean)^2 is at most P/k times the
// squared deviations from the mean: that is all that cancels in group. The k pixels
// lie evenly over the chunk.
func (s *groupNormStatistics) run(item int) {
	j := (*groupNormJob)(s)
	_, at, pixels := j.chunk(item)
	base, sums, squares := j.result(item, 0, 3), j.result(item, 1, 3), j.result(item, 2, 3)
	x, c := j.x[at:], j.args.C
	fill(base, 0)
	fill(sums, 0)
	fill(squares, 0)
	k := min(pixels, columnSumRows)
	columnSum(base, x, k, pixels/k*c)
	scale(base, 1/float32(k), base)
	for r := 0; r < pixels; r += columnSumRows {
		columnDeviations(sums, squares, x[r*c:], base, min(columnSumRows, pixels-r), c)
	}
}

type groupNormJoin groupNormJob

// run makes mean and rstd of the groups of an image from the sums of its chunks,
// then the coefficients of its channels.
func (s *groupNormJoin) run(image int) {
	j := (*groupNormJob)(s)
	a := &j.args
	width := a.C / a.Groups
	for g := range a.Groups {
		mean, variance := j.group(image, g*width, width)
		j.keep.Mean[image*a.Groups+g] = float32(mean)
		j.keep.RStd[image*a.Groups+g] = rsqrt(variance + float64(a.Eps))
	}
	j.affine(image, 3)
}

// group joins the chunks of width channels of an image. Means are taken relative
// to the first of them, and in float64 what cancels then is far below a float32.
func (j *groupNormJob) group(image, first, width int) (mean, variance float64) {
	var shift, sum, squares float64
	for item := image * j.perImage; item < (image+1)*j.perImage; item++ {
		_, _, rows := j.chunk(item)
		pixels, each := float64(rows), 1/float64(rows)
		base, sums, deviations := j.result(item, 0, 3)[first:], j.result(item, 1, 3)[first:], j.result(item, 2, 3)[first:]
		if item == image*j.perImage {
			shift = float64(base[0])
		}
		for c := range width {
			s := float64(sums[c])
			m := float64(base[c]) + s*each - shift
			sum += pixels * m
			squares += max(0, float64(deviations[c])-s*s*each) + pixels*m*m
		}
	}
	elements := float64(width) * float64(j.args.Pixels)
	d := sum / elements
	return shift + d, max(0, squares/elements-d*d)
}

// affine writes the first three rows of coefficients of an image: mean, scale
// and shift of u = (x-mean)*scale + shift.
func (j *groupNormJob) affine(image, rows int) {
	a := &j.args
	mean, factor, shift := j.coefficient(image, 0, rows), j.coefficient(image, 1, rows), j.coefficient(image, 2, rows)
	width := a.C / a.Groups
	for c := range a.C {
		g := image*a.Groups + c/width
		mean[c], factor[c], shift[c] = j.keep.Mean[g], j.keep.RStd[g]*a.Gamma[c], a.Beta[c]
		if a.Scale != nil {
			at := image*a.ScaleShiftStride + c
			more := 1 + a.Scale[at]
			factor[c] *= more
			shift[c] = float32(shift[c]*more) + a.Shift[at]
		}
	}
}

type groupNormApply groupNormJob

// run writes a chunk of y.
func (s *groupNormApply) run(item int) {
	j := (*groupNormJob)(s)
	image, at, pixels := j.chunk(item)
	mean, factor, shift := j.coefficient(image, 0, 3), j.coefficient(image, 1, 3), j.coefficient(image, 2, 3)
	for lo := 0; lo < pixels; lo += j.block {
		rows, first := min(j.block, pixels-lo), at+lo*j.args.C
		y, x := j.y[first:], j.x[first:]
		if j.args.SiLU {
			groupNormSiLURows(y, x, rows, mean, factor, shift)
		} else {
			groupNormRows(y, x, rows, mean, factor, shift)
		}
	}
}

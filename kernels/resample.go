package kernels

// ImageShape is the shape of channels-last images, [N,H,W,C].
type ImageShape struct{ N, H, W, C int }

// len is the number of elements.
func (s ImageShape) len() int { return mulSat(mulSat(s.N, s.H), mulSat(s.W, s.C)) }

// check panics when a size is negative.
func (s ImageShape) check(op string) {
	need(op, "s.N", s.N, 0)
	need(op, "s.H", s.H, 0)
	need(op, "s.W", s.W, 0)
	need(op, "s.C", s.C, 0)
}

// halved is the shape after pooling, doubled after upsampling.
func (s ImageShape) halved() ImageShape  { return ImageShape{s.N, s.H / 2, s.W / 2, s.C} }
func (s ImageShape) doubled() ImageShape { return ImageShape{s.N, mulSat(2, s.H), mulSat(2, s.W), s.C} }

// ResampleOptions are the choices of the gradients of AvgPool2 and UpNearest2.
type ResampleOptions struct {
	Accumulate bool // add to dx instead of overwriting it
}

// AvgPool2 averages blocks of two by two pixels:
//
//	y[n,i,j,c] = (x[n,2i,2j,c] + x[n,2i,2j+1,c] + x[n,2i+1,2j,c] + x[n,2i+1,2j+1,c]) / 4
//
// Shapes: x [s.N,s.H,s.W,s.C]; y [s.N,s.H/2,s.W/2,s.C]: an odd last row or
// column takes no part.
// Writes: y is overwritten.
// Aliasing: y must not overlap x.
// Numerics: three roundings, the same on every instruction set.
// Panics: a size is negative, or a slice is shorter than its shape.
func AvgPool2(y, x []float32, s ImageShape) {
	s.check("AvgPool2")
	need("AvgPool2", "len(x)", len(x), s.len())
	need("AvgPool2", "len(y)", len(y), s.halved().len())
	resample(resampleJob{pool: true, out: y, in: x, large: s, small: s.halved(), scale: 0.25})
}

// AvgPool2Grad is the gradient of AvgPool2: every pixel of a block gets a
// quarter of the block's dy, what took no part 0.
//
// Shapes: dx [s.N,s.H,s.W,s.C]; dy [s.N,s.H/2,s.W/2,s.C].
// Writes: dx is overwritten, or accumulated into on request.
// Aliasing: dx must not overlap dy.
// Panics: a size is negative, or a slice is shorter than its shape.
func AvgPool2Grad(dx, dy []float32, s ImageShape, o ResampleOptions) {
	s.check("AvgPool2Grad")
	need("AvgPool2Grad", "len(dx)", len(dx), s.len())
	need("AvgPool2Grad", "len(dy)", len(dy), s.halved().len())
	resample(resampleJob{out: dx, in: dy, large: s, small: s.halved(), scale: 0.25, add: o.Accumulate})
}

// UpNearest2 writes every pixel as a block of two by two:
//
//	y[n,i,j,c] = x[n,i/2,j/2,c]
//
// Shapes: x [s.N,s.H,s.W,s.C]; y [s.N,2*s.H,2*s.W,s.C].
// Writes: y is overwritten.
// Aliasing: y must not overlap x.
// Panics: a size is negative, or a slice is shorter than its shape.
func UpNearest2(y, x []float32, s ImageShape) {
	s.check("UpNearest2")
	need("UpNearest2", "len(x)", len(x), s.len())
	need("UpNearest2", "len(y)", len(y), s.doubled().len())
	resample(resampleJob{out: y, in: x, large: s.doubled(), small: s, scale: 1})
}

// UpNearest2Grad is the gradient of UpNearest2, the sum of every block of dy.
//
// Shapes: dx [s.N,s.H,s.W,s.C]; dy [s.N,2*s.H,2*s.W,s.C].
// Writes: dx is overwritten, or accumulated into on request.
// Aliasing: dx must not overlap dy.
// Numerics: three roundings, one more to accumulate, the same on every
// instruction set.
// Panics: a size is negative, or a slice is shorter than its shape.
func UpNearest2Grad(dx, dy []float32, s ImageShape, o ResampleOptions) {
	s.check("UpNearest2Grad")
	need("UpNearest2Grad", "len(dx)", len(dx), s.len())
	need("UpNearest2Grad", "len(dy)", len(dy), s.doubled().len())
	resample(resampleJob{pool: true, out: dx, in: dy, large: s.doubled(), small: s, scale: 1, add: o.Accumulate})
}

// resampleJob adds up blocks of a large image in a small one (pool), or spreads
// the pixels of a small image over a large one. A unit of work is one row of
// the small image, and the rows of the large one that belong to it; an item is
// a group of units.
type resampleJob struct {
	pool         bool
	out, in      []float32
	large, small ImageShape
	scale        float32
	add          bool
}

var resampleJobs freeList[resampleJob]

// resample runs j, over the pool when it is large.
func resample(j resampleJob) {
	rows, width := j.units(), 2*j.large.W*j.large.C
	if rows*width == 0 {
		return
	}
	if rows*width <= elementChunk {
		for r := range rows {
			j.row(r)
		}
		return
	}
	record := resampleJobs.get()
	*record = j
	parallelFor(rowItems(rows, width), record)
	*record = resampleJob{}
	resampleJobs.put(record)
}

// units counts the pairs of rows of the large images, an odd last one included
// where it has to be written.
func (j *resampleJob) units() int {
	if j.pool {
		return j.small.N * j.small.H
	}
	return j.small.N * ((j.large.H + 1) / 2)
}

func (j *resampleJob) run(_, item int) {
	lo, hi := itemRows(j.units(), 2*j.large.W*j.large.C, item)
	for r := lo; r < hi; r++ {
		j.row(r)
	}
}

// row does one unit of work.
func (j *resampleJob) row(unit int) {
	each := j.units() / j.small.N
	image, r := unit/each, unit%each
	wide, narrow := j.large.W*j.large.C, j.small.W*j.small.C
	large, small := j.in, j.out
	if !j.pool {
		large, small = j.out, j.in
	}
	top := large[(image*j.large.H+2*r)*wide:][:wide]
	if r == j.small.H { // an odd last row; only spreading comes here
		j.rest(top)
		return
	}
	bottom := large[(image*j.large.H+2*r+1)*wide:][:wide]
	row := small[(image*j.small.H+r)*narrow:][:narrow]
	switch {
	case narrow == 0: // one column: nothing to spread
	case j.pool && j.add:
		poolRowAdd(row, top, bottom, j.scale, j.small.C)
	case j.pool:
		poolRow(row, top, bottom, j.scale, j.small.C)
	case j.add:
		spreadRowAdd(top, row, j.scale, j.small.C)
		spreadRowAdd(bottom, row, j.scale, j.small.C)
	default:
		spreadRow(top, row, j.scale, j.small.C)
		spreadRow(bottom, row, j.scale, j.small.C)
	}
	if !j.pool {
		j.rest(top[2*narrow:])
		j.rest(bottom[2*narrow:])
	}
}

// rest writes the gradient of what took no part.
func (j *resampleJob) rest(dx []float32) {
	if !j.add {
		clear(dx)
	}
}

package kernels

// ImageShape is a batch of channels-last images [N,H,W,C].
type ImageShape struct{ N, H, W, C int }

func (s ImageShape) len() int { return mulSat(mulSat(s.N, s.H), mulSat(s.W, s.C)) }

// halved is the shape after 2x2 pooling.
func (s ImageShape) halved() ImageShape { return ImageShape{s.N, s.H / 2, s.W / 2, s.C} }

// doubled is the shape after 2x up-sampling.
func (s ImageShape) doubled() ImageShape { return ImageShape{s.N, 2 * s.H, 2 * s.W, s.C} }

func (s ImageShape) check(op string) {
	need(op, "N", s.N, 0)
	need(op, "H", s.H, 0)
	need(op, "W", s.W, 0)
	need(op, "C", s.C, 0)
}

// AvgPool2 averages blocks of 2x2 pixels; a last row or column without a
// partner is left out:
//
//	y[n,i,j,c] = (x[n,2i,2j,c] + x[n,2i+1,2j,c] + (x[n,2i,2j+1,c] + x[n,2i+1,2j+1,c])) / 4
//
// Shapes: x [N,H,W,C] = s; y [N,H/2,W/2,C].
// Writes: y is overwritten.
// Aliasing: none.
// Panics: a size is negative, or a slice is shorter than its shape.
func AvgPool2(y, x []float32, s ImageShape) {
	s.check("AvgPool2")
	need("AvgPool2", "len(x)", len(x), s.len())
	need("AvgPool2", "len(y)", len(y), s.halved().len())
	resample(resampleJob{op: opAvgPool2, large: s, big: x, small: y})
}

// AvgPool2Grad is the gradient of AvgPool2: each pixel of dx gets a quarter of
// its block's dy, a row or column that was left out gets 0.
//
// Shapes: dx [N,H,W,C] = s; dy [N,H/2,W/2,C].
// Writes: dx is overwritten.
// Aliasing: none.
// Panics: a size is negative, or a slice is shorter than its shape.
func AvgPool2Grad(dx, dy []float32, s ImageShape) {
	s.check("AvgPool2Grad")
	need("AvgPool2Grad", "len(dx)", len(dx), s.len())
	need("AvgPool2Grad", "len(dy)", len(dy), s.halved().len())
	if s.halved().len() == 0 {
		fill(dx[:s.len()], 0)
		return
	}
	if s.H%2 == 1 {
		for n := range s.N {
			fill(dx[(n*s.H+s.H-1)*s.W*s.C:][:s.W*s.C], 0)
		}
	}
	resample(resampleJob{op: opAvgPool2Grad, large: s, big: dx, small: dy})
}

// UpNearest2 repeats every pixel in a block of 2x2.
//
// Shapes: x [N,H,W,C] = s; y [N,2H,2W,C].
// Writes: y is overwritten.
// Aliasing: none.
// Panics: a size is negative, or a slice is shorter than its shape.
func UpNearest2(y, x []float32, s ImageShape) {
	s.check("UpNearest2")
	need("UpNearest2", "len(x)", len(x), s.len())
	need("UpNearest2", "len(y)", len(y), s.doubled().len())
	resample(resampleJob{op: opUpNearest2, large: s.doubled(), big: y, small: x})
}

// UpNearest2Grad is the gradient of UpNearest2: each pixel of dx is the sum of
// its block of dy, in the order of AvgPool2.
//
// Shapes: dx [N,H,W,C] = s; dy [N,2H,2W,C].
// Writes: dx is overwritten.
// Aliasing: none.
// Panics: a size is negative, or a slice is shorter than its shape.
func UpNearest2Grad(dx, dy []float32, s ImageShape) {
	s.check("UpNearest2Grad")
	need("UpNearest2Grad", "len(dx)", len(dx), s.len())
	need("UpNearest2Grad", "len(dy)", len(dy), s.doubled().len())
	resample(resampleJob{op: opUpNearest2Grad, large: s.doubled(), big: dy, small: dx})
}

type resampleOp uint8

const (
	opAvgPool2 resampleOp = iota
	opAvgPool2Grad
	opUpNearest2
	opUpNearest2Grad
)

// resampleJob is one change of resolution between big, of shape large, and
// small; an item is one row of small and its two rows of big.
type resampleJob struct {
	op         resampleOp
	large      ImageShape
	big, small []float32
}

var resampleJobs freeList[resampleJob]

func resample(j resampleJob) {
	half := j.large.halved()
	rows := half.N * half.H
	if half.len() == 0 {
		return
	}
	reserveItems(j.large.W * j.large.C)
	if j.large.len() <= elementChunk {
		for item := range rows {
			j.run(item)
		}
		return
	}
	record := resampleJobs.get()
	*record = j
	parallelFor(rows, record)
	*record = resampleJob{}
	resampleJobs.put(record)
}

func (j *resampleJob) run(item int) {
	s, half := j.large, j.large.halved()
	n, i := item/half.H, item%half.H
	width := s.W * s.C
	first := j.big[(n*s.H+2*i)*width:][: 2*width : 2*width]
	upper, lower := first[:width], first[width:]
	row := j.small[item*half.W*s.C:][:half.W*s.C]
	memory := itemScratches.get()
	buffer := memory.floats(width)
	switch j.op {
	case opAvgPool2, opUpNearest2Grad:
		add(buffer[:width], upper, lower)
		for k := range half.W {
			pair := buffer[2*k*s.C:][:2*s.C]
			add(row[k*s.C:][:s.C], pair[:s.C], pair[s.C:])
		}
		if j.op == opAvgPool2 {
			scale(row, 0.25, row)
		}
	case opAvgPool2Grad:
		scale(buffer[:len(row)], 0.25, row)
		spread(upper, buffer[:len(row)], s.C)
		copy(lower, upper)
	case opUpNearest2:
		spread(upper, row, s.C)
		copy(lower, upper)
	}
	itemScratches.put(memory)
}

// spread writes every pixel of src twice; what is left of dst becomes 0.
func spread(dst, src []float32, c int) {
	for k := 0; k < len(src); k += c {
		copy(dst[2*k:], src[k:k+c])
		copy(dst[2*k+c:], src[k:k+c])
	}
	fill(dst[2*len(src):], 0)
}

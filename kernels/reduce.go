package kernels

// reduceChunk is how many elements of a reduction are added up by one call of
// a micro-kernel. Chunks are fixed and their sums are added in order, so the
// bits of a result do not depend on the number of workers. Up to two chunks
// run on the caller.
const reduceChunk = 1 << 14

// Sum returns the sum of x[i], 0 for no elements.
//
// Shapes: x [n].
// Numerics: float64 sums in a fixed order, the same on every instruction set
// and for any number of workers.
func Sum(x []float32) float64 {
	return reduce(reduceJob{op: opSum, x: x, y: x})
}

// Dot returns the sum of x[i]*y[i], 0 for no elements.
//
// Shapes: x, y [n] with n = len(x); a longer y is allowed.
// Numerics: float64 products, which are exact, and sums in a fixed order, the
// same on every instruction set and for any number of workers.
// Panics: y is shorter than x.
func Dot(x, y []float32) float64 {
	need("Dot", "len(y)", len(y), len(x))
	return reduce(reduceJob{op: opDot, x: x, y: y})
}

// SumSquares returns the sum of x[i]^2, 0 for no elements.
//
// Shapes: x [n].
// Numerics: as Dot.
func SumSquares(x []float32) float64 {
	return reduce(reduceJob{op: opSumSquares, x: x, y: x})
}

// SquaredDistance returns the sum of (x[i]-y[i])^2, 0 for no elements.
//
// Shapes: x, y [n] with n = len(x); a longer y is allowed.
// Numerics: float64 differences, squares and sums in a fixed order, the same on
// every instruction set and for any number of workers.
// Panics: y is shorter than x.
func SquaredDistance(x, y []float32) float64 {
	need("SquaredDistance", "len(y)", len(y), len(x))
	return reduce(reduceJob{op: opSquaredDistance, x: x, y: y})
}

// AllFinite reports whether no element of x is infinite or NaN; true for no
// elements.
//
// Shapes: x [n].
func AllFinite(x []float32) bool {
	return reduce(reduceJob{op: opNonFinite, x: x, y: x}) == 0
}

// reduceOp names a reduction.
type reduceOp uint8

const (
	opSum reduceOp = iota
	opDot
	opSumSquares
	opSquaredDistance
	opNonFinite // counts the chunks that have a non-finite element
)

// reduceJob is one reduction; an item is one chunk.
type reduceJob struct {
	op      reduceOp
	x, y    []float32
	partial []float64 // one sum per chunk
}

var reduceJobs freeList[reduceJob]

// reduce adds the sums of the chunks in order.
func reduce(j reduceJob) float64 {
	chunks := (len(j.x) + reduceChunk - 1) / reduceChunk
	total := 0.0
	if chunks <= 2 {
		for item := range chunks {
			total += j.chunk(item)
		}
		return total
	}
	memory := callScratches.get()
	record := reduceJobs.get()
	j.partial = memory.doubles(chunks)
	*record = j
	parallelFor(chunks, record)
	for _, v := range j.partial {
		total += v
	}
	*record = reduceJob{}
	reduceJobs.put(record)
	callScratches.put(memory)
	return total
}

func (j *reduceJob) run(_, item int) { j.partial[item] = j.chunk(item) }

// chunk reduces one chunk.
func (j *reduceJob) chunk(item int) float64 {
	lo := item * reduceChunk
	hi := min(lo+reduceChunk, len(j.x))
	x, y := j.x[lo:hi], j.y[lo:hi]
	switch j.op {
	case opSum:
		return sum(x)
	case opDot:
		return dot(x, y)
	case opSumSquares:
		return sumSquares(x)
	case opSquaredDistance:
		return squaredDistance(x, y)
	}
	if allFinite(x) {
		return 0
	}
	return 1
}

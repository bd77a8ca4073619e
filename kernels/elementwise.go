package kernels

// elementChunk is how many elements one item of an elementwise operation has;
// up to that many run on the caller. 16384 elements take 1 us (op=Add) to 5 us
// (op=Gelu) in BenchmarkVector, several times the 0.3 us that sharing with a
// hot worker costs.
const elementChunk = 1 << 14

// elementOp names an elementwise operation.
type elementOp uint8

const (
	opAdd elementOp = iota
	opSub
	opMul
	opScale
	opAxpy
	opFill
	opScaledDiff
	opGelu
	opGeluGrad
	opSiLU
	opSiLUGrad
)

// elementJob is one elementwise operation on z, with what it reads: x, y and a
// are used as the operation needs them. An item is elementChunk elements.
type elementJob struct {
	op      elementOp
	a       float32
	z, x, y []float32
}

var elementJobs freeList[elementJob]

// elementwise runs j, over the pool when it is large. Every element is
// computed by itself, so the cut into chunks cannot show in the result.
func elementwise(j elementJob) {
	if len(j.z) <= elementChunk {
		j.apply()
		return
	}
	record := elementJobs.get()
	*record = j
	parallelFor((len(j.z)+elementChunk-1)/elementChunk, record)
	*record = elementJob{}
	elementJobs.put(record)
}

func (j *elementJob) run(_, item int) {
	part := *j
	lo := item * elementChunk
	hi := min(lo+elementChunk, len(j.z))
	part.z = j.z[lo:hi]
	if j.x != nil {
		part.x = j.x[lo:hi]
	}
	if j.y != nil {
		part.y = j.y[lo:hi]
	}
	part.apply()
}

// apply runs the operation on all of z.
func (j *elementJob) apply() {
	switch j.op {
	case opAdd:
		add(j.z, j.x, j.y)
	case opSub:
		sub(j.z, j.x, j.y)
	case opMul:
		mul(j.z, j.x, j.y)
	case opScale:
		scale(j.z, j.a, j.x)
	case opAxpy:
		axpy(j.z, j.a, j.x)
	case opFill:
		fill(j.z, j.a)
	case opScaledDiff:
		scaledDiff(j.z, j.a, j.x, j.y)
	case opGelu:
		gelu(j.z, j.x)
	case opGeluGrad:
		geluGrad(j.z, j.x, j.y)
	case opSiLU:
		silu(j.z, j.x)
	case opSiLUGrad:
		siluGrad(j.z, j.x, j.y)
	}
}

// needRows panics unless m is a valid view of exactly rows by cols elements
// whose rows are contiguous.
func needRows(op, name string, m Mat, rows, cols int) {
	needShape(op, name, m, rows, cols)
	if m.Cols > 1 && m.ColStride != 1 {
		fail(op, name+".ColStride", m.ColStride, 1, "exactly")
	}
}

// needRowsOut is needRows for an output: its rows must not overlap, or the
// order of the workers would decide what they hold.
func needRowsOut(op, name string, m Mat, rows, cols int) {
	needRows(op, name, m, rows, cols)
	if m.Rows > 1 && m.RowStride < m.Cols {
		fail(op, name+".RowStride", m.RowStride, m.Cols, "at least")
	}
}

// rowGroup is how many rows one item of a row-wise operation has: about
// elementChunk elements.
func rowGroup(cols int) int { return max(1, elementChunk/max(1, cols)) }

// rowItems is how many items a row-wise operation on rows by cols has.
func rowItems(rows, cols int) int { return (rows + rowGroup(cols) - 1) / rowGroup(cols) }

// itemRows is the range of rows of one item.
func itemRows(rows, cols, item int) (lo, hi int) {
	lo = item * rowGroup(cols)
	return lo, min(lo+rowGroup(cols), rows)
}

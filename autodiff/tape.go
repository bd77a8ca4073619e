package autodiff

// vjp turns the gradient of a record's output into gradients of its inputs.
// It is a plain function, not a closure, so that recording allocates nothing.
type vjp func(*Tape, *record)

// record is one op of the forward pass that the backward pass must answer.
type record struct {
	back  vjp
	again vjp // recomputes out.Data; nil: the output cannot be dropped
	out   *Tensor
	in    [6]*Tensor
	want  [6]bool   // which inputs wanted a gradient when the op ran
	more  []*Tensor // inputs of an op with any number of them
	aux   []float32 // numbers saved by the forward pass
	idx   []int32
	f     float32
	n     int
	flag  bool // an option of the op
}

// Tape records ops and runs them backwards. It owns the memory of every
// tensor that its ops make. Make one with NewTape and keep it: its memory is
// reused from step to step and never returned to the system.
type Tape struct {
	records []record
	floats  floats
	headers bump[Tensor]
	shapes  bump[int]
	ints    bump[int32]
	lists   bump[*Tensor]

	gradients bump[gradient]
	borrowers []*Tensor // leaves whose gradients lie in floats

	spans       []span // room for the free ones of a frozen region
	frozen      int    // depth of Frozen
	once        bool   // in BackwardOnce
	precision   Precision
	convolution ConvAlgorithm
	flops       float64
	meter       Meter
	counted     float64    // flops when the meter heard of the op at work
	seed        [1]float32 // gradient of a loss with respect to itself
}

// NewTape returns an empty tape.
func NewTape() *Tape {
	return &Tape{
		floats:    newFloats(),
		headers:   heapBump[Tensor](64),
		shapes:    heapBump[int](256),
		ints:      heapBump[int32](256),
		lists:     heapBump[*Tensor](16),
		gradients: heapBump[gradient](16),
	}
}

// Reset drops the records and takes back the memory of every tensor that an
// op made; their Data becomes nil. Leaves and their gradients stay, but those of
// BackwardOnce.
// Panics: called inside Frozen.
func (tp *Tape) Reset() {
	if tp.frozen > 0 {
		panic("autodiff: Reset: called inside Frozen")
	}
	clear(tp.records)
	tp.records = tp.records[:0]
	tp.reclaim()
	tp.releaseTo(tapeMark{})
	tp.floats.reset()
	tp.gradients.release(mark{})
}

// tapeMark is a position in everything that a frozen region gives back.
type tapeMark struct{ floats, headers, shapes, ints, lists mark }

func (tp *Tape) mark() tapeMark {
	return tapeMark{tp.floats.mark(), tp.headers.mark(), tp.shapes.mark(), tp.ints.mark(), tp.lists.mark()}
}

// releaseTo takes back all memory since m and clears the headers, so that a
// stale tensor is refused by the next op that gets it.
func (tp *Tape) releaseTo(m tapeMark) {
	for c := m.headers.at; c <= tp.headers.at; c++ {
		clear(tp.headers.since(m.headers, c))
	}
	for c := m.lists.at; c <= tp.lists.at; c++ {
		clear(tp.lists.since(m.lists, c))
	}
	tp.floats.release(m.floats)
	tp.headers.release(m.headers)
	tp.shapes.release(m.shapes)
	tp.ints.release(m.ints)
	tp.lists.release(m.lists)
}

// Frozen runs f without recording: no gradient passes through what it
// computes. When f returns, all memory that its ops took is released but that
// of the returned tensor, which is moved to where the region began. f may
// return nil, or a tensor from outside, which is returned as it is. Regions
// may be nested; an inner one is a Scope.
// Invalidates: every other tensor made in f.
func (tp *Tape) Frozen(f func() *Tensor) *Tensor {
	if tp.frozen > 0 {
		return tp.Scope(f)
	}
	m := tp.mark()
	var out *Tensor
	tp.freeze(func() { out = f() })
	if out == nil || !tp.madeSince(m, out) {
		tp.releaseTo(m)
		return out
	}
	kept := *out
	inside := tp.madeSince(m, kept.root)
	tp.releaseTo(m)
	return tp.revive(kept, inside)
}

// freeze runs f without recording. What it takes and gives back early stays among
// the spans of its own: all of it is released by position in the end.
func (tp *Tape) freeze(f func()) {
	outer := tp.floats.free
	tp.floats.free = tp.spans[:0]
	tp.frozen++
	f()
	tp.frozen--
	tp.spans, tp.floats.free = tp.floats.free[:0], outer
}

// revive makes a released tensor again at the tape's present end. When its
// data was released too it is copied down; the two places may overlap, since
// the new one never begins after the old.
func (tp *Tape) revive(old Tensor, moveData bool) *Tensor {
	t := tp.header(old.shape)
	if !moveData {
		t.Data, t.root, t.off, t.detached = old.Data, old.root, old.off, old.detached
		return t
	}
	t.Data = tp.floats.fresh(t.n)
	copy(t.Data, old.Data)
	return t
}

// madeSince reports whether t's header was handed out after m.
func (tp *Tape) madeSince(m tapeMark, t *Tensor) bool {
	for c := m.headers.at; c <= tp.headers.at; c++ {
		run := tp.headers.since(m.headers, c)
		for i := range run {
			if &run[i] == t {
				return true
			}
		}
	}
	return false
}

// Scope runs f and ends the life of every tensor made in it but the returned
// one; the ops that follow take their memory. While recording that is so for
// outputs that the backward pass does not read. LayerNorm and GELU outputs that it
// reads are dropped too and computed again when it needs them, which costs a small
// part of the matrix products around them. What else it reads stays. Results are
// bit-identical with and without Scope, which is meant for one block of a network.
// f may return nil, or a tensor from outside.
// Invalidates: every other tensor made in f.
func (tp *Tape) Scope(f func() *Tensor) *Tensor {
	m := tp.mark()
	out := f()
	var stays *Tensor
	if out != nil {
		stays = out.root
	}
	for c := m.headers.at; c <= tp.headers.at; c++ {
		run := tp.headers.since(m.headers, c)
		for i := range run {
			tp.drop(&run[i], stays)
		}
	}
	return out
}

// Drop ends the life of a tensor inside Frozen before its scope does; the ops that
// follow take its memory.
// Invalidates: x and every view of it.
// Panics: outside Frozen, or x is a view or of no op.
func (tp *Tape) Drop(x *Tensor) {
	if tp.frozen == 0 || x.root != x || x.tape != tp {
		panic("autodiff: Drop: want a tensor that an op made inside Frozen")
	}
	needLive("Drop", "x", x)
	tp.floats.put(x.Data)
	x.Data = nil
}

// drop ends the life of a tensor made in a scope, unless its root is stays.
// A root precedes its views, so its data is gone when they come.
func (tp *Tape) drop(t, stays *Tensor) {
	switch {
	case t.root == stays:
	case t.root != t:
		if t.root.tape != nil && t.root.Data == nil {
			t.Data = nil
		}
	case t.Data == nil:
	case !t.kept || t.maker > 0 && tp.records[t.maker-1].again != nil:
		tp.floats.put(t.Data)
		t.Data = nil
	}
}

// FLOPs returns the floating-point operations of matrix products, 2*M*N*K
// each, forward and backward, since NewTape or ResetFLOPs. Attention counts
// two products forward and four backward; what its backward pass computes
// again is not counted, and neither is anything that is not a matrix product.
func (tp *Tape) FLOPs() float64 { return tp.flops }

// ResetFLOPs sets the count back to 0.
func (tp *Tape) ResetFLOPs() { tp.flops = 0 }

// countProduct adds one matrix product of [m,k] by [k,n].
func (tp *Tape) countProduct(m, n, k int) {
	tp.flops += 2 * float64(m) * float64(n) * float64(k)
}

// MemoryStats is the size of a tape's arena in elements (float32).
type MemoryStats struct {
	Reserved int // taken from the system so far
	Peak     int // most of it in use at one time since NewTape
}

// Memory returns the size of the arena. Leaves, their gradients and the
// headers of tensors are not in it.
func (tp *Tape) Memory() MemoryStats {
	return MemoryStats{Reserved: tp.floats.reserved(), Peak: tp.floats.high}
}

// header returns a new tensor of the given shape without data.
func (tp *Tape) header(shape []int) *Tensor {
	own := tp.shapes.take(len(shape))
	copy(own, shape)
	t := &tp.headers.take(1)[0]
	*t = Tensor{shape: own, n: elements("Tape", own), tape: tp}
	t.root = t
	return t
}

// output returns a new tensor of the given shape for an op to overwrite.
func (tp *Tape) output(shape []int) *Tensor {
	t := tp.header(shape)
	t.Data = tp.buffer(t.n)
	return t
}

// outputWidth returns a new tensor like x but with last dimension n.
func (tp *Tape) outputWidth(x *Tensor, n int) *Tensor {
	t := tp.header(x.shape)
	t.shape[len(t.shape)-1] = n
	t.n = elements("Tape", t.shape)
	t.Data = tp.buffer(t.n)
	return t
}

// scalar returns a new tensor [1] that holds v.
func (tp *Tape) scalar(v float32) *Tensor {
	shape := [1]int{1}
	t := tp.output(shape[:])
	t.Data[0] = v
	return t
}

// buffer returns n elements to overwrite.
func (tp *Tape) buffer(n int) []float32 { return tp.floats.reuse(n) }

// free returns a buffer early.
func (tp *Tape) free(data []float32) { tp.floats.put(data) }

// wants reports whether a gradient with respect to t is needed.
func (tp *Tape) wants(t *Tensor) bool {
	if t == nil || t.detached {
		return false
	}
	if t.root.needs && t.root.tape != tp {
		panic("autodiff: a tensor that needs a gradient belongs to another tape")
	}
	return t.root.trainable || t.root.needs
}

// record appends an op with output out, unless nothing needs its gradient, in
// which case it returns nil. The record is valid until the next one.
func (tp *Tape) record(out *Tensor, back, again vjp, in ...*Tensor) *record {
	if tp.frozen > 0 {
		return nil
	}
	r := record{back: back, again: again, out: out}
	for i, t := range in {
		r.in[i], r.want[i] = t, tp.wants(t)
		out.needs = out.needs || r.want[i]
	}
	if !out.needs {
		return nil
	}
	tp.records = append(tp.records, r)
	out.maker = len(tp.records)
	return &tp.records[len(tp.records)-1]
}

// recordMany is record for an op with any number of inputs.
func (tp *Tape) recordMany(out *Tensor, back vjp, in []*Tensor) *record {
	for _, t := range in {
		out.needs = out.needs || tp.frozen == 0 && tp.wants(t)
	}
	if !out.needs {
		return nil
	}
	more := tp.lists.take(len(in))
	copy(more, in)
	tp.records = append(tp.records, record{back: back, out: out, more: more})
	out.maker = len(tp.records)
	return &tp.records[len(tp.records)-1]
}

package kernels

import "slices"

// Heads views queries, keys, values or an output inside a larger buffer.
// Element (b, t, h, d) is Data[b*BatchStride+t*TokenStride+h*HeadStride+d];
// strides count elements and are not negative.
type Heads struct {
	Data                                 []float32
	Batch, Tokens, Heads, Dim            int
	BatchStride, TokenStride, HeadStride int
}

// at returns the tokens of one head as a matrix [Tokens,Dim].
func (h Heads) at(batch, head int) Mat {
	m := Mat{Rows: h.Tokens, Cols: h.Dim, RowStride: h.TokenStride, ColStride: 1}
	if h.Tokens > 0 {
		m.Data = h.Data[batch*h.BatchStride+head*h.HeadStride:]
	}
	return m
}

// AttentionArgs are the operands of Attention.
type AttentionArgs struct {
	Q, K, V Heads
	Scale   float32   // multiplies the scores; 1/sqrt(Dim) as a rule
	LSE     []float32 // [B,H,Tq] log-sum-exp of the scaled scores
}

// Attention is scaled-dot-product attention: for every batch b and head h,
//
//	s[i,j]   = Scale * sum over d of q[i,d]*k[j,d]
//	lse[i]   = log(sum over j of exp(s[i,j]))
//	out[i,d] = sum over j of exp(s[i,j]-lse[i]) * v[j,d]
//
// Shapes: Q, out [B,Tq,H,Dim]; K, V [B,Tk,H,Dim]; LSE [B,H,Tq] or nil. Tq and
// Tk may differ; Tk and Dim are at least 1.
// Writes: out is overwritten, and LSE unless it is nil.
// Aliasing: out and LSE must not overlap each other or an operand.
// Numerics: the scores of a block of rows are kept in memory that does not
// grow with Tq; the order of every sum is fixed by the shapes alone. A
// probability below 2^-125 of a row's largest may count as that.
// Panics: shapes differ, Tk or Dim is 0, a slice is shorter than its shape, or
// the strides of out do not nest: each is at least what the smaller ones span.
// Source: Vaswani et al. 2017 (arXiv:1706.03762), equation 1.
func Attention(out Heads, a AttentionArgs) {
	a.check("Attention")
	out.checkOutput("Attention", "out", a.Q)
	if a.LSE != nil {
		need("Attention", "len(a.LSE)", len(a.LSE), a.Q.Batch*a.Q.Heads*a.Q.Tokens)
	}
	if a.Q.Batch*a.Q.Heads*a.Q.Tokens == 0 {
		return
	}
	reserveItems(attentionScratch(a.Q.Tokens, a.K.at(0, 0)))
	record := attentionJobs.get()
	*record = attentionJob{out: out, args: a, heads: headsOfItem(a.Q)}
	parallelFor(a.Q.Batch*a.Q.Heads/record.heads, record)
	*record = attentionJob{}
	attentionJobs.put(record)
}

// attentionJob is one Attention; an item is one head of one batch, or all heads of one.
type attentionJob struct {
	out   Heads
	args  AttentionArgs
	heads int // of an item
}

var attentionJobs freeList[attentionJob]

func (j *attentionJob) run(worker, item int) {
	memory := itemScratches.take(worker)
	buffer := memory.floats(attentionScratch(j.args.Q.Tokens, j.args.K.at(0, 0)))
	for i := item * j.heads; i < (item+1)*j.heads; i++ {
		j.head(i, buffer)
	}
	itemScratches.give(worker, memory)
}

// head does head i, counted through all batches.
func (j *attentionJob) head(i int, buffer []float32) {
	b, h := i/j.args.Q.Heads, i%j.args.Q.Heads
	q, k, v, out := j.args.Q.at(b, h), j.args.K.at(b, h), j.args.V.at(b, h), j.out.at(b, h)
	block, stride := scoreBlock(q.Rows, k.Rows), scoreStride(k.Rows)
	keys, buffer := buffer[:panelSize(k)], buffer[panelSize(k):]
	stats, buffer := buffer[:2*roundUp(block, 4)], buffer[2*roundUp(block, 4):]

	fetch(b, h, &j.out)
	fetchNext(b, h, &j.args.K)
	packKeys(keys, k)
	fetchNext(b, h, &j.args.Q)
	for lo := 0; lo < q.Rows; lo += block {
		hi := min(lo+block, q.Rows)
		scores := Mat{Data: buffer, Rows: hi - lo, Cols: k.Rows, RowStride: stride, ColStride: 1}
		multiplyPanels(scores, q.band(lo, hi), keys)
		if lo == 0 {
			fetchNext(b, h, &j.args.V)
		}
		lse, sum := stats[:hi-lo], stats[len(stats)/2:]
		attentionRows(buffer, stride, k.Rows, j.args.Scale, lse, sum)
		if j.args.LSE != nil {
			copy(j.args.LSE[i*q.Rows+lo:], lse)
		}
		multiplyRows(out.band(lo, hi), scores, v, 0)
	}
}

// attentionScratch is how many elements one head takes: the keys in panels, a
// block of scores, and two numbers for each row of it.
func attentionScratch(queries int, k Mat) int {
	block := scoreBlock(queries, k.Rows)
	return panelSize(k) + block*scoreStride(k.Rows) + 2*roundUp(block, 4)
}

// check panics unless the operands fit each other.
func (a *AttentionArgs) check(op string) {
	need(op, "a.K.Tokens", a.K.Tokens, 1)
	need(op, "a.Q.Dim", a.Q.Dim, 1)
	a.Q.check(op, "a.Q", a.Q)
	keys := a.Q
	keys.Tokens = a.K.Tokens
	a.K.check(op, "a.K", keys)
	a.V.check(op, "a.V", keys)
}

// check panics unless h is a valid view of the sizes of want.
func (h Heads) check(op, name string, want Heads) {
	for _, d := range [...]struct {
		what      string
		got, want int
	}{
		{".Batch", h.Batch, want.Batch}, {".Tokens", h.Tokens, want.Tokens},
		{".Heads", h.Heads, want.Heads}, {".Dim", h.Dim, want.Dim},
	} {
		if d.got != d.want {
			fail(op, name+d.what, d.got, d.want, "exactly")
		}
	}
	if h.Batch|h.Tokens|h.Heads|h.Dim|h.BatchStride|h.TokenStride|h.HeadStride < 0 {
		need(op, name+".Batch", h.Batch, 0)
		need(op, name+".Tokens", h.Tokens, 0)
		need(op, name+".Heads", h.Heads, 0)
		need(op, name+".Dim", h.Dim, 0)
		need(op, name+".BatchStride", h.BatchStride, 0)
		need(op, name+".TokenStride", h.TokenStride, 0)
		need(op, name+".HeadStride", h.HeadStride, 0)
	}
	if h.Batch == 0 || h.Tokens == 0 || h.Heads == 0 || h.Dim == 0 {
		return
	}
	span := addSat(mulSat(h.Batch-1, h.BatchStride), mulSat(h.Tokens-1, h.TokenStride))
	span = addSat(span, addSat(mulSat(h.Heads-1, h.HeadStride), h.Dim))
	if len(h.Data) < span { // joins the name only to fail: every call passes here
		need(op, "len("+name+".Data)", len(h.Data), span)
	}
}

// checkOutput is check for what is written: it panics also when elements may
// coincide. Axes in the order of their strides must nest: a stride is at least
// what the axes before it span.
func (h Heads) checkOutput(op, name string, want Heads) {
	h.check(op, name, want)
	if h.Batch == 0 || h.Tokens == 0 || h.Heads == 0 {
		return
	}
	type axis struct {
		what      string
		n, stride int
	}
	axes := [...]axis{{".HeadStride", h.Heads, h.HeadStride}, {".TokenStride", h.Tokens, h.TokenStride}, {".BatchStride", h.Batch, h.BatchStride}}
	slices.SortStableFunc(axes[:], func(a, b axis) int { return a.stride - b.stride })
	span := h.Dim
	for _, a := range axes {
		if a.n == 1 {
			continue
		}
		if a.stride < span {
			fail(op, name+a.what, a.stride, span, "at least")
		}
		span += (a.n - 1) * a.stride
	}
}

package kernels

// AttentionGrads are the outputs of AttentionGrad: DQ [B,Tq,H,Dim] and DK, DV
// [B,Tk,H,Dim].
type AttentionGrads struct{ DQ, DK, DV Heads }

// AttentionGrad is the gradient of Attention with respect to Q, K and V, from
// its output and its LSE. With s and lse as in Attention:
//
//	p[i,j]   = exp(s[i,j]-lse[i])
//	ds[i,j]  = Scale * p[i,j] * (sum over d of dout[i,d]*v[j,d] - sum over d of dout[i,d]*out[i,d])
//	dq[i,d]  = sum over j of ds[i,j]*k[j,d]
//	dk[j,d]  = sum over i of ds[i,j]*q[i,d]
//	dv[j,d]  = sum over i of p[i,j]*dout[i,d]
//
// Shapes: dout, out as Attention's out; a.LSE [B,H,Tq] is required.
// Writes: all of d is overwritten.
// Aliasing: the outputs overlap neither each other nor what is read; views of
// one buffer that share no element are fine.
// Numerics: rows are taken in fixed blocks in order, so the bits depend on the
// shapes alone. p stays within exp(-87) and exp(88), which with Attention's LSE
// only the smallest reach.
// Panics: shapes differ, Tk or Dim is 0, a slice is shorter than its shape, or
// the strides of an output do not nest, as in Attention.
// Source: Dao et al. 2022 (arXiv:2205.14135), appendix B.4.
func AttentionGrad(d AttentionGrads, dout, out Heads, a AttentionArgs) {
	a.check("AttentionGrad")
	dout.check("AttentionGrad", "dout", a.Q)
	out.check("AttentionGrad", "out", a.Q)
	d.DQ.checkOutput("AttentionGrad", "d.DQ", a.Q)
	d.DK.checkOutput("AttentionGrad", "d.DK", a.K)
	d.DV.checkOutput("AttentionGrad", "d.DV", a.K)
	need("AttentionGrad", "len(a.LSE)", len(a.LSE), a.Q.Batch*a.Q.Heads*a.Q.Tokens)
	if a.Q.Batch*a.Q.Heads == 0 {
		return
	}
	if a.Q.Tokens > 0 {
		reserveItems(attentionGradScratch(a.Q.Tokens, a.K.at(0, 0)))
	}
	record := attentionGradJobs.get()
	*record = attentionGradJob{d: d, dout: dout, out: out, args: a, heads: headsOfItem(a.Q)}
	parallelFor(a.Q.Batch*a.Q.Heads/record.heads, record)
	*record = attentionGradJob{}
	attentionGradJobs.put(record)
}

// attentionGradJob is one AttentionGrad; an item is one head of one batch, or all heads of one.
type attentionGradJob struct {
	d         AttentionGrads
	dout, out Heads
	args      AttentionArgs
	heads     int // of an item
}

var attentionGradJobs freeList[attentionGradJob]

func (j *attentionGradJob) run(worker, item int) {
	memory := itemScratches.take(worker)
	var buffer []float32
	if j.args.Q.Tokens > 0 {
		buffer = memory.floats(attentionGradScratch(j.args.Q.Tokens, j.args.K.at(0, 0)))
	}
	for i := item * j.heads; i < (item+1)*j.heads; i++ {
		j.head(i, buffer)
	}
	itemScratches.give(worker, memory)
}

// head does head i, counted through all batches.
func (j *attentionGradJob) head(i int, buffer []float32) {
	b, h := i/j.args.Q.Heads, i%j.args.Q.Heads
	q, k, v := j.args.Q.at(b, h), j.args.K.at(b, h), j.args.V.at(b, h)
	dq, dk, dv := j.d.DQ.at(b, h), j.d.DK.at(b, h), j.d.DV.at(b, h)
	dout, out := j.dout.at(b, h), j.out.at(b, h)
	if q.Rows == 0 {
		for r := range dk.Rows {
			fill(dk.Row(r), 0)
			fill(dv.Row(r), 0)
		}
		return
	}
	if smallHeads(j.args.Q) {
		fetchNext(b, h, &j.args.K, &j.args.V, &j.args.Q, &j.dout, &j.out)
		fetch(b, h, &j.d.DQ, &j.d.DK, &j.d.DV)
	} else {
		fetch(b, h, &j.args.K, &j.args.V, &j.args.Q, &j.dout, &j.out, &j.d.DQ, &j.d.DK, &j.d.DV)
	}
	block, stride := scoreBlock(q.Rows, k.Rows), scoreStride(k.Rows)
	keys, buffer := buffer[:panelSize(k)], buffer[panelSize(k):]
	values, buffer := buffer[:panelSize(k)], buffer[panelSize(k):]
	deltas, buffer := buffer[:block], buffer[block:]
	packKeys(keys, k)
	packKeys(values, v)
	for lo := 0; lo < q.Rows; lo += block {
		hi := min(lo+block, q.Rows)
		p := Mat{Data: buffer[:block*stride], Rows: hi - lo, Cols: k.Rows, RowStride: stride, ColStride: 1}
		ds := Mat{Data: buffer[block*stride:], Rows: hi - lo, Cols: k.Rows, RowStride: stride, ColStride: 1}
		qs, douts, outs := q.band(lo, hi), dout.band(lo, hi), out.band(lo, hi)
		multiplyPanels(p, qs, keys)
		multiplyPanels(ds, douts, values)
		delta := deltas[:hi-lo]
		rowDots(delta, douts.Data, douts.RowStride, outs.Data, outs.RowStride, q.Cols)
		lse := j.args.LSE[i*q.Rows+lo:][:hi-lo]
		attentionGradRows(p.Data, ds.Data, stride, k.Rows, j.args.Scale, lse, delta)
		multiplyRows(dq.band(lo, hi), ds, k, 0)
		add := min(lo, 1) // the first block overwrites, the others accumulate
		multiplyRows(dk, ds.T(), qs, add)
		multiplyRows(dv, p.T(), douts, add)
	}
}

// attentionGradScratch is how many elements one head takes: keys and values in
// panels, a block of probabilities and one of their gradients, and one number
// for each row.
func attentionGradScratch(queries int, k Mat) int {
	block := scoreBlock(queries, k.Rows)
	return 2*panelSize(k) + 2*block*scoreStride(k.Rows) + block
}

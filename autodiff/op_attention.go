package autodiff

import (
	"math"
	"strconv"

	"lethe/kernels"
)

// Attention is multi-head scaled dot-product self-attention over one buffer
// of queries, keys and values:
//
//	out[b,t,h,:] = sum_s softmax_s(q[b,t,h,:].k[b,s,h,:]/sqrt(Dh)) * v[b,s,h,:]
//
// Shapes: qkv [B,T,3*H*Dh], each token q then k then v, each as [H,Dh];
// out [B,T,H*Dh].
// Numerics: the backward pass saves the log-sum-exp of every row of scores,
// [B,H,T], and computes the scores again; see kernels.Attention.
// Panics: ShapeError; heads is not positive.
// Source: Vaswani et al. 2017 (arXiv:1706.03762), section 3.2.
func (tp *Tape) Attention(qkv *Tensor, heads int) *Tensor {
	return tp.attention("Attention", qkv, heads, false)
}

// AttentionInterleaved is Attention with another order of the numbers of a
// token: heads come one after another, each with its q, k and v.
// Shapes: qkv [B,T,H*3*Dh], each token H times q, k and v, each [Dh]; out
// [B,T,H*Dh].
// Panics: ShapeError; heads is not positive.
func (tp *Tape) AttentionInterleaved(qkv *Tensor, heads int) *Tensor {
	return tp.attention("AttentionInterleaved", qkv, heads, true)
}

func (tp *Tape) attention(op string, qkv *Tensor, heads int, interleaved bool) *Tensor {
	needShape(op, "qkv", qkv, anyDim, anyDim, anyDim)
	b, t, w := qkv.shape[0], qkv.shape[1], qkv.shape[2]
	if heads < 1 || w%(3*heads) != 0 {
		panic(&ShapeError{Op: op, Quantity: "last dimension of qkv", Got: strconv.Itoa(w),
			Want: "a multiple of 3*heads, heads = " + strconv.Itoa(heads)})
	}

	out := tp.outputWidth(qkv, w/3)
	r := tp.record(out, attentionBack, nil, qkv)
	var lse []float32
	if r != nil {
		lse = tp.buffer(b * heads * t)
		r.aux, r.n, r.on = lse, heads, interleaved
		keep(qkv)
		keep(out)
	}
	kernels.Attention(headsOf(out.Data, out, heads), attentionArgs(qkv.Data, qkv, heads, interleaved, lse))
	tp.flops += attentionProductFLOPs(qkv, 2)
	return out
}

// attentionBack needs q, k, v, the output and the row statistics.
func attentionBack(tp *Tape, r *record) {
	qkv, out, heads := r.in[0], r.out, r.n
	d := tp.open(qkv)
	var grads kernels.AttentionGrads
	grads.DQ, grads.DK, grads.DV = partsOf(d.data, qkv, heads, r.on)
	kernels.AttentionGrad(grads, headsOf(r.dout(), out, heads), headsOf(out.Data, out, heads),
		attentionArgs(tp.value(qkv), qkv, heads, r.on, r.aux))
	tp.flops += attentionProductFLOPs(qkv, 4)
	tp.commit(d)
}

// headsOf views a buffer shaped like t, every token [H,Dh].
func headsOf(data []float32, t *Tensor, heads int) kernels.Heads {
	token := t.shape[2]
	return kernels.Heads{
		Data: data, Batch: t.shape[0], Tokens: t.shape[1], Heads: heads, Dim: token / heads,
		BatchStride: t.shape[1] * token, TokenStride: token, HeadStride: token / heads,
	}
}

// partsOf views the queries, keys and values in a buffer shaped like t, every
// token [3,H,Dh], or [H,3,Dh] if interleaved.
func partsOf(data []float32, t *Tensor, heads int, interleaved bool) (q, k, v kernels.Heads) {
	q = headsOf(data, t, heads)
	q.Dim /= 3
	next := q.Dim // from a query to its key, and from there to its value
	if !interleaved {
		next *= heads
		q.HeadStride = q.Dim
	}
	k, v = q, q
	if len(data) > 0 { // an empty batch has no token to start in
		k.Data, v.Data = data[next:], data[2*next:]
	}
	return q, k, v
}

func attentionArgs(data []float32, qkv *Tensor, heads int, interleaved bool, lse []float32) kernels.AttentionArgs {
	a := kernels.AttentionArgs{LSE: lse}
	a.Q, a.K, a.V = partsOf(data, qkv, heads, interleaved)
	a.Scale = float32(1 / math.Sqrt(float64(a.Q.Dim)))
	return a
}

// attentionProductFLOPs is the work of some number of [T,Dh] by [Dh,T]
// products for every sample and head: 2*T*T*Dh each.
func attentionProductFLOPs(qkv *Tensor, products int) float64 {
	b, t, w := float64(qkv.shape[0]), float64(qkv.shape[1]), float64(qkv.shape[2]/3)
	return float64(products) * 2 * b * t * t * w
}

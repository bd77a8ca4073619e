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
// [B,H,T], and computes the scores again; see kernels.Attention. Its products
// are float32 whatever SetPrecision says, which says why.
// Panics: ShapeError; heads is not positive.
// Source: Vaswani et al. 2017 (arXiv:1706.03762), section 3.2.
func (tp *Tape) Attention(qkv *Tensor, heads int) *Tensor {
	return tp.attention("Attention", qkv, heads, false)
}

// AttentionInterleaved is Attention with another order of the channels: each
// token has, head by head, the query, the key and the value of that head.
//
// Shapes: qkv [B,T,H*3*Dh], each token as [H,3,Dh]; out [B,T,H*Dh].
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
		r.aux, r.n, r.flag = lse, heads, interleaved
		keep(qkv)
		keep(out)
	}
	tp.begin("attention")
	kernels.Attention(headsOf(out.Data, out, whole(heads), 0), attentionArgs(qkv.Data, qkv, partsOf(heads, interleaved), lse))
	tp.flops += attentionProductFLOPs(qkv, 2)
	tp.end(qkv.n + out.n + len(lse))
	return out
}

// attentionBack needs q, k, v, the output and the row statistics.
func attentionBack(tp *Tape, r *record) {
	qkv, out, heads := r.in[0], r.out, r.n
	data, parts := tp.value(qkv), partsOf(heads, r.flag)
	tp.begin("attention.grad")
	d := tp.open(qkv)
	grads := kernels.AttentionGrads{
		DQ: headsOf(d.data, qkv, parts, 0),
		DK: headsOf(d.data, qkv, parts, 1),
		DV: headsOf(d.data, qkv, parts, 2),
	}
	kernels.AttentionGrad(grads, headsOf(r.dout(), out, whole(heads), 0), headsOf(out.Data, out, whole(heads), 0),
		attentionArgs(data, qkv, parts, r.aux))
	tp.flops += attentionProductFLOPs(qkv, 4)
	tp.end(2*qkv.n + 2*out.n + len(r.aux) + tp.commit(d))
}

// division says how a token is divided: into parts equal parts, each of all
// heads, or into heads, each of all parts.
type division struct {
	parts, heads int
	byHead       bool
}

// whole is a token that is one part.
func whole(heads int) division { return division{parts: 1, heads: heads} }

// partsOf is a token of queries, keys and values.
func partsOf(heads int, interleaved bool) division { return division{3, heads, interleaved} }

// headsOf views part number i of every token of a buffer shaped like t.
func headsOf(data []float32, t *Tensor, d division, i int) kernels.Heads {
	token := t.shape[2]
	dim := token / d.parts / d.heads
	first, head := i*d.heads*dim, dim
	if d.byHead {
		first, head = i*dim, d.parts*dim
	}
	first = min(first, len(data)) // an empty batch has no token to start in
	return kernels.Heads{
		Data: data[first:], Batch: t.shape[0], Tokens: t.shape[1], Heads: d.heads, Dim: dim,
		BatchStride: t.shape[1] * token, TokenStride: token, HeadStride: head,
	}
}

func attentionArgs(data []float32, qkv *Tensor, d division, lse []float32) kernels.AttentionArgs {
	dim := qkv.shape[2] / 3 / d.heads
	return kernels.AttentionArgs{
		Q: headsOf(data, qkv, d, 0), K: headsOf(data, qkv, d, 1), V: headsOf(data, qkv, d, 2),
		Scale: float32(1 / math.Sqrt(float64(dim))), LSE: lse,
	}
}

// attentionProductFLOPs is the work of some number of [T,Dh] by [Dh,T]
// products for every sample and head: 2*T*T*Dh each.
func attentionProductFLOPs(qkv *Tensor, products int) float64 {
	b, t, w := float64(qkv.shape[0]), float64(qkv.shape[1]), float64(qkv.shape[2]/3)
	return float64(products) * 2 * b * t * t * w
}

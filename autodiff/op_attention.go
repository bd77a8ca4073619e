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
	needShape("Attention", "qkv", qkv, anyDim, anyDim, anyDim)
	b, t, w := qkv.shape[0], qkv.shape[1], qkv.shape[2]
	if heads < 1 || w%(3*heads) != 0 {
		panic(&ShapeError{Op: "Attention", Quantity: "last dimension of qkv", Got: strconv.Itoa(w),
			Want: "a multiple of 3*heads, heads = " + strconv.Itoa(heads)})
	}

	out := tp.outputWidth(qkv, w/3)
	r := tp.record(out, attentionBack, nil, qkv)
	var lse []float32
	if r != nil {
		lse = tp.buffer(b * heads * t)
		r.aux, r.n = lse, heads
		keep(qkv)
		keep(out)
	}
	kernels.Attention(headsOf(out.Data, out, 1, 0, heads), attentionArgs(qkv.Data, qkv, heads, lse))
	tp.flops += attentionProductFLOPs(qkv, 2)
	return out
}

// attentionBack needs q, k, v, the output and the row statistics.
func attentionBack(tp *Tape, r *record) {
	qkv, out, heads := r.in[0], r.out, r.n
	d := tp.open(qkv)
	grads := kernels.AttentionGrads{
		DQ: headsOf(d.data, qkv, 3, 0, heads),
		DK: headsOf(d.data, qkv, 3, 1, heads),
		DV: headsOf(d.data, qkv, 3, 2, heads),
	}
	kernels.AttentionGrad(grads, headsOf(r.dout(), out, 1, 0, heads), headsOf(out.Data, out, 1, 0, heads),
		attentionArgs(tp.value(qkv), qkv, heads, r.aux))
	tp.flops += attentionProductFLOPs(qkv, 4)
	tp.commit(d)
}

// headsOf views part number i of parts equal parts of every token of a
// buffer shaped like t.
func headsOf(data []float32, t *Tensor, parts, i, heads int) kernels.Heads {
	token := t.shape[2]
	part := token / parts
	first := min(i*part, len(data)) // an empty batch has no token to start in
	return kernels.Heads{
		Data: data[first:], Batch: t.shape[0], Tokens: t.shape[1], Heads: heads, Dim: part / heads,
		BatchStride: t.shape[1] * token, TokenStride: token, HeadStride: part / heads,
	}
}

func attentionArgs(data []float32, qkv *Tensor, heads int, lse []float32) kernels.AttentionArgs {
	dim := qkv.shape[2] / 3 / heads
	return kernels.AttentionArgs{
		Q: headsOf(data, qkv, 3, 0, heads), K: headsOf(data, qkv, 3, 1, heads), V: headsOf(data, qkv, 3, 2, heads),
		Scale: float32(1 / math.Sqrt(float64(dim))), LSE: lse,
	}
}

// attentionProductFLOPs is the work of some number of [T,Dh] by [Dh,T]
// products for every sample and head: 2*T*T*Dh each.
func attentionProductFLOPs(qkv *Tensor, products int) float64 {
	b, t, w := float64(qkv.shape[0]), float64(qkv.shape[1]), float64(qkv.shape[2]/3)
	return float64(products) * 2 * b * t * t * w
}

package layers

import "lethe/autodiff"

// Attention is multi-head self-attention over all tokens of an image:
//
//	q, k, v = x Wqkvᵀ + b, each split into heads of width D/heads
//	y       = softmax(q kᵀ / sqrt(D/heads)) v, heads side by side
//	out     = y Wprojᵀ + b
//
// Keys: qkv.{weight,bias} [3D,D], [3D] with the rows of q, then k, then v;
// proj.{weight,bias} [D,D], [D].
type Attention struct {
	QKV, Proj Linear
	Heads     int
}

// AttentionSpecs describes the parameters of an Attention.
func AttentionSpecs(prefix string, width int) []Spec {
	return append(factorSpecs(prefix+".qkv", width, 3*width), factorSpecs(prefix+".proj", width, width)...)
}

// NewAttention finds the Attention of that prefix in a set.
func NewAttention(s *Set, prefix string, heads int) Attention {
	return Attention{QKV: NewLinear(s, prefix+".qkv"), Proj: NewLinear(s, prefix+".proj"), Heads: heads}
}

// ForwardAdd adds what x [B,T,D] is mapped to to to [B,T,D].
func (a Attention) ForwardAdd(tp *autodiff.Tape, x, to *autodiff.Tensor) *autodiff.Tensor {
	qkv := a.QKV.Forward(tp, x)         // [B,T,3D]
	mixed := tp.Attention(qkv, a.Heads) // [B,T,D]
	return tp.LinearAdd(mixed, a.Proj.Weight, a.Proj.Bias, to)
}

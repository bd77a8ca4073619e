package layers

import (
	"slices"

	"lethe/autodiff"
)

// Block is a pre-norm transformer block:
//
//	x = x + attn(norm1(x))
//	x = x + mlp(norm2(x))
//
// Keys: norm1.*, attn.*, norm2.*, mlp.*.
//
// Source: Dosovitskiy et al. 2021 (arXiv:2010.11929), eq. 2 and 3.
type Block struct {
	Norm1 LayerNorm
	Attn  Attention
	Norm2 LayerNorm
	MLP   MLP
}

// BlockShape is what tells one block from another.
type BlockShape struct {
	Width, Hidden, Heads int
	Eps                  float32 // of both normalizations, added to the variance
}

// BlockSpecs describes the parameters of a Block.
func BlockSpecs(prefix string, b BlockShape) []Spec {
	return slices.Concat(
		LayerNormSpecs(prefix+".norm1", b.Width),
		AttentionSpecs(prefix+".attn", b.Width),
		LayerNormSpecs(prefix+".norm2", b.Width),
		MLPSpecs(prefix+".mlp", b.Width, b.Hidden),
	)
}

// NewBlock finds the Block of that prefix in a set.
func NewBlock(s *Set, prefix string, b BlockShape) Block {
	return Block{
		Norm1: NewLayerNorm(s, prefix+".norm1", b.Eps),
		Attn:  NewAttention(s, prefix+".attn", b.Heads),
		Norm2: NewLayerNorm(s, prefix+".norm2", b.Eps),
		MLP:   NewMLP(s, prefix+".mlp"),
	}
}

// Forward maps x [B,T,D] to [B,T,D]. It is one Scope of the tape, so that what
// the backward pass can do without is not kept.
func (b Block) Forward(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	return tp.Scope(func() *autodiff.Tensor {
		y := b.Attn.ForwardAdd(tp, b.Norm1.Forward(tp, x), x)
		return b.MLP.ForwardAdd(tp, b.Norm2.Forward(tp, y), y)
	})
}

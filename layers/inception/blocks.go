package inception

import (
	"lethe/autodiff"
	"lethe/layers"
	"lethe/layers/pretrained"
)

// eps is added to the variance of every batch norm.
const eps = 1e-3

// builder finds the convolutions of a network, keys NAME.conv.weight and
// NAME.bn.*.
type builder struct{ w *pretrained.Weights }

// conv finds a convolution with its batch norm.
func (b builder) conv(name string, s pretrained.ConvShape, o autodiff.ConvOptions) layers.Conv {
	return b.w.ConvNorm(name+".conv", name+".bn", s, eps, o)
}

// link is one convolution of a chain: its name, outputs and window.
type link struct {
	name        string
	out, kh, kw int
	valid       int // 0: padded, stride 1; else the stride, without padding
}

// chain finds convolutions one behind the other.
func (b builder) chain(block string, in int, links ...link) pretrained.Chain {
	var c pretrained.Chain
	for _, l := range links {
		o := autodiff.ConvOptions{StrideH: 1, StrideW: 1, PadH: l.kh / 2, PadW: l.kw / 2}
		if l.valid > 0 {
			o = pretrained.Geometry(l.valid, 0)
		}
		c = append(c, b.conv(block+"."+l.name, pretrained.ConvShape{Out: l.out, In: in, KH: l.kh, KW: l.kw}, o))
		in = l.out
	}
	return c
}

// branch is one path through a block: a pool or none, a chain, and a fork at
// its end or none.
type branch struct {
	pool  func(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor
	chain pretrained.Chain
	fork  []pretrained.Chain
}

func (b branch) forward(tp *autodiff.Tape, x *autodiff.Tensor) []*autodiff.Tensor {
	if b.pool != nil {
		x = b.pool(tp, x)
	}
	x = b.chain.Forward(tp, x)
	if b.fork == nil {
		return []*autodiff.Tensor{x}
	}
	var out []*autodiff.Tensor
	for _, f := range b.fork {
		out = append(out, f.Forward(tp, x))
	}
	return out
}

// block is branches side by side.
type block []branch

func (b block) forward(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	return tp.Scope(func() *autodiff.Tensor {
		var parts []*autodiff.Tensor
		for _, branch := range b {
			parts = append(parts, branch.forward(tp, x)...)
		}
		return tp.Join(parts...)
	})
}

// maxPool halves the image.
func maxPool(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	return tp.MaxPool(x, autodiff.PoolOptions{Kernel: 3, Stride: 2})
}

// maxPoolSame keeps its size: the last block of the FID network.
func maxPoolSame(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	return tp.MaxPool(x, autodiff.PoolOptions{Kernel: 3, Stride: 1, Pad: 1})
}

// avgPool keeps its size.
func avgPool(excludePad bool) func(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	return func(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
		return tp.AvgPool(x, autodiff.PoolOptions{Kernel: 3, Stride: 1, Pad: 1, ExcludePad: excludePad})
	}
}

type pool = func(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor

// The blocks bear the letters that torchvision gives them.

func (b builder) a(n string, in, pooled int, p pool) block {
	return block{
		{chain: b.chain(n, in, link{"branch1x1", 64, 1, 1, 0})},
		{chain: b.chain(n, in, link{"branch5x5_1", 48, 1, 1, 0}, link{"branch5x5_2", 64, 5, 5, 0})},
		{chain: b.chain(n, in, link{"branch3x3dbl_1", 64, 1, 1, 0}, link{"branch3x3dbl_2", 96, 3, 3, 0}, link{"branch3x3dbl_3", 96, 3, 3, 0})},
		{pool: p, chain: b.chain(n, in, link{"branch_pool", pooled, 1, 1, 0})},
	}
}

func (b builder) b(n string, in int) block {
	return block{
		{chain: b.chain(n, in, link{"branch3x3", 384, 3, 3, 2})},
		{chain: b.chain(n, in, link{"branch3x3dbl_1", 64, 1, 1, 0}, link{"branch3x3dbl_2", 96, 3, 3, 0}, link{"branch3x3dbl_3", 96, 3, 3, 2})},
		{pool: maxPool},
	}
}

func (b builder) c(n string, mid int, p pool) block {
	return block{
		{chain: b.chain(n, 768, link{"branch1x1", 192, 1, 1, 0})},
		{chain: b.chain(n, 768, link{"branch7x7_1", mid, 1, 1, 0}, link{"branch7x7_2", mid, 1, 7, 0}, link{"branch7x7_3", 192, 7, 1, 0})},
		{chain: b.chain(n, 768, link{"branch7x7dbl_1", mid, 1, 1, 0}, link{"branch7x7dbl_2", mid, 7, 1, 0}, link{"branch7x7dbl_3", mid, 1, 7, 0},
			link{"branch7x7dbl_4", mid, 7, 1, 0}, link{"branch7x7dbl_5", 192, 1, 7, 0})},
		{pool: p, chain: b.chain(n, 768, link{"branch_pool", 192, 1, 1, 0})},
	}
}

func (b builder) d(n string, in int) block {
	return block{
		{chain: b.chain(n, in, link{"branch3x3_1", 192, 1, 1, 0}, link{"branch3x3_2", 320, 3, 3, 2})},
		{chain: b.chain(n, in, link{"branch7x7x3_1", 192, 1, 1, 0}, link{"branch7x7x3_2", 192, 1, 7, 0}, link{"branch7x7x3_3", 192, 7, 1, 0}, link{"branch7x7x3_4", 192, 3, 3, 2})},
		{pool: maxPool},
	}
}

func (b builder) e(n string, in int, p pool) block {
	fork := func(first, second string) []pretrained.Chain {
		return []pretrained.Chain{b.chain(n, 384, link{first, 384, 1, 3, 0}), b.chain(n, 384, link{second, 384, 3, 1, 0})}
	}
	return block{
		{chain: b.chain(n, in, link{"branch1x1", 320, 1, 1, 0})},
		{chain: b.chain(n, in, link{"branch3x3_1", 384, 1, 1, 0}), fork: fork("branch3x3_2a", "branch3x3_2b")},
		{chain: b.chain(n, in, link{"branch3x3dbl_1", 448, 1, 1, 0}, link{"branch3x3dbl_2", 384, 3, 3, 0}), fork: fork("branch3x3dbl_3a", "branch3x3dbl_3b")},
		{pool: p, chain: b.chain(n, in, link{"branch_pool", 192, 1, 1, 0})},
	}
}

package resnet

import (
	"fmt"

	"lethe/autodiff"
	"lethe/layers"
	"lethe/layers/pretrained"
)

// eps is added to the variance of every batch norm.
const eps = 1e-5

// block is a residual block: relu(last(inner(x)) + shortcut(x)).
type block struct {
	inner    pretrained.Chain
	last     layers.Conv
	shortcut *layers.Conv // nil: x itself, or dropped
	drop     bool         // every second pixel, and zero channels on both sides
	out      int
}

// Model is one network.
type Model struct {
	stem    layers.Conv
	pooled  bool // the stem ends in a pool
	blocks  []block
	head    layers.Linear
	Width   int // features
	Classes int
}

// Specs lists keys and shapes.
func Specs(c Config) []layers.Spec {
	w := pretrained.Record()
	build(c, w)
	return w.Specs()
}

// New loads a network.
//
// Errors: a *pretrained.LoadError.
func New(c Config, src []layers.Named) (*Model, error) {
	w := pretrained.Of(src)
	m := build(c, w)
	w.Freeze()
	return m, w.Err(c.Name(), nil)
}

func build(c Config, w *pretrained.Weights) *Model {
	m := &Model{pooled: !c.Small, Classes: c.Classes}
	width, in := 64, 64
	if c.Small {
		width, in = 16, 16
		m.stem = w.ConvNorm("conv1", "bn1", pretrained.Square(16, 3, 3), eps, pretrained.Geometry(1, 1))
	} else {
		m.stem = w.ConvNorm("conv1", "bn1", pretrained.Square(64, 3, 7), eps, pretrained.Geometry(2, 3))
	}
	for stage, n := range c.Blocks {
		for i := range n {
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			b := blockOf(c, w, fmt.Sprintf("layer%d.%d", stage+1, i), in, width<<stage, stride)
			m.blocks, in = append(m.blocks, b), b.out
		}
	}
	m.Width = in
	m.head = w.Linear(c.Head, in, c.Classes)
	return m
}

// blockOf finds one block: two convolutions of 3x3, or 1x1, 3x3, 1x1 with four
// times the channels. The 3x3 in front has the stride.
func blockOf(c Config, w *pretrained.Weights, name string, in, mid, stride int) block {
	conv := func(i int, s pretrained.ConvShape, stride, pad int) layers.Conv {
		return w.ConvNorm(fmt.Sprintf("%s.conv%d", name, i), fmt.Sprintf("%s.bn%d", name, i), s, eps, pretrained.Geometry(stride, pad))
	}
	var b block
	if c.Small {
		b = block{
			inner: pretrained.Chain{conv(1, pretrained.Square(mid, in, 3), stride, 1)},
			last:  conv(2, pretrained.Square(mid, mid, 3), 1, 1), out: mid,
		}
	} else {
		b = block{
			inner: pretrained.Chain{conv(1, pretrained.Square(mid, in, 1), 1, 0), conv(2, pretrained.Square(mid, mid, 3), stride, 1)},
			last:  conv(3, pretrained.Square(4*mid, mid, 1), 1, 0), out: 4 * mid,
		}
	}
	if in == b.out && stride == 1 {
		return b
	}
	if c.Project == "" {
		b.drop = true
		return b
	}
	s := w.ConvNorm(name+"."+c.Project+".0", name+"."+c.Project+".1", pretrained.Square(b.out, in, 1), eps, pretrained.Geometry(stride, 0))
	b.shortcut = &s
	return b
}

func (b block) forward(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	return tp.Scope(func() *autodiff.Tensor {
		side := x
		switch {
		case b.drop:
			side = tp.MaxPool(x, autodiff.PoolOptions{Kernel: 1, Stride: 2})
			s := side.Shape()
			zeros := autodiff.New(s[0], s[1], s[2], b.out/4)
			side = tp.Join(zeros, side, zeros)
		case b.shortcut != nil:
			side = b.shortcut.Fused(tp, x, autodiff.ConvEnds{})
		}
		return b.last.Fused(tp, b.inner.Forward(tp, x), autodiff.ConvEnds{Add: side, Relu: true})
	})
}

// Forward computes the features, the mean of the last block over all pixels,
// and the logits.
//
// Shapes: x [N,H,W,3]; features [N,Width]; logits [N,Classes].
// Panics: outside Tape.Frozen, if x wants a gradient.
func (m *Model) Forward(tp *autodiff.Tape, x *autodiff.Tensor) (features, logits *autodiff.Tensor) {
	x = tp.Scope(func() *autodiff.Tensor {
		y := pretrained.ConvRelu(tp, m.stem, x)
		if m.pooled {
			y = tp.MaxPool(y, autodiff.PoolOptions{Kernel: 3, Stride: 2, Pad: 1})
		}
		return y
	})
	for _, b := range m.blocks {
		y := b.forward(tp, x)
		tp.Drop(x)
		x = y
	}
	features = tp.MeanPixels(x)
	return features, m.head.Forward(tp, features)
}

package mage

import (
	"fmt"
	"slices"

	"lethe/autodiff"
	"lethe/layers"
)

// resBlock is two 3x3 convolutions, each of the normalized and activated input:
//
//	h   = conv2(swish(norm2(conv1(swish(norm1(x))))))
//	out = h + x       where the channels stay
//	out = h + W h     where they change: the block's own input is dropped
//
// The last line is what the reference code does and its weights expect.
type resBlock struct {
	norm1, norm2 layers.GroupNorm
	conv1, conv2 layers.Conv
	shortcut     *layers.Conv
}

func resBlockSpecs(prefix string, in, out int) []layers.Spec {
	specs := slices.Concat(
		layers.GroupNormSpecs(prefix+".norm1", in),
		layers.ConvSpecs(prefix+".conv1", layers.ConvShape{In: in, Out: out, Kernel: 3, NoBias: true}),
		layers.GroupNormSpecs(prefix+".norm2", out),
		layers.ConvSpecs(prefix+".conv2", layers.ConvShape{In: out, Out: out, Kernel: 3, NoBias: true}),
	)
	if in != out {
		specs = append(specs, layers.ConvSpecs(prefix+".nin_shortcut", layers.ConvShape{In: out, Out: out, Kernel: 1, NoBias: true})...)
	}
	return specs
}

func newResBlock(s *layers.Set, prefix string, in, out int) resBlock {
	b := resBlock{
		norm1: norm(s, prefix+".norm1"), conv1: conv3(s, prefix+".conv1"),
		norm2: norm(s, prefix+".norm2"), conv2: conv3(s, prefix+".conv2"),
	}
	if in != out {
		c := conv1(s, prefix+".nin_shortcut")
		b.shortcut = &c
	}
	return b
}

// forward maps x [N,H,W,in] to [N,H,W,out].
func (b resBlock) forward(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	return tp.Scope(func() *autodiff.Tensor {
		h := b.conv1.Forward(tp, b.norm1.Forward(tp, x))
		h = b.conv2.Forward(tp, b.norm2.Forward(tp, h))
		if b.shortcut == nil {
			return tp.Add(h, x)
		}
		return tp.Add(h, b.shortcut.Forward(tp, h))
	})
}

// level is the residual blocks of one size of feature maps.
type level []resBlock

// levelSpecs describes count blocks, of which the first changes the channels.
func levelSpecs(prefix string, count, in, out int) []layers.Spec {
	var specs []layers.Spec
	for i := range count {
		specs = append(specs, resBlockSpecs(fmt.Sprintf("%s.block.%d", prefix, i), in, out)...)
		in = out
	}
	return specs
}

func newLevel(s *layers.Set, prefix string, count, in, out int) level {
	var l level
	for i := range count {
		l = append(l, newResBlock(s, fmt.Sprintf("%s.block.%d", prefix, i), in, out))
		in = out
	}
	return l
}

// middleSpecs describes the two blocks at the smallest size.
func middleSpecs(prefix string, width int) []layers.Spec {
	return append(resBlockSpecs(prefix+".mid.block_1", width, width), resBlockSpecs(prefix+".mid.block_2", width, width)...)
}

func newMiddle(s *layers.Set, prefix string, width int) level {
	return level{newResBlock(s, prefix+".mid.block_1", width, width), newResBlock(s, prefix+".mid.block_2", width, width)}
}

func (l level) forward(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	for _, b := range l {
		x = b.forward(tp, x)
	}
	return x
}

// vqganEncoder shrinks images to feature maps.
//
// Keys: conv_in.weight, down.<level>.block.<i>.*, mid.block_<1,2>.*, norm_out.*,
// conv_out.*.
type vqganEncoder struct {
	in, out layers.Conv
	down    []level
	middle  level
	norm    layers.GroupNorm
}

func (c VQGANConfig) encoderShapes(prefix string) []layers.Spec {
	specs := layers.ConvSpecs(prefix+".conv_in", layers.ConvShape{In: c.InChannels, Out: c.Ch, Kernel: 3, NoBias: true})
	width := c.Ch
	for i := range c.ChMult {
		specs = append(specs, levelSpecs(fmt.Sprintf("%s.down.%d", prefix, i), c.NumResBlocks, width, c.channels(i))...)
		width = c.channels(i)
	}
	return slices.Concat(specs, middleSpecs(prefix, width), layers.GroupNormSpecs(prefix+".norm_out", width),
		layers.ConvSpecs(prefix+".conv_out", layers.ConvShape{In: width, Out: c.ZChannels, Kernel: 1}))
}

func newVQGANEncoder(s *layers.Set, prefix string, c VQGANConfig) vqganEncoder {
	e := vqganEncoder{in: conv3(s, prefix+".conv_in"), out: conv1(s, prefix+".conv_out"), norm: norm(s, prefix+".norm_out")}
	width := c.Ch
	for i := range c.ChMult {
		e.down = append(e.down, newLevel(s, fmt.Sprintf("%s.down.%d", prefix, i), c.NumResBlocks, width, c.channels(i)))
		width = c.channels(i)
	}
	e.middle = newMiddle(s, prefix, width)
	return e
}

func (e vqganEncoder) forward(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	x = e.in.Forward(tp, x)
	for i, l := range e.down {
		if i > 0 {
			x = tp.AvgPool2(x)
		}
		x = l.forward(tp, x)
	}
	x = e.middle.forward(tp, x)
	return e.out.Forward(tp, e.norm.Forward(tp, x))
}

// vqganDecoder grows feature maps to images.
//
// Keys: conv_in.*, mid.block_<1,2>.*, up.<level>.block.<i>.*,
// up.<level>.upsample.conv.* but of level 0, norm_out.*, conv_out.*. The levels
// run from the last to the first.
type vqganDecoder struct {
	in, out  layers.Conv
	middle   level
	up       []level
	upsample []layers.Conv // upsample[i] follows up[i+1]
	norm     layers.GroupNorm
}

func (c VQGANConfig) decoderShapes(prefix string) []layers.Spec {
	width := c.channels(len(c.ChMult) - 1)
	specs := append(layers.ConvSpecs(prefix+".conv_in", layers.ConvShape{In: c.ZChannels, Out: width, Kernel: 3}), middleSpecs(prefix, width)...)
	for i := range c.ChMult { // the order of keys; the levels run the other way
		key, above := fmt.Sprintf("%s.up.%d", prefix, i), c.channels(min(i+1, len(c.ChMult)-1))
		specs = append(specs, levelSpecs(key, c.NumResBlocks, above, c.channels(i))...)
		if i > 0 {
			specs = append(specs, layers.ConvSpecs(key+".upsample.conv", layers.ConvShape{In: c.channels(i), Out: c.channels(i), Kernel: 3})...)
		}
	}
	return slices.Concat(specs, layers.GroupNormSpecs(prefix+".norm_out", c.channels(0)),
		layers.ConvSpecs(prefix+".conv_out", layers.ConvShape{In: c.channels(0), Out: c.OutCh, Kernel: 3}))
}

func newVQGANDecoder(s *layers.Set, prefix string, c VQGANConfig) vqganDecoder {
	d := vqganDecoder{in: conv3(s, prefix+".conv_in"), out: conv3(s, prefix+".conv_out"), norm: norm(s, prefix+".norm_out")}
	d.middle = newMiddle(s, prefix, c.channels(len(c.ChMult)-1))
	for i := range c.ChMult {
		key, above := fmt.Sprintf("%s.up.%d", prefix, i), c.channels(min(i+1, len(c.ChMult)-1))
		d.up = append(d.up, newLevel(s, key, c.NumResBlocks, above, c.channels(i)))
		if i > 0 {
			d.upsample = append(d.upsample, conv3(s, key+".upsample.conv"))
		}
	}
	return d
}

func (d vqganDecoder) forward(tp *autodiff.Tape, z *autodiff.Tensor) *autodiff.Tensor {
	x := d.middle.forward(tp, d.in.Forward(tp, z))
	for i := len(d.up) - 1; i >= 0; i-- {
		x = d.up[i].forward(tp, x)
		if i > 0 {
			x = d.upsample[i-1].Forward(tp, tp.UpNearest2(x))
		}
	}
	return d.out.Forward(tp, d.norm.Forward(tp, x))
}

// norm finds a normalization, which swish follows wherever there is one.
func norm(s *layers.Set, prefix string) layers.GroupNorm {
	g := layers.NewGroupNorm(s, prefix, groupNormGroups, groupNormEps)
	g.SiLU = true
	return g
}

// conv3 and conv1 find a convolution that keeps the size of its input.
func conv3(s *layers.Set, prefix string) layers.Conv { return layers.NewConv(s, prefix, 1, 1) }
func conv1(s *layers.Set, prefix string) layers.Conv { return layers.NewConv(s, prefix, 1, 0) }

package unet

import (
	"slices"

	"lethe/autodiff"
	"lethe/layers"
)

// resampling is what a residual block does to the size of its maps.
type resampling uint8

const (
	same   resampling = iota
	halve             // 2x2 average
	double            // nearest neighbour
)

// resBlock is two convolutions around the embedding of the noise level:
//
//	h   = conv(resample(silu(norm(x))))
//	h   = conv(silu(norm(h)*(1+scale) + shift)),  scale, shift = W silu(emb) + b
//	out = skip(resample(x)) + h
//
// Keys: in_layers.{0,2}, emb_layers.1, out_layers.{0,3}, skip_connection where the
// channels change.
type resBlock struct {
	inNorm, outNorm layers.GroupNorm
	in, out         layers.Conv
	emb             layers.Linear
	skip            *layers.Conv
	resample        resampling
}

// resBlockSpecs describes a block. Its last convolution starts as 0.
func resBlockSpecs(prefix string, in, out, embedding int) []layers.Spec {
	specs := slices.Concat(
		layers.GroupNormSpecs(prefix+".in_layers.0", in),
		layers.ConvSpecs(prefix+".in_layers.2", layers.ConvShape{In: in, Out: out, Kernel: 3}),
		fanIn(layers.LinearSpecs(prefix+".emb_layers.1", embedding, 2*out)),
		layers.GroupNormSpecs(prefix+".out_layers.0", out),
		layers.ConvSpecs(prefix+".out_layers.3", layers.ConvShape{In: out, Out: out, Kernel: 3, Zero: true}),
	)
	if in != out {
		specs = append(specs, layers.ConvSpecs(prefix+".skip_connection", layers.ConvShape{In: in, Out: out, Kernel: 1})...)
	}
	return specs
}

// fanIn makes a linear layer start as PyTorch's does.
func fanIn(specs []layers.Spec) []layers.Spec {
	for i := range specs {
		specs[i].Start, specs[i].Fan = layers.StartFanIn, specs[0].Shape[1]
	}
	return specs
}

func newResBlock(s *layers.Set, prefix string, r resampling) resBlock {
	b := resBlock{
		inNorm: norm(s, prefix+".in_layers.0"), in: layers.NewConv(s, prefix+".in_layers.2", 1, 1),
		emb:     layers.NewLinear(s, prefix+".emb_layers.1"),
		outNorm: norm(s, prefix+".out_layers.0"), out: layers.NewConv(s, prefix+".out_layers.3", 1, 1),
		resample: r,
	}
	b.inNorm.SiLU, b.outNorm.SiLU = true, true
	if name := prefix + ".skip_connection"; s.Has(name + ".weight") {
		c := layers.NewConv(s, name, 1, 0)
		b.skip = &c
	}
	return b
}

func norm(s *layers.Set, prefix string) layers.GroupNorm {
	return layers.NewGroupNorm(s, prefix, NormGroups, NormEps)
}

// forward maps x [N,H,W,in] to [N,H',W',out]; active [N,E] is silu(emb).
func (b resBlock) forward(tp *autodiff.Tape, x, active *autodiff.Tensor) *autodiff.Tensor {
	return tp.Scope(func() *autodiff.Tensor {
		h := b.in.Forward(tp, b.resized(tp, b.inNorm.Forward(tp, x)))
		h = b.out.Forward(tp, b.outNorm.Modulated(tp, h, b.emb.Forward(tp, active)))
		x = b.resized(tp, x)
		if b.skip != nil {
			x = b.skip.Forward(tp, x)
		}
		return tp.Add(x, h)
	})
}

func (b resBlock) resized(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	switch b.resample {
	case halve:
		return tp.AvgPool2(x)
	case double:
		return tp.UpNearest2(x)
	}
	return x
}

// attention is self-attention over the pixels of a map:
//
//	out = x + proj(softmax(q kᵀ / sqrt(D)) v),  q, k, v of every head = W norm(x) + b
//
// Keys: norm; qkv [3C,C,1] with the rows of each head's q, k and v together;
// proj_out [C,C,1].
type attention struct {
	norm      layers.GroupNorm
	qkv, proj layers.Linear
	heads     int
}

func attentionSpecs(prefix string, channels int) []layers.Spec {
	projection := func(name string, out int, start layers.Start) []layers.Spec {
		return []layers.Spec{
			{Name: prefix + name + ".weight", Shape: []int{out, channels, 1}, Start: start},
			{Name: prefix + name + ".bias", Shape: []int{out}, Start: start, Fan: channels},
		}
	}
	return slices.Concat(layers.GroupNormSpecs(prefix+".norm", channels),
		projection(".qkv", 3*channels, layers.StartFanIn), projection(".proj_out", channels, layers.StartZero))
}

func newAttention(s *layers.Set, prefix string, heads int) attention {
	return attention{norm: norm(s, prefix+".norm"), qkv: layers.NewLinear(s, prefix+".qkv"), proj: layers.NewLinear(s, prefix+".proj_out"), heads: heads}
}

// forward maps x [N,H,W,C] to the same shape.
func (a attention) forward(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	n, h, w, c := x.Dim(0), x.Dim(1), x.Dim(2), x.Dim(3)
	return tp.Scope(func() *autodiff.Tensor {
		t := tp.Reshape(a.norm.Forward(tp, x), n, h*w, c)
		t = tp.AttentionInterleaved(linear(tp, t, a.qkv), a.heads)
		return tp.Add(x, tp.Reshape(linear(tp, t, a.proj), n, h, w, c))
	})
}

// linear applies a 1-tap convolution [out,in,1] as the matrix it is.
func linear(tp *autodiff.Tape, x *autodiff.Tensor, l layers.Linear) *autodiff.Tensor {
	return tp.Linear(x, tp.Reshape(l.Weight, l.Weight.Dim(0), l.Weight.Dim(1)), l.Bias)
}

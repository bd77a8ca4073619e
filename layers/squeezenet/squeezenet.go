package squeezenet

import (
	"fmt"
	"slices"

	"lethe/autodiff"
	"lethe/layers"
	"lethe/layers/pretrained"
)

// Config tells one network from another.
type Config struct {
	Authors bool // their keys and input: BGR, 0..255 less a mean; else torchvision's
	Later   bool // version 1.1
	Classes int
	// Headless says that the file has the features without the classifier.
	Headless bool
}

// Width is the number of features.
const Width = 512

// Name is SqueezeNet-1.0 or SqueezeNet-1.1.
func (c Config) Name() string {
	if c.Later {
		return "SqueezeNet-1.1"
	}
	return "SqueezeNet-1.0"
}

// fires are the squeezed and the expanded channels (of each kind) of the blocks.
var fires = [8][2]int{{16, 64}, {16, 64}, {32, 128}, {32, 128}, {48, 192}, {48, 192}, {64, 256}, {64, 256}}

// pools returns behind which blocks, counted from 1, a pool stands; 0 is the
// first convolution.
func (c Config) pools() []int {
	if c.Later {
		return []int{0, 2, 4}
	}
	return []int{0, 3, 7}
}

// taps returns the seven layers whose outputs are exported, counted as in pools:
// LPIPS's for 1.1; for 1.0, which has no published heads, ours.
func (c Config) taps() []int {
	if c.Later {
		return []int{0, 2, 4, 5, 6, 7, 8}
	}
	return []int{0, 2, 3, 5, 6, 7, 8}
}

// TapWidths are the channels of Taps.
func (c Config) TapWidths() []int {
	var out []int
	for _, t := range c.taps() {
		switch {
		case t > 0:
			out = append(out, 2*fires[t-1][1])
		case c.Later:
			out = append(out, 64)
		default:
			out = append(out, 96)
		}
	}
	return out
}

// Identify judges a checkpoint by its keys and shapes.
func Identify(shapes map[string][]int) (Config, bool) {
	c := Config{Authors: shapes["fire2/squeeze1x1.weight"] != nil}
	stem := shapes[c.key(0)+".weight"]
	if len(stem) != 4 || shapes[c.key(1)+c.part(0)+".weight"] == nil {
		return Config{}, false
	}
	c.Later = stem[0] == 64
	head := shapes[c.head()+".weight"]
	if c.Headless = len(head) != 4; !c.Headless {
		c.Classes = head[0]
	}
	return c, true
}

// key is the prefix of layer i, counted as in pools.
func (c Config) key(i int) string {
	if c.Authors {
		if i == 0 {
			return "conv1"
		}
		return fmt.Sprintf("fire%d", i+1)
	}
	at := 0 // of the modules: the first has a positive part, every layer may have a pool
	for j := range i {
		at++
		if j == 0 {
			at++
		}
		if slices.Contains(c.pools(), j) {
			at++
		}
	}
	return fmt.Sprintf("features.%d", at)
}

// part is what follows the key of a block for its squeezing convolution and the
// two expanding ones.
func (c Config) part(i int) string {
	if c.Authors {
		return [3]string{"/squeeze1x1", "/expand1x1", "/expand3x3"}[i]
	}
	return [3]string{".squeeze", ".expand1x1", ".expand3x3"}[i]
}

func (c Config) head() string {
	if c.Authors {
		return "conv10"
	}
	return "classifier.1"
}

// fire squeezes the channels and expands them twice, side by side.
type fire struct{ squeeze, small, large layers.Conv }

func (f fire) forward(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	return tp.Scope(func() *autodiff.Tensor {
		x := pretrained.ConvRelu(tp, f.squeeze, x)
		return tp.Join(pretrained.ConvRelu(tp, f.small, x), pretrained.ConvRelu(tp, f.large, x))
	})
}

// Model is one network.
type Model struct {
	cfg   Config
	stem  layers.Conv
	fires []fire
	head  layers.Conv
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
	m := &Model{cfg: c}
	in := 96
	stem := pretrained.Square(96, 3, 7)
	if c.Later {
		in, stem = 64, pretrained.Square(64, 3, 3)
	}
	m.stem = w.Conv(c.key(0), stem, pretrained.Geometry(2, 0))
	for i, f := range fires {
		conv := func(part int, s pretrained.ConvShape, pad int) layers.Conv {
			return w.Conv(c.key(i+1)+c.part(part), s, pretrained.Geometry(1, pad))
		}
		m.fires = append(m.fires, fire{
			squeeze: conv(0, pretrained.Square(f[0], in, 1), 0),
			small:   conv(1, pretrained.Square(f[1], f[0], 1), 0),
			large:   conv(2, pretrained.Square(f[1], f[0], 3), 1),
		})
		in = 2 * f[1]
	}
	if !c.Headless {
		pad := 0
		if c.Authors {
			pad = 1 // theirs is a convolution of one pixel with padding
		}
		m.head = w.Conv(c.head(), pretrained.Square(c.Classes, Width, 1), pretrained.Geometry(1, pad))
	}
	return m
}

// layer is layer i of the features, counted as in pools, without the pool.
func (m *Model) layer(tp *autodiff.Tape, i int, x *autodiff.Tensor) *autodiff.Tensor {
	if i > 0 {
		return m.fires[i-1].forward(tp, x)
	}
	return pretrained.ConvRelu(tp, m.stem, x)
}

// pooled applies the pool behind layer i, if there is one.
func (m *Model) pooled(tp *autodiff.Tape, i int, x *autodiff.Tensor) *autodiff.Tensor {
	if slices.Contains(m.cfg.pools(), i) {
		return tp.MaxPool(x, autodiff.PoolOptions{Kernel: 3, Stride: 2, Ceil: true})
	}
	return x
}

// Forward computes the features, the mean of the last block over all pixels,
// and the logits, nil without a classifier.
//
// Shapes: x [N,H,W,3], H and W at least 21; features [N,512]; logits [N,Classes].
// Panics: outside Tape.Frozen, if x wants a gradient.
func (m *Model) Forward(tp *autodiff.Tape, x *autodiff.Tensor) (features, logits *autodiff.Tensor) {
	for i := range len(fires) + 1 {
		x = tp.Scope(func() *autodiff.Tensor { return m.pooled(tp, i, m.layer(tp, i, x)) })
	}
	features = tp.MeanPixels(x)
	if m.cfg.Headless {
		return features, nil
	}
	logits = tp.Scope(func() *autodiff.Tensor { return tp.MeanPixels(pretrained.ConvRelu(tp, m.head, x)) })
	return features, logits
}

// Taps computes seven activations: LPIPS's for version 1.1.
//
// Shapes: x [N,H,W,3]; taps [N,H',W',C], C as TapWidths says.
// Panics: outside Tape.Frozen, if x wants a gradient.
func (m *Model) Taps(tp *autodiff.Tape, x *autodiff.Tensor) []*autodiff.Tensor {
	var out []*autodiff.Tensor
	for i := range len(fires) + 1 {
		x = m.layer(tp, i, x)
		if slices.Contains(m.cfg.taps(), i) {
			out = append(out, x)
		}
		x = m.pooled(tp, i, x)
	}
	return out
}

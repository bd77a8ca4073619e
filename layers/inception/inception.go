package inception

import (
	"strings"

	"lethe/autodiff"
	"lethe/layers"
	"lethe/layers/pretrained"
)

// Config tells one network from another.
type Config struct {
	FID     bool // pools of the 2015 graph
	Classes int
}

// FIDClasses is the number of outputs of the 2015 graph.
const FIDClasses = 1008

// Width is the number of features.
const Width = 2048

// Name is FID-Inception-v3 or Inception-v3.
func (c Config) Name() string {
	if c.FID {
		return "FID-Inception-v3"
	}
	return "Inception-v3"
}

// Identify judges a checkpoint by its keys and shapes.
func Identify(shapes map[string][]int) (Config, bool) {
	fc := shapes["fc.weight"]
	if shapes["Conv2d_1a_3x3.conv.weight"] == nil || shapes["Mixed_7c.branch_pool.conv.weight"] == nil || len(fc) != 2 {
		return Config{}, false
	}
	return Config{FID: fc[0] == FIDClasses, Classes: fc[0]}, true
}

// Model is one network.
type Model struct {
	stem   [2]pretrained.Chain // before the first and the second pool
	blocks []block
	fc     layers.Linear
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
	return m, w.Err(c.Name(), func(key string) bool { return strings.HasPrefix(key, "AuxLogits.") })
}

func build(c Config, w *pretrained.Weights) *Model {
	b, avg := builder{w}, avgPool(c.FID)
	last := avg
	if c.FID {
		last = maxPoolSame
	}
	stem := func(name string, out, in, k, stride, pad int) layers.Conv {
		return b.conv(name, pretrained.Square(out, in, k), pretrained.Geometry(stride, pad))
	}
	return &Model{
		stem: [2]pretrained.Chain{
			{stem("Conv2d_1a_3x3", 32, 3, 3, 2, 0), stem("Conv2d_2a_3x3", 32, 32, 3, 1, 0), stem("Conv2d_2b_3x3", 64, 32, 3, 1, 1)},
			{stem("Conv2d_3b_1x1", 80, 64, 1, 1, 0), stem("Conv2d_4a_3x3", 192, 80, 3, 1, 0)},
		},
		blocks: []block{
			b.a("Mixed_5b", 192, 32, avg), b.a("Mixed_5c", 256, 64, avg), b.a("Mixed_5d", 288, 64, avg),
			b.b("Mixed_6a", 288),
			b.c("Mixed_6b", 128, avg), b.c("Mixed_6c", 160, avg), b.c("Mixed_6d", 160, avg), b.c("Mixed_6e", 192, avg),
			b.d("Mixed_7a", 768),
			b.e("Mixed_7b", 1280, avg), b.e("Mixed_7c", 2048, last),
		},
		fc: w.Linear("fc", Width, c.Classes),
	}
}

// Forward computes the features, the mean of the last block over all pixels,
// and the logits.
//
// Shapes: x [N,H,W,3], H and W at least 75; features [N,2048]; logits [N,Classes].
// Panics: outside Tape.Frozen, if x wants a gradient.
func (m *Model) Forward(tp *autodiff.Tape, x *autodiff.Tensor) (features, logits *autodiff.Tensor) {
	for _, chain := range m.stem {
		x = tp.Scope(func() *autodiff.Tensor { return maxPool(tp, chain.Forward(tp, x)) })
	}
	for _, b := range m.blocks {
		x = b.forward(tp, x)
	}
	features = tp.MeanPixels(x)
	return features, m.fc.Forward(tp, features)
}

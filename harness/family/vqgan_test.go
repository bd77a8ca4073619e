package family

import (
	"slices"
	"strings"
	"testing"

	"lethe/autodiff"
	"lethe/autodiff/optim"
	"lethe/layers"
	"lethe/layers/mage"
	"lethe/layers/rng"
)

func newTinyVQGAN(t *testing.T) *VQGAN {
	t.Helper()
	m, err := mage.NewVQGAN(mage.VQGANConfig{Ch: 32, ChMult: []int{1, 1}, NumResBlocks: 1, ZChannels: 8, EmbedDim: 8, NEmbed: 64,
		Resolution: size, InChannels: 3, OutCh: 3})
	if err != nil {
		t.Fatal(err)
	}
	m.Init(1)
	f, err := NewVQGAN("tiny", m)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// scenes are images of flat quarters of random colours, which a tokenizer can
// learn.
func scenes(seed uint64, n int) [][]uint8 {
	out := make([][]uint8, n)
	for i := range out {
		r := rng.New(seed, rng.World, 1, uint64(i))
		var colours [4][3]uint8
		for q := range colours {
			for c := range 3 {
				colours[q][c] = uint8(r.IntN(256))
			}
		}
		out[i] = make([]uint8, one)
		for k := range size * size {
			q := k/size/(size/2)*2 + k%size/(size/2)
			copy(out[i][3*k:], colours[q][:])
		}
	}
	return out
}

// train takes steps of 8 images and returns the loss of each.
func train(t *testing.T, v *VQGAN, steps int) []float32 {
	t.Helper()
	layers.SetTrainable(v.Params(), true)
	decay, plain := layers.DecayGroups(v.Params())
	opt := optim.NewAdamW([]optim.Group{{Params: decay}, {Params: plain}}, optim.AdamConfig{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8})
	tp := autodiff.NewTape()
	var losses []float32
	for step := range steps {
		d, err := v.Draw(DrawSpec{Retain: scenes(uint64(step%4), 8), Seed: 1, Step: step, Noise: Gaussian})
		if err != nil {
			t.Fatal(err)
		}
		b := d.Seen()
		out := v.Output(tp, b)
		loss := v.Loss(tp, out, v.Truth(tp, b), b, d.Retain)
		losses = append(losses, loss.Data[0])
		layers.ZeroGrad(v.Params())
		tp.Backward(loss)
		opt.Step(2e-3, 1)
		tp.Reset()
	}
	return losses
}

// TestVQGANLearns: training lowers the loss, uses many codes, and gives equal
// bits again.
func TestVQGANLearns(t *testing.T) {
	v := newTinyVQGAN(t)
	losses := train(t, v, 61)
	if first, last := losses[1], losses[60]; !(last < first/2) {
		t.Errorf("the loss went from %v to %v", first, last)
	}
	u, err := v.CodeUsage(autodiff.NewTape(), scenes(9, 16))
	if err != nil {
		t.Fatal(err)
	}
	if !(u.Codes == 64 && u.Used >= 24 && u.Perplexity >= 12) {
		t.Errorf("%+v: want at least 24 codes and a perplexity of 12", u)
	}
	again := newTinyVQGAN(t)
	if got := train(t, again, 61); !slices.Equal(got, losses) {
		t.Error("training again gives other losses")
	}
	for i, p := range v.Params() {
		if !slices.Equal(p.Value.Data, again.Params()[i].Value.Data) {
			t.Errorf("training again gives another %s", p.Name)
		}
	}
}

// TestVQGANRestartsAreInTheDraw: only a step's first micro-batch, and only some
// steps, move codes; measuring never does.
func TestVQGANRestartsAreInTheDraw(t *testing.T) {
	v := newTinyVQGAN(t)
	codes := func() []float32 { return slices.Clone(v.model.Codes().Data) }
	tp := autodiff.NewTape()
	for _, row := range []struct {
		step, first int
		moves       bool
	}{{1, 0, false}, {0, 8, false}, {0, 0, true}} {
		before := codes()
		d, err := v.Draw(DrawSpec{Retain: scenes(1, 8), Seed: 1, Step: row.step, First: row.first, Noise: Gaussian})
		if err != nil {
			t.Fatal(err)
		}
		v.Output(tp, d.Seen())
		if moved := !slices.Equal(codes(), before); moved != row.moves {
			t.Errorf("step %d, sample %d: codes moved: %v", row.step, row.first, moved)
		}
	}
	before := codes()
	b, err := v.Prepare(scenes(1, 2), make([]Mask, 2))
	if err != nil {
		t.Fatal(err)
	}
	c := v.Complete(tp, b)
	if !slices.Equal(codes(), before) {
		t.Error("measuring moved codes")
	}
	if len(c.Predicted) != 2*one || len(c.Features) != 2*c.FeatureLen || c.FeatureLen != 8*8*8 {
		t.Errorf("completed to %d values, %d features, %d an image", len(c.Predicted), len(c.Features), c.FeatureLen)
	}
}

// TestVQGANIsTakenOver: what was trained alone is the tokenizer of a MAGE.
func TestVQGANIsTakenOver(t *testing.T) {
	m := newTinyMAGE(t)
	c := m.model.Config().VQGAN
	v, err := mage.NewVQGAN(c)
	if err != nil {
		t.Fatal(err)
	}
	v.Init(7)
	var named []layers.Named
	for _, p := range v.Params() {
		named = append(named, layers.Named{Name: p.Name, Shape: p.Shape, Data: p.Export()})
	}
	if err := m.LoadTokenizer(named); err != nil {
		t.Fatal(err)
	}
	for _, p := range v.Params() {
		for _, q := range m.Params() {
			if q.Name == "vqgan."+p.Name && !slices.Equal(p.Value.Data, q.Value.Data) {
				t.Errorf("%s was not taken over", p.Name)
			}
		}
	}
	if err := m.LoadTokenizer(named[1:]); err == nil || !strings.Contains(err.Error(), named[0].Name) {
		t.Errorf("error is %v, want one that names %s", err, named[0].Name)
	}
}

func TestVQGANIsNotUnlearned(t *testing.T) {
	if _, err := newTinyVQGAN(t).Draw(DrawSpec{Retain: scenes(1, 1), Forget: scenes(2, 1), Noise: Gaussian}); err == nil {
		t.Error("forget images are not refused")
	}
}

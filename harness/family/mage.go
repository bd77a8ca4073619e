package family

import (
	"encoding/json"
	"fmt"

	"lethe/autodiff"
	"lethe/layers"
	"lethe/layers/mage"
)

// MAGE is a masked transformer over the tokens of a VQGAN.
//
// Its normalized space is pixels in [0,1]: the published models take images
// without mean and deviation.
type MAGE struct {
	name     string
	model    *mage.Model
	sampling mage.Sampling
	work     tokenWork
	// One buffer a role: a batch lives until the next draw.
	seen, filled, noised imageBuffer
}

// mageBatch is images with their masks. Their tokens are computed when they are
// first needed, and once for all models that have the same VQGAN.
type mageBatch struct {
	masks  mage.Masking
	tokens tokenizer // what the encoder sees
	truth  tokenizer // what the loss wants
	images imageMaker
	holes  mageHoles // for Complete; empty in training
}

// imageMaker returns images [N,3,H,W]: all of a seen batch, the noise of the
// forget images of a noised one.
type imageMaker func() *autodiff.Tensor

// tokenizer returns tokens [N,L] of a batch, with the VQGAN of m.
type tokenizer func(tp *autodiff.Tape, m *mage.Model) []int32

func (b *mageBatch) Len() int { return b.masks.N }

// once makes a tokenizer compute only when another VQGAN asks than before.
func once(compute tokenizer) tokenizer {
	var tokens []int32
	var by *float32 // where the codes are that made them; a clone shares its original's
	return func(tp *autodiff.Tape, m *mage.Model) []int32 {
		if codes := &m.VQGAN().Codes().Data[0]; codes != by {
			tokens, by = compute(tp, m), codes
		}
		return tokens
	}
}

// tokensOf computes the tokens of images [N,3,H,W], once.
func (m *MAGE) tokensOf(images *autodiff.Tensor) tokenizer {
	return once(func(tp *autodiff.Tape, model *mage.Model) []int32 { return m.work.tokens(tp, model, images) })
}

// tokenWork counts what the tokenizer does.
type tokenWork struct {
	images int
	gflop  float64
}

func (w *tokenWork) tokens(tp *autodiff.Tape, m *mage.Model, images *autodiff.Tensor) []int32 {
	before := tp.FLOPs()
	out := m.Tokens(tp, images)
	w.images += images.Dim(0)
	w.gflop += (tp.FLOPs() - before) / 1e9
	return out
}

// TokenizerWork implements TokenCounter.
func (m *MAGE) TokenizerWork() (images int, gflop float64) { return m.work.images, m.work.gflop }

// NewMAGE wraps a model.
func NewMAGE(name string, m *mage.Model) (*MAGE, error) {
	if c := m.Config(); c.InChans != 3 || c.VQGAN.OutCh != 3 {
		return nil, fmt.Errorf("model %s: in_chans is %d and vqgan out_ch %d; images have 3 channels", name, c.InChans, c.VQGAN.OutCh)
	}
	return &MAGE{name: name, model: m, sampling: mage.PublishedSampling()}, nil
}

// Family implements Model.
func (m *MAGE) Family() string { return mageName }

// Name implements Model.
func (m *MAGE) Name() string { return m.name }

// Geometry implements Model: a cell is a token.
func (m *MAGE) Geometry() Geometry {
	c := m.model.Config()
	return Geometry{Size: c.ImgSize, Grid: c.Side()}
}

// Params implements Model.
func (m *MAGE) Params() []*layers.Param { return m.model.Params() }

// Encoder implements Model: token embedding, blocks and the final norm.
func (m *MAGE) Encoder() []*layers.Param { return m.model.Encoder() }

// Load copies named tensors into the weights.
func (m *MAGE) Load(src []layers.Named) error { return m.model.Load(src) }

// Init implements Model. The VQGAN is drawn too, but a MAGE is of no use before
// LoadTokenizer has given it one that was trained.
func (m *MAGE) Init(seed uint64) { m.model.Init(seed) }

// LoadTokenizer copies the VQGAN of named tensors into the weights: a VQGAN's
// own checkpoint, or that of a MAGE.
func (m *MAGE) LoadTokenizer(src []layers.Named) error { return m.model.VQGAN().Load(src) }

// Untie gives the head its own copy of the word embedding, so that unlearning
// the encoder leaves the decoder as it is (spec, section 9.17). Without it the
// head reads what the encoder trains, as the released code's does.
func (m *MAGE) Untie() { m.model.Untie() }

// OwnCopy implements Untier.
func (m *MAGE) OwnCopy() (name string, differs bool) { return mage.HeadWords, m.model.HeadDiffers() }

// Buffers implements Buffered: the position numbers.
func (m *MAGE) Buffers() []Buffer {
	var out []Buffer
	for _, b := range m.model.Buffers() {
		out = append(out, Buffer(b))
	}
	return out
}

// SetSampleSteps implements Sampler.
func (m *MAGE) SetSampleSteps(n int) error {
	if n < 1 {
		return fmt.Errorf("%d steps", n)
	}
	m.sampling.Steps = n
	return nil
}

// Config implements Model.
func (m *MAGE) Config() ([]byte, error) { return json.Marshal(m.model.Config()) }

// Clone implements Model.
func (m *MAGE) Clone(own func(name string) bool) (Model, error) {
	c, err := mage.New(m.model.Config())
	if err != nil {
		return nil, err
	}
	from := m.model.Params()
	if len(from) > len(c.Params()) {
		c.Untie()
	}
	share(c.Params(), from, own)
	f, err := NewMAGE(m.name, c)
	if err == nil {
		f.sampling = m.sampling
	}
	return f, err
}

// Features implements Model: the one map is the latent [N,1+kept,D] after the
// final norm, class token included (spec, section 9.9).
func (m *MAGE) Features(tp *autodiff.Tape, b Batch) []*autodiff.Tensor {
	mb := b.(*mageBatch)
	return []*autodiff.Tensor{m.model.Encode(tp, mb.tokens(tp, m.model), mb.masks)}
}

// Output implements Model: the logits [N,1+L,V] of every place.
func (m *MAGE) Output(tp *autodiff.Tape, b Batch) *autodiff.Tensor {
	mb := b.(*mageBatch)
	return m.model.Decode(tp, m.model.Encode(tp, mb.tokens(tp, m.model), mb.masks), mb.masks)
}

// Truth implements Model: the token numbers [N,L], exact in float32. Those of a
// noised batch are random token numbers in the place of forget images, not the
// tokens of noise images (spec, section 2, MAGE NOISY LABEL).
func (m *MAGE) Truth(tp *autodiff.Tape, b Batch) *autodiff.Tensor {
	mb := b.(*mageBatch)
	tokens := mb.truth(tp, m.model)
	out := make([]float32, len(tokens))
	for i, token := range tokens {
		out[i] = float32(token)
	}
	return autodiff.FromSlice(out, mb.masks.N, mb.masks.L)
}

// Loss implements Model: the label-smoothed cross-entropy of the masked tokens,
// averaged over them (spec, section 7.2).
func (m *MAGE) Loss(tp *autodiff.Tape, output, truth *autodiff.Tensor, b Batch, g Group) *autodiff.Tensor {
	tokens := make([]int32, truth.Len())
	for i, v := range truth.Data {
		tokens[i] = int32(v)
	}
	return m.model.GroupLoss(tp, output, tokens, b.(*mageBatch).masks, g.First, g.Count)
}

// Normalized implements Model.
func (m *MAGE) Normalized(dst []float32, pixels []uint8) { unitPixels(dst, pixels) }

// Displayed implements Model.
func (m *MAGE) Displayed(dst, normalized []float32) { clampUnit(dst, normalized) }

// unitPixels writes pixels [H,W,3] in 0..255 as [3,H,W] in [0,1].
func unitPixels(dst []float32, pixels []uint8) {
	plane := len(pixels) / 3
	for i := range plane {
		for c := range 3 {
			dst[c*plane+i] = float32(pixels[3*i+c]) / 255
		}
	}
}

// clampUnit copies values into [0,1].
func clampUnit(dst, src []float32) {
	for i, v := range src {
		dst[i] = min(max(v, 0), 1)
	}
}

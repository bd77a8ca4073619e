package mage

import (
	"fmt"
	"slices"

	"lethe/autodiff"
	"lethe/layers"
)

// Model is a MAGE: its weights and nothing else, so that any number of tapes may
// read it at once.
type Model struct {
	cfg             Config
	set             *layers.Set
	params, encoder []*layers.Param
	vqgan           *VQGAN

	words, positions            *autodiff.Tensor // [V,D], [257,D]
	decoderPositions            *autodiff.Tensor // [1,1+L,Dd]
	headWords                   *layers.Param    // the head's copy of words, or nil: it reads words itself
	headBias                    *autodiff.Tensor // [1,1,V]
	blocks, decoderBlocks       []layers.Block
	embedNorm, norm             layers.LayerNorm
	decoderNorm, headNorm       layers.LayerNorm
	decoderEmbed, headTransform layers.Linear
}

// New returns a model of zero weights whose head reads the word embedding.
// Nothing is trainable yet.
//
// Errors: the configuration does not Validate.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	set := layers.Allocate(cfg.Shapes())
	m := &Model{
		cfg: cfg, set: set, params: set.Params(), vqgan: findVQGAN(set, vqganPrefix, cfg.VQGAN),
		words: set.Tensor(wordsKey), positions: set.Tensor("token_emb.position_embeddings.weight"),
		decoderPositions: set.Tensor("decoder_pos_embed_learned"),
		headBias:         set.Tensor("mlm_layer.bias"),
		embedNorm:        layers.NewLayerNorm(set, "token_emb.LayerNorm", NormEps),
		norm:             layers.NewLayerNorm(set, "norm", NormEps),
		decoderNorm:      layers.NewLayerNorm(set, "decoder_norm", NormEps),
		headNorm:         layers.NewLayerNorm(set, "mlm_layer.ln", HeadNormEps),
		decoderEmbed:     layers.NewLinear(set, "decoder_embed"),
		headTransform:    layers.NewLinear(set, "mlm_layer.fc"),
	}
	for i := range cfg.Depth {
		m.blocks = append(m.blocks, layers.NewBlock(set, blockKey("blocks", i), cfg.blockShape(cfg.EmbedDim, cfg.NumHeads)))
	}
	for i := range cfg.DecoderDepth {
		shape := cfg.blockShape(cfg.DecoderEmbedDim, cfg.DecoderNumHeads)
		m.decoderBlocks = append(m.decoderBlocks, layers.NewBlock(set, blockKey("decoder_blocks", i), shape))
	}
	for _, p := range m.params {
		if isEncoder(p.Name) {
			m.encoder = append(m.encoder, p)
		}
	}
	return m, nil
}

// Init draws the weights of a model that is to be trained from scratch, the
// VQGAN's too: Xavier uniform products, zero biases, normalizations 1 and 0,
// embeddings N(0, 0.02²). Equal seeds give equal bits.
func (m *Model) Init(seed uint64) {
	m.set.Init(seed)
	if m.headWords != nil {
		copy(m.headWords.Value.Data, m.words.Data)
	}
}

// Config returns the configuration that the model was made from.
func (m *Model) Config() Config { return m.cfg }

// VQGAN returns the tokenizer, whose weights are the model's.
func (m *Model) VQGAN() *VQGAN { return m.vqgan }

// Params returns every floating-point entry of the state dict in its order, and
// last, after Untie, HeadWords. The caller must not change the slice.
func (m *Model) Params() []*layers.Param { return m.params }

// Encoder returns what unlearning trains: the token embedding, the encoder
// blocks and the final normalization.
func (m *Model) Encoder() []*layers.Param { return m.encoder }

// CopyFrom takes over the weights of a model of the same configuration, and
// whether its head is tied.
//
// Panics: the configurations differ in a shape.
func (m *Model) CopyFrom(src *Model) {
	if m.Tie(); src.headWords != nil {
		m.Untie()
	}
	layers.Copy(m.params, src.params)
}

// Tokens returns the tokens [N,L] of images [N,C,H,W] in [0,1].
//
// Panics: the images are not of the configuration's shape.
func (m *Model) Tokens(tp *autodiff.Tape, images *autodiff.Tensor) []int32 {
	shape := images.Shape()
	if len(shape) == 0 || shape[0] < 1 {
		panic(fmt.Sprintf("mage: Tokens: images is %v, want at least one image", shape))
	}
	need("Tokens", "images", shape, shape[0], m.cfg.InChans, m.cfg.ImgSize, m.cfg.ImgSize)
	return m.vqgan.Tokens(tp, images)
}

// Encode returns the latent [N,1+Kept,D] of tokens [N,L] under a mask, after the
// final normalization: the class token's first, then those that are not dropped
// in raster order. Dropped tokens are never embedded, and there is no dropout.
//
// Panics: the lengths do not fit the configuration, or a token is no code.
func (m *Model) Encode(tp *autodiff.Tape, tokens []int32, mk Masking) *autodiff.Tensor {
	m.needTokens("Encode", tokens, mk)
	width := m.cfg.EmbedDim
	words, positions := mk.words(m.cfg, tokens)

	x := tp.GatherRows(m.words, nil, words) // [N*(1+Kept),D]
	x = m.embedNorm.Forward(tp, tp.AddRows(x, m.positions, positions))
	x = tp.Reshape(x, mk.N, 1+mk.Kept, width)
	for _, b := range m.blocks {
		x = b.Forward(tp, x)
	}
	return m.norm.Forward(tp, x)
}

// Decode returns the logits [N,1+L,V] of every word at every place, the class
// token's first, from the latent [N,1+Kept,D] that Encode returned for the same
// mask.
//
// Panics: the shapes of latent and mask do not fit the configuration.
func (m *Model) Decode(tp *autodiff.Tape, latent *autodiff.Tensor, mk Masking) *autodiff.Tensor {
	need("Decode", "mask", []int{mk.L}, m.cfg.Tokens())
	need("Decode", "latent", latent.Shape(), mk.N, 1+mk.Kept, m.cfg.EmbedDim)
	width := m.cfg.DecoderEmbedDim
	rows, positions := mk.rows()

	x := m.decoderEmbed.Forward(tp, latent) // [N,1+Kept,Dd]
	x = tp.GatherRows(tp.Reshape(x, mk.N*(1+mk.Kept), width), nil, rows)
	x = tp.AddRows(x, tp.Reshape(m.decoderPositions, 1+mk.L, width), positions)
	x = tp.Reshape(x, mk.N, 1+mk.L, width)
	for _, b := range m.decoderBlocks {
		x = b.Forward(tp, x)
	}
	return m.head(tp, m.decoderNorm.Forward(tp, x))
}

// head compares every place of x [N,1+L,Dd] with every word.
func (m *Model) head(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	words := m.words
	if m.headWords != nil {
		words = m.headWords.Value
	}
	h := m.headNorm.Forward(tp, tp.Gelu(m.headTransform.Forward(tp, x)))
	return tp.Linear(h, tp.Detach(words), tp.Reshape(m.headBias, m.cfg.Vocabulary()))
}

// Image returns the images [n,C,H,W] that tokens [n,L] stand for.
//
// Panics: len(tokens) is not n*L, or a token is no code.
func (m *Model) Image(tp *autodiff.Tape, tokens []int32, n int) *autodiff.Tensor {
	return m.vqgan.Image(tp, tokens, n, m.cfg.Side())
}

// needTokens panics unless tokens and mask fit the configuration.
func (m *Model) needTokens(op string, tokens []int32, mk Masking) {
	need(op, "mask", []int{mk.L}, m.cfg.Tokens())
	need(op, "len(tokens)", []int{len(tokens)}, mk.N*mk.L)
	for i, token := range tokens {
		if token < 0 || int(token) >= m.cfg.VQGAN.NEmbed {
			panic(fmt.Sprintf("mage: %s: token %d is %d, want a code from 0 to %d", op, i, token, m.cfg.VQGAN.NEmbed-1))
		}
	}
}

// need panics unless a shape is the wanted one.
func need(op, what string, got []int, want ...int) {
	if !slices.Equal(got, want) {
		panic(fmt.Sprintf("mage: %s: %s is %v, want %v", op, what, got, want))
	}
}

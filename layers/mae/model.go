package mae

import (
	"fmt"
	"slices"
	"strings"

	"lethe/autodiff"
	"lethe/layers"
)

// Model is a masked autoencoder: its weights and nothing else, so that any
// number of tapes may read it at once.
type Model struct {
	cfg              Config
	set              *layers.Set
	encoder, decoder []*layers.Param

	class, positions         *autodiff.Tensor // [1,1,D], [1,1+L,D]
	mask, decoderPositions   *autodiff.Tensor // [1,1,Dd], [1,1+L,Dd]
	patchEmbed               layers.PatchEmbed
	blocks, decoderBlocks    []layers.Block
	norm, decoderNorm        layers.LayerNorm
	decoderEmbed, decoderOut layers.Linear
}

// New returns a model of zero weights with its position tables filled. Nothing
// is trainable yet.
//
// Errors: the configuration does not Validate.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	set := layers.Allocate(cfg.Shapes())
	m := &Model{
		cfg: cfg, set: set,
		class: set.Tensor("cls_token"), positions: set.Tensor("pos_embed"),
		mask: set.Tensor("mask_token"), decoderPositions: set.Tensor("decoder_pos_embed"),
		patchEmbed:   layers.NewPatchEmbed(set, "patch_embed.proj", cfg.Grid()),
		norm:         layers.NewLayerNorm(set, "norm", NormEps),
		decoderEmbed: layers.NewLinear(set, "decoder_embed"),
		decoderNorm:  layers.NewLayerNorm(set, "decoder_norm", NormEps),
		decoderOut:   layers.NewLinear(set, "decoder_pred"),
	}
	for i := range cfg.Depth {
		m.blocks = append(m.blocks, layers.NewBlock(set, encoderBlock(i), cfg.blockShape(cfg.EmbedDim, cfg.NumHeads)))
	}
	for i := range cfg.DecoderDepth {
		shape := cfg.blockShape(cfg.DecoderEmbedDim, cfg.DecoderNumHeads)
		m.decoderBlocks = append(m.decoderBlocks, layers.NewBlock(set, decoderBlock(i), shape))
	}
	for _, p := range set.Params() {
		if isDecoder(p.Name) {
			m.decoder = append(m.decoder, p)
		} else {
			m.encoder = append(m.encoder, p)
		}
	}
	layers.SinCos2D(m.positions.Data, cfg.Grid().Side(), cfg.EmbedDim)
	layers.SinCos2D(m.decoderPositions.Data, cfg.Grid().Side(), cfg.DecoderEmbedDim)
	return m, nil
}

func isDecoder(key string) bool { return strings.HasPrefix(key, "decoder_") || key == "mask_token" }

// Init draws the weights of a model that is to be trained from scratch: Xavier
// uniform products, zero biases, normalizations 1 and 0, tokens N(0, 0.02²).
// The position tables stay. Equal seeds give equal bits.
func (m *Model) Init(seed uint64) { m.set.Init(seed) }

// Config returns the configuration that the model was made from.
func (m *Model) Config() Config { return m.cfg }

// Params returns every entry of the state dict in its order, the fixed position
// tables included. The caller must not change the slice.
func (m *Model) Params() []*layers.Param { return m.set.Params() }

// Encoder returns the class token, the positions (Fixed), the patch embedding,
// the encoder blocks and the final normalization.
func (m *Model) Encoder() []*layers.Param { return m.encoder }

// Decoder returns the parameters that are not in Encoder.
func (m *Model) Decoder() []*layers.Param { return m.decoder }

// CopyFrom takes over the weights of a model of the same configuration.
//
// Panics: the configurations differ in a shape.
func (m *Model) CopyFrom(src *Model) { layers.Copy(m.Params(), src.Params()) }

// Encode returns the latent [N,1+keep,D] of the visible patches of images
// [N,C,H,W]: class token first, then the patches in the order of the mask, after
// the final normalization. Removed patches are never embedded.
//
// Panics: the shapes of images and mask do not fit the configuration.
func (m *Model) Encode(tp *autodiff.Tape, images *autodiff.Tensor, mk Masking) *autodiff.Tensor {
	m.needImages("Encode", images)
	m.needMask("Encode", images.Dim(0), mk)
	width := m.cfg.EmbedDim
	rows, positions := mk.encoderIndex()

	x := m.patchEmbed.Forward(tp, images, mk.visible())    // [N*keep,D]
	x = tp.GatherRows(x, tp.Reshape(m.class, width), rows) // [N*(1+keep),D]
	x = tp.AddRows(x, tp.Reshape(m.positions, 1+mk.L, width), positions)
	x = tp.Reshape(x, mk.N, 1+mk.Keep, width)
	for _, b := range m.blocks {
		x = b.Forward(tp, x)
	}
	return m.norm.Forward(tp, x)
}

// Decode predicts every patch [N,L,p*p*C], values in (row, column, channel)
// order, from the latent [N,1+keep,D] that Encode returned for the same mask.
//
// Panics: the shapes of latent and mask do not fit the configuration.
func (m *Model) Decode(tp *autodiff.Tape, latent *autodiff.Tensor, mk Masking) *autodiff.Tensor {
	need("Decode", "latent", latent.Shape(), mk.N, 1+mk.Keep, m.cfg.EmbedDim)
	m.needMask("Decode", latent.Dim(0), mk)
	width := m.cfg.DecoderEmbedDim
	rows, positions, patches := mk.decoderIndex()

	x := m.decoderEmbed.Forward(tp, latent) // [N,1+keep,Dd]
	x = tp.GatherRows(tp.Reshape(x, mk.N*(1+mk.Keep), width), tp.Reshape(m.mask, width), rows)
	x = tp.AddRows(x, tp.Reshape(m.decoderPositions, 1+mk.L, width), positions)
	x = tp.Reshape(x, mk.N, 1+mk.L, width)
	for _, b := range m.decoderBlocks {
		x = b.Forward(tp, x)
	}
	// The class token leaves before the last two steps, which are row by row.
	x = tp.GatherRows(tp.Reshape(x, mk.N*(1+mk.L), width), nil, patches)
	x = m.decoderOut.Forward(tp, m.decoderNorm.Forward(tp, x))
	return tp.Reshape(x, mk.N, mk.L, m.cfg.PatchLen())
}

// needImages panics unless images is [N,C,H,W] of the configuration.
func (m *Model) needImages(op string, images *autodiff.Tensor) {
	shape := images.Shape()
	if len(shape) == 0 || shape[0] < 1 {
		panic(fmt.Sprintf("mae: %s: images is %v, want at least one image", op, shape))
	}
	need(op, "images", shape, shape[0], m.cfg.InChans, m.cfg.ImgSize, m.cfg.ImgSize)
}

// needMask panics unless the mask is one of n images of the configuration.
func (m *Model) needMask(op string, n int, mk Masking) {
	need(op, "mask", []int{mk.N, mk.L}, n, m.cfg.Patches())
}

// need panics unless a shape is the wanted one.
func need(op, what string, got []int, want ...int) {
	if !slices.Equal(got, want) {
		panic(fmt.Sprintf("mae: %s: %s is %v, want %v", op, what, got, want))
	}
}

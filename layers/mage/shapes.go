package mage

import (
	"fmt"
	"slices"
	"strings"

	"lethe/layers"
)

// The VQGAN's keys inside a checkpoint of MAGE.
const vqganPrefix = "vqgan."

// Shapes returns every floating-point entry of the state dict, in its order: the
// parameters of the module itself, then those of its parts.
//
// Fixed are the VQGAN and what nothing uses: patch_embed, cls_token, pos_embed,
// mask_token, decoder_pos_embed and decoder_pred are left of the masked
// autoencoder that the reference class was made from.
func (c Config) Shapes() []layers.Spec {
	return slices.Concat(
		unused(
			layers.Spec{Name: "cls_token", Shape: []int{1, 1, c.EmbedDim}, Start: layers.StartToken},
			layers.Spec{Name: "pos_embed", Shape: []int{1, 1 + c.Tokens(), c.EmbedDim}},
			layers.Spec{Name: "mask_token", Shape: []int{1, 1, c.DecoderEmbedDim}, Start: layers.StartToken},
			layers.Spec{Name: "decoder_pos_embed", Shape: []int{1, 1 + c.Tokens(), c.DecoderEmbedDim}},
		),
		[]layers.Spec{{Name: "decoder_pos_embed_learned", Shape: []int{1, 1 + c.Tokens(), c.DecoderEmbedDim}, Start: layers.StartToken}},
		unused(c.VQGAN.shapes(vqganPrefix)...),
		c.embedding(),
		unused(layers.PatchEmbedSpecs("patch_embed.proj", layers.Grid{Image: c.ImgSize, Patch: c.PatchSize, Channels: c.InChans}, c.EmbedDim)...),
		blocks("blocks", c.Depth, c.blockShape(c.EmbedDim, c.NumHeads)),
		layers.LayerNormSpecs("norm", c.EmbedDim),
		layers.LinearSpecs("decoder_embed", c.EmbedDim, c.DecoderEmbedDim),
		blocks("decoder_blocks", c.DecoderDepth, c.blockShape(c.DecoderEmbedDim, c.DecoderNumHeads)),
		layers.LayerNormSpecs("decoder_norm", c.DecoderEmbedDim),
		unused(layers.LinearSpecs("decoder_pred", c.DecoderEmbedDim, c.PatchSize*c.PatchSize*c.InChans)...),
		[]layers.Spec{{Name: "mlm_layer.bias", Shape: []int{1, 1, c.Vocabulary()}}},
		layers.LinearSpecs("mlm_layer.fc", c.DecoderEmbedDim, c.EmbedDim),
		layers.LayerNormSpecs("mlm_layer.ln", c.EmbedDim),
	)
}

// embedding describes the two tables and the normalization of token_emb.
func (c Config) embedding() []layers.Spec {
	return append([]layers.Spec{
		{Name: wordsKey, Shape: []int{c.Vocabulary(), c.EmbedDim}, Start: layers.StartToken},
		{Name: "token_emb.position_embeddings.weight", Shape: []int{Positions, c.EmbedDim}, Start: layers.StartToken},
	}, layers.LayerNormSpecs("token_emb.LayerNorm", c.EmbedDim)...)
}

// wordsKey is the word embedding's.
const wordsKey = "token_emb.word_embeddings.weight"

// unused marks specs as never to be trained.
func unused(specs ...layers.Spec) []layers.Spec {
	for i := range specs {
		specs[i].Fixed = true
	}
	return specs
}

func blocks(prefix string, depth int, shape layers.BlockShape) []layers.Spec {
	var specs []layers.Spec
	for i := range depth {
		specs = append(specs, layers.BlockSpecs(blockKey(prefix, i), shape)...)
	}
	return specs
}

func blockKey(prefix string, i int) string { return fmt.Sprintf("%s.%d", prefix, i) }

// blockShape describes the blocks of one half of the model.
func (c Config) blockShape(width, heads int) layers.BlockShape {
	return layers.BlockShape{Width: width, Hidden: int(float64(width) * c.MLPRatio), Heads: heads, Eps: NormEps}
}

// isEncoder reports whether a key belongs to what unlearning trains.
func isEncoder(key string) bool {
	return strings.HasPrefix(key, "token_emb.") || strings.HasPrefix(key, "blocks.") || strings.HasPrefix(key, "norm.")
}

package mage

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"lethe/layers"
)

// Kind is a sort of checkpoint.
type Kind string

// The kinds that Identify tells apart.
const (
	KindMAGE    Kind = "mage"
	KindVQGAN   Kind = "vqgan" // its tokenizer alone
	KindUnknown Kind = "unknown"
)

// Identity is what a checkpoint probably is, judged by its keys and shapes.
type Identity struct {
	Kind   Kind
	Preset string // the preset whose shapes it has, or ""
	Config Config // as far as shapes tell: heads only with a Preset; of a VQGAN alone, VQGAN
	Keys   int    // how many there are
	Note   string // an oddity of the keys, or ""
}

// String says it in one sentence without a full stop.
func (i Identity) String() string {
	var text string
	switch i.Kind {
	case KindMAGE:
		text = "the file looks like a MAGE, " + i.size()
	case KindVQGAN:
		text = "the file looks like a VQGAN alone, " + i.size()
	default:
		text = fmt.Sprintf("the file is no MAGE and no VQGAN (%d keys)", i.Keys)
	}
	if i.Note != "" {
		text += "; " + i.Note
	}
	return text
}

// size describes the configuration by its preset or by its numbers.
func (i Identity) size() string {
	if i.Preset != "" {
		return "size " + i.Preset
	}
	c := i.Config
	codes := fmt.Sprintf("%d codes of %d", c.VQGAN.NEmbed, c.VQGAN.EmbedDim)
	if i.Kind == KindVQGAN {
		return fmt.Sprintf("of no preset's size: ch %d, ch_mult %v, %s", c.VQGAN.Ch, c.VQGAN.ChMult, codes)
	}
	return fmt.Sprintf("of no preset's size: %d tokens, width %d, %d blocks, decoder width %d, %d blocks, %s",
		c.Tokens(), c.EmbedDim, c.Depth, c.DecoderEmbedDim, c.DecoderDepth, codes)
}

// Identify judges a checkpoint by its keys and their shapes.
func Identify(shapes map[string][]int) Identity {
	id := Identity{Kind: KindUnknown, Keys: len(shapes)}
	for _, prefix := range []string{"module.", "model."} { // DistributedDataParallel, Lightning
		if allHave(shapes, prefix) {
			shapes = withoutPrefix(shapes, prefix)
			id.Note = "every key starts with " + prefix + ", which has to go"
		}
	}
	switch {
	case len(shapes[wordsKey]) == 2:
		id.Kind, id.Config = KindMAGE, infer(shapes)
		for _, p := range presets() {
			if fits(shapes, p.cfg.Shapes()) && shapes[blockKey("blocks", p.cfg.Depth)+".norm1.weight"] == nil {
				id.Preset, id.Config = p.name, p.cfg
			}
		}
	case len(shapes[codesKey]) == 2 || len(shapes[vqganPrefix+codesKey]) == 2:
		prefix := ""
		if shapes[codesKey] == nil {
			prefix = vqganPrefix
		}
		id.Kind, id.Config.VQGAN = KindVQGAN, inferVQGAN(shapes, prefix)
		for _, p := range vqganPresets() {
			if fits(shapes, p.cfg.shapes(prefix)) {
				id.Preset, id.Config.VQGAN = p.name, p.cfg
			}
		}
	}
	return id
}

// fits reports whether a checkpoint has every key with its shape.
func fits(shapes map[string][]int, specs []layers.Spec) bool {
	return !slices.ContainsFunc(specs, func(s layers.Spec) bool { return !slices.Equal(shapes[s.Name], s.Shape) })
}

// infer reads from shapes what they tell. What they do not tell is 0.
func infer(shapes map[string][]int) Config {
	count := func(prefix string) (n int) {
		for shapes[blockKey(prefix, n)+".norm1.weight"] != nil {
			n++
		}
		return n
	}
	c := Config{
		PatchSize: dim(shapes, "patch_embed.proj.weight", 2), InChans: dim(shapes, "patch_embed.proj.weight", 1),
		EmbedDim: dim(shapes, wordsKey, 1), Depth: count("blocks"),
		DecoderEmbedDim: dim(shapes, "decoder_embed.weight", 0), DecoderDepth: count("decoder_blocks"),
		VQGAN: inferVQGAN(shapes, vqganPrefix),
	}
	if hidden := dim(shapes, "blocks.0.mlp.fc1.weight", 0); c.EmbedDim > 0 {
		c.MLPRatio = float64(hidden) / float64(c.EmbedDim)
	}
	if tokens := dim(shapes, "decoder_pos_embed_learned", 1) - 1; tokens > 0 {
		c.ImgSize = int(math.Round(math.Sqrt(float64(tokens)))) * c.PatchSize
	}
	c.VQGAN.Resolution = c.ImgSize
	if c.PatchSize == 0 {
		c.PatchSize = 1 // Tokens divides by it
	}
	return c
}

// inferVQGAN is infer for the VQGAN. The resolution is not told.
func inferVQGAN(shapes map[string][]int, prefix string) VQGANConfig {
	c := VQGANConfig{
		Ch: dim(shapes, prefix+"encoder.conv_in.weight", 0), InChannels: dim(shapes, prefix+"encoder.conv_in.weight", 1),
		OutCh: dim(shapes, prefix+"decoder.conv_out.weight", 0), ZChannels: dim(shapes, prefix+"encoder.conv_out.weight", 0),
		NEmbed: dim(shapes, prefix+codesKey, 0), EmbedDim: dim(shapes, prefix+codesKey, 1),
	}
	conv := func(level, block int) string {
		return fmt.Sprintf("%sencoder.down.%d.block.%d.conv1.weight", prefix, level, block)
	}
	for level := 0; c.Ch > 0 && shapes[conv(level, 0)] != nil; level++ {
		c.ChMult = append(c.ChMult, dim(shapes, conv(level, 0), 0)/c.Ch)
	}
	for shapes[conv(0, c.NumResBlocks)] != nil {
		c.NumResBlocks++
	}
	return c
}

// dim returns one dimension of a key's shape, 0 where there is none.
func dim(shapes map[string][]int, key string, axis int) int {
	if s := shapes[key]; axis < len(s) {
		return s[axis]
	}
	return 0
}

// allHave reports whether there are keys and all have the prefix.
func allHave(shapes map[string][]int, prefix string) bool {
	for key := range shapes {
		if !strings.HasPrefix(key, prefix) {
			return false
		}
	}
	return len(shapes) > 0
}

func withoutPrefix(shapes map[string][]int, prefix string) map[string][]int {
	bare := make(map[string][]int, len(shapes))
	for key, shape := range shapes {
		bare[strings.TrimPrefix(key, prefix)] = shape
	}
	return bare
}

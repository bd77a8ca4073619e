package mae

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Kind is a sort of checkpoint.
type Kind string

// The kinds that Identify tells apart.
const (
	KindMAE        Kind = "mae"         // a masked autoencoder, encoder and decoder
	KindEncoder    Kind = "mae-encoder" // its encoder alone
	KindClassifier Kind = "classifier"  // a vision transformer with a classification head
	KindMAGE       Kind = "mage"
	KindPalette    Kind = "palette"
	KindUnknown    Kind = "unknown"
)

// Identity is what a checkpoint probably is, judged by its keys and shapes.
type Identity struct {
	Kind   Kind
	Preset string // the preset whose shapes it has, or ""
	Config Config // as far as shapes tell: heads only with a Preset; zero for other kinds
	Keys   int    // how many there are
	Note   string // an oddity of the keys, or ""
}

// String says it in one sentence without a full stop.
func (i Identity) String() string {
	var text string
	switch i.Kind {
	case KindMAE:
		text = "the file looks like a masked autoencoder, " + i.size()
	case KindEncoder:
		text = "the file looks like the encoder of a masked autoencoder alone, " + i.size() +
			", as the mae_pretrain_* files are; it has no decoder (decoder_*, mask_token): the mae_visualize_* files have it"
	case KindClassifier:
		text = "the file looks like a fine-tuned classifier (head.*, fc_norm.*), " + i.size() +
			"; it has no decoder: the mae_visualize_* files have it"
	case KindMAGE:
		text = "the file looks like a MAGE checkpoint (token_emb.*)"
	case KindPalette:
		text = "the file looks like a Palette checkpoint (denoise_fn.*)"
	default:
		text = fmt.Sprintf("the file is of no model known here (%d keys)", i.Keys)
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
	text := fmt.Sprintf("of no preset's size: patch %d, width %d, %d blocks", c.PatchSize, c.EmbedDim, c.Depth)
	if i.Kind == KindMAE {
		text += fmt.Sprintf(", decoder width %d, %d blocks", c.DecoderEmbedDim, c.DecoderDepth)
	}
	return text
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
	case anyHas(shapes, "denoise_fn.") || anyHas(shapes, "teacher_denoise_fn."):
		id.Kind = KindPalette
	case anyHas(shapes, "token_emb."):
		id.Kind = KindMAGE
	case !has(shapes, "patch_embed.proj.weight", 4) || !has(shapes, "cls_token", 3):
	case anyHas(shapes, "head.") || anyHas(shapes, "fc_norm."):
		id.Kind = KindClassifier
	case anyHas(shapes, "decoder_"):
		id.Kind = KindMAE
	default:
		id.Kind = KindEncoder
	}
	if id.Kind == KindMAE || id.Kind == KindEncoder || id.Kind == KindClassifier {
		id.Config = infer(shapes)
		if p := fitting(shapes, id.Kind); p != nil {
			id.Preset, id.Config = p.name, p.cfg
		}
	}
	return id
}

// fitting returns the preset whose shapes the checkpoint has, decoder included
// when the kind has one, or nil. A classifier that averages patches lacks norm.
func fitting(shapes map[string][]int, kind Kind) *preset {
	for _, p := range presets() {
		fits := true
		for _, spec := range p.cfg.Shapes() {
			if isDecoder(spec.Name) && kind != KindMAE || strings.HasPrefix(spec.Name, "norm.") && kind != KindMAE {
				continue
			}
			fits = fits && slices.Equal(shapes[spec.Name], spec.Shape)
		}
		if _, deeper := shapes[encoderBlock(p.cfg.Depth)+".norm1.weight"]; fits && !deeper {
			return &p
		}
	}
	return nil
}

// presetName returns the name of the preset with the same shapes, or "".
func (c Config) presetName() string {
	for _, p := range presets() {
		p.cfg.NormPixLoss = c.NormPixLoss
		if p.cfg == c {
			return p.name
		}
	}
	return ""
}

// infer reads from shapes what they tell. What they do not tell is 0.
func infer(shapes map[string][]int) Config {
	dim := func(key string, axis int) int {
		if s := shapes[key]; axis < len(s) {
			return s[axis]
		}
		return 0
	}
	count := func(block func(int) string) (n int) {
		for shapes[block(n)+".norm1.weight"] != nil {
			n++
		}
		return n
	}
	c := Config{
		PatchSize: dim("patch_embed.proj.weight", 2), InChans: dim("patch_embed.proj.weight", 1),
		EmbedDim: dim("patch_embed.proj.weight", 0), Depth: count(encoderBlock),
		DecoderEmbedDim: dim("decoder_embed.weight", 0), DecoderDepth: count(decoderBlock),
	}
	if hidden := dim("blocks.0.mlp.fc1.weight", 0); c.EmbedDim > 0 {
		c.MLPRatio = float64(hidden) / float64(c.EmbedDim)
	}
	if side := int(math.Round(math.Sqrt(float64(dim("pos_embed", 1) - 1)))); side > 0 {
		c.ImgSize = side * c.PatchSize
	}
	return c
}

// has reports whether there is such a key of that rank.
func has(shapes map[string][]int, key string, rank int) bool { return len(shapes[key]) == rank }

// anyHas reports whether a key has the prefix.
func anyHas(shapes map[string][]int, prefix string) bool {
	for key := range shapes {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
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

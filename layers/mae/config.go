package mae

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"lethe/layers"
)

// NormEps is added to the variance in every LayerNorm of the model.
// Source: the reference presets (partial(nn.LayerNorm, eps=1e-6)).
const NormEps = 1e-6

// Config has the arguments of the reference constructor under their names.
type Config struct {
	ImgSize         int     `json:"img_size" yaml:"img_size"`     // side of the square image, pixels
	PatchSize       int     `json:"patch_size" yaml:"patch_size"` // side of a patch, pixels
	InChans         int     `json:"in_chans" yaml:"in_chans"`
	EmbedDim        int     `json:"embed_dim" yaml:"embed_dim"`
	Depth           int     `json:"depth" yaml:"depth"` // encoder blocks
	NumHeads        int     `json:"num_heads" yaml:"num_heads"`
	DecoderEmbedDim int     `json:"decoder_embed_dim" yaml:"decoder_embed_dim"`
	DecoderDepth    int     `json:"decoder_depth" yaml:"decoder_depth"`
	DecoderNumHeads int     `json:"decoder_num_heads" yaml:"decoder_num_heads"`
	MLPRatio        float64 `json:"mlp_ratio" yaml:"mlp_ratio"`         // hidden width = int(width*mlp_ratio)
	NormPixLoss     bool    `json:"norm_pix_loss" yaml:"norm_pix_loss"` // targets normalized per patch
}

// preset is a configuration with a name.
type preset struct {
	name string
	cfg  Config
}

// presets returns the named configurations, smallest first.
func presets() []preset {
	vit := func(patch, width, depth, heads int) Config {
		return Config{ImgSize: 224, PatchSize: patch, InChans: 3, EmbedDim: width, Depth: depth, NumHeads: heads,
			DecoderEmbedDim: 512, DecoderDepth: 8, DecoderNumHeads: 16, MLPRatio: 4}
	}
	return []preset{
		{"mae_tiny", Config{ImgSize: 32, PatchSize: 4, InChans: 3, EmbedDim: 128, Depth: 6, NumHeads: 4,
			DecoderEmbedDim: 64, DecoderDepth: 2, DecoderNumHeads: 4, MLPRatio: 4}},
		{"mae_vit_base_patch16", vit(16, 768, 12, 12)},
		{"mae_vit_large_patch16", vit(16, 1024, 24, 16)},
		{"mae_vit_huge_patch14", vit(14, 1280, 32, 16)},
	}
}

// Presets returns the names that Preset knows, smallest model first.
func Presets() []string {
	var names []string
	for _, p := range presets() {
		names = append(names, p.name)
	}
	return names
}

// Preset returns a named configuration.
//
// Errors: there is no preset of that name; the error lists those there are.
func Preset(name string) (Config, error) {
	for _, p := range presets() {
		if p.name == name {
			return p.cfg, nil
		}
	}
	return Config{}, fmt.Errorf("mae: no model is named %q; there are %v", name, Presets())
}

// Grid returns how the images are cut.
func (c Config) Grid() layers.Grid {
	return layers.Grid{Image: c.ImgSize, Patch: c.PatchSize, Channels: c.InChans}
}

// Patches returns L, the number of patches in an image.
func (c Config) Patches() int { return c.Grid().Patches() }

// PatchLen returns p*p*C, the number of values in a patch.
func (c Config) PatchLen() int { return c.Grid().Values() }

// Validate says what is wrong with a configuration, if anything is.
//
// Errors: a size is not positive, the patch does not divide the image, the heads
// do not divide their width, a width is no multiple of 4 (sin-cos positions), or
// the MLP would have no hidden unit; also norm_pix_loss with one value a patch,
// whose unbiased variance does not exist, and a model of more than maxWeights.
func (c Config) Validate() error {
	sizes := []struct {
		name  string
		value int
	}{
		{"img_size", c.ImgSize}, {"patch_size", c.PatchSize}, {"in_chans", c.InChans},
		{"embed_dim", c.EmbedDim}, {"depth", c.Depth}, {"num_heads", c.NumHeads},
		{"decoder_embed_dim", c.DecoderEmbedDim}, {"decoder_depth", c.DecoderDepth},
		{"decoder_num_heads", c.DecoderNumHeads},
	}
	for _, s := range sizes {
		if s.value <= 0 || s.value > math.MaxInt32 {
			return fmt.Errorf("mae: %s is %d, want between 1 and %d", s.name, s.value, math.MaxInt32)
		}
	}
	if c.ImgSize%c.PatchSize != 0 {
		return fmt.Errorf("mae: patch_size %d does not divide img_size %d", c.PatchSize, c.ImgSize)
	}
	for _, half := range []struct {
		prefix       string
		width, heads int
	}{{"", c.EmbedDim, c.NumHeads}, {"decoder_", c.DecoderEmbedDim, c.DecoderNumHeads}} {
		if half.width%half.heads != 0 {
			return fmt.Errorf("mae: %snum_heads %d does not divide %sembed_dim %d", half.prefix, half.heads, half.prefix, half.width)
		}
		if half.width%4 != 0 {
			return fmt.Errorf("mae: %sembed_dim is %d, want a multiple of 4 (sin-cos positions)", half.prefix, half.width)
		}
		if hidden := float64(half.width) * c.MLPRatio; !(hidden >= 1 && hidden <= math.MaxInt32) {
			return fmt.Errorf("mae: mlp_ratio %v gives %sembed_dim %d no usable hidden width", c.MLPRatio, half.prefix, half.width)
		}
	}
	if c.NormPixLoss && c.PatchLen() < 2 {
		return fmt.Errorf("mae: norm_pix_loss needs at least 2 values a patch, patch_size 1 with in_chans 1 has one")
	}
	if n := c.weights(); n > maxWeights {
		return fmt.Errorf("mae: the sizes describe a model of %.2g weights, want at most %.2g", n, float64(maxWeights))
	}
	return nil
}

// maxWeights bounds a model, in elements: 26 times mae_vit_huge_patch14. A file that
// describes a larger one is a mistake, which is to be said before memory is
// asked for.
const maxWeights = 1 << 34

// weights is about how many elements the state dict has, never fewer than its
// tensors; a float64, for sizes whose product no int holds.
func (c Config) weights() float64 {
	half := func(width, depth, patchLen float64) float64 {
		hidden := width * c.MLPRatio
		return depth*(4*width*width+2*width*hidden+9*width+hidden) + width*(patchLen+4)
	}
	side, patch := float64(c.ImgSize/c.PatchSize), float64(c.PatchSize)
	width, narrow, patchLen := float64(c.EmbedDim), float64(c.DecoderEmbedDim), patch*patch*float64(c.InChans)
	return half(width, float64(c.Depth), patchLen) + half(narrow, float64(c.DecoderDepth), patchLen) +
		(1+side*side)*(width+narrow) + narrow*width
}

// UnmarshalJSON reads a configuration. A missing key has the default of the
// reference constructor, whole numbers may be written as 4.0, and keys that are
// no argument of the constructor are ignored. It does not Validate.
//
// Errors: a value is of the wrong kind; the error names its key.
func (c *Config) UnmarshalJSON(text []byte) error {
	*c = Config{ImgSize: 224, PatchSize: 16, InChans: 3, EmbedDim: 1024, Depth: 24, NumHeads: 16,
		DecoderEmbedDim: 512, DecoderDepth: 8, DecoderNumHeads: 16, MLPRatio: 4}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return fmt.Errorf("mae: reading the config: %w", err)
	}
	whole := []struct {
		key string
		dst *int
	}{
		{"img_size", &c.ImgSize}, {"patch_size", &c.PatchSize}, {"in_chans", &c.InChans},
		{"embed_dim", &c.EmbedDim}, {"depth", &c.Depth}, {"num_heads", &c.NumHeads},
		{"decoder_embed_dim", &c.DecoderEmbedDim}, {"decoder_depth", &c.DecoderDepth},
		{"decoder_num_heads", &c.DecoderNumHeads},
	}
	for _, w := range whole {
		value := float64(*w.dst)
		if err := field(raw, w.key, &value); err != nil {
			return err
		}
		if value != math.Trunc(value) || math.Abs(value) > math.MaxInt32 {
			return fmt.Errorf("mae: %s is %v, want a whole number", w.key, value)
		}
		*w.dst = int(value)
	}
	if err := field(raw, "mlp_ratio", &c.MLPRatio); err != nil {
		return err
	}
	return field(raw, "norm_pix_loss", &c.NormPixLoss)
}

// field reads one key of a JSON object into dst, or leaves dst if it is absent.
func field[T any](raw map[string]json.RawMessage, key string, dst *T) error {
	text, ok := raw[key]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(text, dst); err != nil {
		return fmt.Errorf("mae: %s is %s: %w", key, text, err)
	}
	return nil
}

// blockShape describes the blocks of one half of the model.
func (c Config) blockShape(width, heads int) layers.BlockShape {
	return layers.BlockShape{Width: width, Hidden: int(float64(width) * c.MLPRatio), Heads: heads, Eps: NormEps}
}

// Shapes returns every entry of the state dict, in its order: the parameters of
// the module itself, then those of its parts.
func (c Config) Shapes() []layers.Spec {
	return slices.Concat(c.tokens(""), c.tokens("decoder_"), c.encoderParts(), c.decoderParts())
}

// tokens describes the learned token and the fixed positions of one half.
func (c Config) tokens(half string) []layers.Spec {
	token, width := "cls_token", c.EmbedDim
	if half != "" {
		token, width = "mask_token", c.DecoderEmbedDim
	}
	return []layers.Spec{
		{Name: token, Shape: []int{1, 1, width}, Start: layers.StartToken},
		{Name: half + "pos_embed", Shape: []int{1, 1 + c.Patches(), width}, Fixed: true, Start: layers.StartKept},
	}
}

func (c Config) encoderParts() []layers.Spec {
	specs := layers.PatchEmbedSpecs("patch_embed.proj", c.Grid(), c.EmbedDim)
	for i := range c.Depth {
		specs = append(specs, layers.BlockSpecs(encoderBlock(i), c.blockShape(c.EmbedDim, c.NumHeads))...)
	}
	return append(specs, layers.LayerNormSpecs("norm", c.EmbedDim)...)
}

func (c Config) decoderParts() []layers.Spec {
	specs := layers.LinearSpecs("decoder_embed", c.EmbedDim, c.DecoderEmbedDim)
	for i := range c.DecoderDepth {
		specs = append(specs, layers.BlockSpecs(decoderBlock(i), c.blockShape(c.DecoderEmbedDim, c.DecoderNumHeads))...)
	}
	specs = append(specs, layers.LayerNormSpecs("decoder_norm", c.DecoderEmbedDim)...)
	return append(specs, layers.LinearSpecs("decoder_pred", c.DecoderEmbedDim, c.PatchLen())...)
}

func encoderBlock(i int) string { return fmt.Sprintf("blocks.%d", i) }
func decoderBlock(i int) string { return fmt.Sprintf("decoder_blocks.%d", i) }

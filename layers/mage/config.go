package mage

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
)

// What the reference code fixes.
const (
	// NormEps is added to the variance in every LayerNorm but the head's.
	NormEps = 1e-6
	// HeadNormEps is added to the variance in the LayerNorm of the head.
	HeadNormEps = 1e-5
	// Positions is the number of rows of the position table; a sequence uses
	// the first 1+L.
	Positions = 257
	// Smoothing is the label smoothing of the training loss.
	Smoothing = 0.1

	classes   = 1000 // words between the codes and the mask word
	classWord = 76   // the word that always stands first, counted from n_embed
)

// Config has the arguments of the reference constructor under their names, and
// those of its VQGAN.
type Config struct {
	ImgSize         int         `json:"img_size"`   // side of the square image, pixels
	PatchSize       int         `json:"patch_size"` // side of a token, pixels
	InChans         int         `json:"in_chans"`
	EmbedDim        int         `json:"embed_dim"`
	Depth           int         `json:"depth"` // encoder blocks
	NumHeads        int         `json:"num_heads"`
	DecoderEmbedDim int         `json:"decoder_embed_dim"`
	DecoderDepth    int         `json:"decoder_depth"`
	DecoderNumHeads int         `json:"decoder_num_heads"`
	MLPRatio        float64     `json:"mlp_ratio"` // hidden width = int(width*mlp_ratio)
	VQGAN           VQGANConfig `json:"vqgan"`
}

// preset is a configuration with a name.
type preset struct {
	name string
	cfg  Config
}

// presets returns the named configurations, smallest first.
func presets() []preset {
	vit := func(width, depth, heads int) Config {
		return Config{ImgSize: 256, PatchSize: 16, InChans: 3, EmbedDim: width, Depth: depth, NumHeads: heads,
			DecoderEmbedDim: width, DecoderDepth: 8, DecoderNumHeads: 16, MLPRatio: 4, VQGAN: publishedVQGAN()}
	}
	return []preset{
		{"mage_tiny", Config{ImgSize: 64, PatchSize: 8, InChans: 3, EmbedDim: 128, Depth: 4, NumHeads: 4,
			DecoderEmbedDim: 128, DecoderDepth: 2, DecoderNumHeads: 4, MLPRatio: 4, VQGAN: tinyVQGAN()}},
		{"mage_vit_base_patch16", vit(768, 12, 12)},
		{"mage_vit_large_patch16", vit(1024, 24, 16)},
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
	return Config{}, fmt.Errorf("mage: no model is named %q; there are %v", name, Presets())
}

// presetName returns the name of the preset that c is, or "".
func (c Config) presetName() string {
	for _, p := range presets() {
		if reflect.DeepEqual(p.cfg, c) {
			return p.name
		}
	}
	return ""
}

// Side returns the number of tokens along one side of an image.
func (c Config) Side() int { return c.ImgSize / c.PatchSize }

// Tokens returns L, the number of tokens of an image.
func (c Config) Tokens() int { return c.Side() * c.Side() }

// Vocabulary returns V: the codes, a word for each class, and the mask word.
func (c Config) Vocabulary() int { return c.VQGAN.NEmbed + classes + 1 }

// ClassWord returns the word that stands first in every sequence.
func (c Config) ClassWord() int32 { return int32(c.VQGAN.NEmbed + classWord) }

// MaskWord returns the word that stands for a masked token.
func (c Config) MaskWord() int32 { return int32(c.Vocabulary() - 1) }

// Validate says what is wrong with a configuration, if anything is.
//
// Errors: a size is not positive, the patch does not divide the image, the heads
// do not divide their width, the MLP would have no hidden unit, there are more
// tokens than positions, the VQGAN does not Validate or makes tokens of another
// size, or the model has more than maxWeights.
func (c Config) Validate() error {
	if err := positive([]size{
		{"img_size", c.ImgSize}, {"patch_size", c.PatchSize}, {"in_chans", c.InChans},
		{"embed_dim", c.EmbedDim}, {"depth", c.Depth}, {"num_heads", c.NumHeads},
		{"decoder_embed_dim", c.DecoderEmbedDim}, {"decoder_depth", c.DecoderDepth},
		{"decoder_num_heads", c.DecoderNumHeads},
	}); err != nil {
		return err
	}
	if err := c.VQGAN.Validate(); err != nil {
		return err
	}
	switch shrink := c.VQGAN.Shrink(); {
	case c.ImgSize%c.PatchSize != 0:
		return fmt.Errorf("mage: patch_size %d does not divide img_size %d", c.PatchSize, c.ImgSize)
	case c.PatchSize != shrink:
		return fmt.Errorf("mage: patch_size is %d, want %d: vqgan ch_mult has %d levels", c.PatchSize, shrink, len(c.VQGAN.ChMult))
	case 1+c.Tokens() > Positions:
		return fmt.Errorf("mage: img_size %d makes %d tokens, want at most %d", c.ImgSize, c.Tokens(), Positions-1)
	case c.InChans != c.VQGAN.InChannels:
		return fmt.Errorf("mage: in_chans is %d, but vqgan in_channels is %d", c.InChans, c.VQGAN.InChannels)
	}
	for _, half := range []struct {
		prefix       string
		width, heads int
	}{{"", c.EmbedDim, c.NumHeads}, {"decoder_", c.DecoderEmbedDim, c.DecoderNumHeads}} {
		if half.width%half.heads != 0 {
			return fmt.Errorf("mage: %snum_heads %d does not divide %sembed_dim %d", half.prefix, half.heads, half.prefix, half.width)
		}
		if hidden := float64(half.width) * c.MLPRatio; !(hidden >= 1 && hidden <= math.MaxInt32) {
			return fmt.Errorf("mage: mlp_ratio %v gives %sembed_dim %d no usable hidden width", c.MLPRatio, half.prefix, half.width)
		}
	}
	if n := c.weights(); n > maxWeights {
		return tooLarge(n)
	}
	return nil
}

// maxWeights bounds a model, in elements: 37 times mage_vit_large_patch16. A
// file that describes a larger one is a mistake, which is to be said before
// memory is asked for.
const maxWeights = 1 << 34

func tooLarge(weights float64) error {
	return fmt.Errorf("mage: the sizes describe a model of %.2g weights, want at most %.2g", weights, float64(maxWeights))
}

// weights is about how many elements the state dict has, never fewer than its
// tensors; a float64, for sizes whose product no int holds.
func (c Config) weights() float64 {
	half := func(width, depth float64) float64 {
		hidden := width * c.MLPRatio
		return depth*(4*width*width+2*width*hidden+9*width+hidden) + width*(2*float64(c.Tokens())+8)
	}
	wide, narrow := float64(c.EmbedDim), float64(c.DecoderEmbedDim)
	patch := float64(c.PatchSize) * float64(c.PatchSize) * float64(c.InChans)
	return half(wide, float64(c.Depth)) + half(narrow, float64(c.DecoderDepth)) +
		2*narrow*wide + (wide+narrow)*patch + float64(c.Vocabulary()+Positions)*wide + c.VQGAN.weights()
}

// UnmarshalJSON reads a configuration. A missing key has the default of the
// reference constructor, whole numbers may be written as 4.0, and keys that are
// no argument of the constructor are ignored. It does not Validate.
//
// Errors: a value is of the wrong kind; the error names its key.
func (c *Config) UnmarshalJSON(text []byte) error {
	*c = Config{ImgSize: 256, PatchSize: 16, InChans: 3, EmbedDim: 1024, Depth: 24, NumHeads: 16,
		DecoderEmbedDim: 512, DecoderDepth: 8, DecoderNumHeads: 16, MLPRatio: 4, VQGAN: publishedVQGAN()}
	raw, err := object(text)
	if err != nil {
		return err
	}
	if err := wholes(raw, "", []whole{
		{"img_size", &c.ImgSize}, {"patch_size", &c.PatchSize}, {"in_chans", &c.InChans},
		{"embed_dim", &c.EmbedDim}, {"depth", &c.Depth}, {"num_heads", &c.NumHeads},
		{"decoder_embed_dim", &c.DecoderEmbedDim}, {"decoder_depth", &c.DecoderDepth},
		{"decoder_num_heads", &c.DecoderNumHeads},
	}); err != nil {
		return err
	}
	if err := field(raw, "", "mlp_ratio", &c.MLPRatio); err != nil {
		return err
	}
	if raw["vqgan"] == nil {
		return nil
	}
	return json.Unmarshal(raw["vqgan"], &c.VQGAN)
}

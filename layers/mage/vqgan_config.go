package mage

import (
	"fmt"
	"math"
	"reflect"
)

// What the reference code fixes in the VQGAN.
const (
	groupNormGroups = 32
	groupNormEps    = 1e-6
)

// VQGANConfig has the arguments of the reference VQGAN under their names.
type VQGANConfig struct {
	Ch           int   `json:"ch"`             // channels of the first level
	ChMult       []int `json:"ch_mult"`        // channels of each level, in units of ch; between two levels the image halves
	NumResBlocks int   `json:"num_res_blocks"` // of each level
	ZChannels    int   `json:"z_channels"`
	EmbedDim     int   `json:"embed_dim"` // length of a code; equals z_channels
	NEmbed       int   `json:"n_embed"`   // number of codes
	Resolution   int   `json:"resolution"`
	InChannels   int   `json:"in_channels"`
	OutCh        int   `json:"out_ch"`
}

func publishedVQGAN() VQGANConfig {
	return VQGANConfig{Ch: 128, ChMult: []int{1, 1, 2, 2, 4}, NumResBlocks: 2, ZChannels: 256, EmbedDim: 256, NEmbed: 1024,
		Resolution: 256, InChannels: 3, OutCh: 3}
}

func tinyVQGAN() VQGANConfig {
	return VQGANConfig{Ch: 32, ChMult: []int{1, 1, 2, 4}, NumResBlocks: 1, ZChannels: 32, EmbedDim: 32, NEmbed: 512,
		Resolution: 64, InChannels: 3, OutCh: 3}
}

// vqganPresets returns the named configurations, smallest first.
func vqganPresets() []struct {
	name string
	cfg  VQGANConfig
} {
	return []struct {
		name string
		cfg  VQGANConfig
	}{{"vqgan_tiny", tinyVQGAN()}, {"vqgan_f16_1024", publishedVQGAN()}}
}

// VQGANPresets returns the names that VQGANPreset knows, smallest model first.
// vqgan_tiny is the tokenizer of mage_tiny, vqgan_f16_1024 that of the others.
func VQGANPresets() []string {
	var names []string
	for _, p := range vqganPresets() {
		names = append(names, p.name)
	}
	return names
}

// VQGANPreset returns a named configuration.
//
// Errors: there is no preset of that name; the error lists those there are.
func VQGANPreset(name string) (VQGANConfig, error) {
	for _, p := range vqganPresets() {
		if p.name == name {
			return p.cfg, nil
		}
	}
	return VQGANConfig{}, fmt.Errorf("mage: no VQGAN is named %q; there are %v", name, VQGANPresets())
}

// presetName returns the name of the preset that c is, or "".
func (c VQGANConfig) presetName() string {
	for _, p := range vqganPresets() {
		if reflect.DeepEqual(p.cfg, c) {
			return p.name
		}
	}
	return ""
}

// Shrink returns how many pixels a token is wide.
func (c VQGANConfig) Shrink() int { return 1 << (len(c.ChMult) - 1) }

// channels returns the channels of a level.
func (c VQGANConfig) channels(level int) int { return c.Ch * c.ChMult[level] }

// Validate says what is wrong with a configuration, if anything is.
//
// Errors: a size is not positive, a level's channels are no multiple of the 32
// groups of a normalization, z_channels is not embed_dim, or the model has more
// than maxWeights.
func (c VQGANConfig) Validate() error {
	sizes := []size{
		{"vqgan ch", c.Ch}, {"vqgan num_res_blocks", c.NumResBlocks}, {"vqgan z_channels", c.ZChannels},
		{"vqgan embed_dim", c.EmbedDim}, {"vqgan n_embed", c.NEmbed}, {"vqgan resolution", c.Resolution},
		{"vqgan in_channels", c.InChannels}, {"vqgan out_ch", c.OutCh}, {"number of vqgan ch_mult", len(c.ChMult)},
	}
	for i, m := range c.ChMult {
		sizes = append(sizes, size{fmt.Sprintf("vqgan ch_mult[%d]", i), m})
	}
	if err := positive(sizes); err != nil {
		return err
	}
	if n := c.weights(); n > maxWeights || c.NEmbed > math.MaxInt32-classes-1 || len(c.ChMult) > 31 {
		return tooLarge(n)
	}
	if c.Ch%groupNormGroups != 0 {
		return fmt.Errorf("mage: vqgan ch is %d, want a multiple of %d (groups of a normalization)", c.Ch, groupNormGroups)
	}
	if c.ZChannels != c.EmbedDim {
		return fmt.Errorf("mage: vqgan z_channels is %d, want embed_dim, which is %d", c.ZChannels, c.EmbedDim)
	}
	return nil
}

// weights is about how many elements the state dict has, never fewer than its
// tensors.
func (c VQGANConfig) weights() float64 {
	ch, blocks := float64(c.Ch), float64(c.NumResBlocks)
	total := float64(c.NEmbed)*float64(c.EmbedDim) + 10*ch*float64(c.InChannels+c.OutCh)
	before, last := ch, ch
	for _, m := range c.ChMult {
		last = ch * float64(m)
		total += 20*before*last + 4*before + blocks*(56*last*last+10*last)
		before = last
	}
	return total + 73*last*last + 40*last + 10*(last+1)*float64(c.ZChannels)
}

// UnmarshalJSON reads a configuration as that of Config does.
//
// Errors: a value is of the wrong kind; the error names its key.
func (c *VQGANConfig) UnmarshalJSON(text []byte) error {
	*c = publishedVQGAN()
	raw, err := object(text)
	if err != nil {
		return err
	}
	if raw["ch_mult"] != nil {
		var values []float64
		if err := field(raw, "vqgan ", "ch_mult", &values); err != nil {
			return err
		}
		c.ChMult = make([]int, len(values))
		for i, v := range values {
			if c.ChMult[i], err = wholeNumber("vqgan ch_mult", v); err != nil {
				return err
			}
		}
	}
	return wholes(raw, "vqgan ", []whole{
		{"ch", &c.Ch}, {"num_res_blocks", &c.NumResBlocks}, {"z_channels", &c.ZChannels}, {"embed_dim", &c.EmbedDim},
		{"n_embed", &c.NEmbed}, {"resolution", &c.Resolution}, {"in_channels", &c.InChannels}, {"out_ch", &c.OutCh},
	})
}

package unet

import (
	"fmt"
	"math"
	"slices"
)

// What the reference code fixes.
const (
	// NormGroups and NormEps are those of every group normalization.
	NormGroups = 32
	NormEps    = 1e-5
)

// Config has the arguments of the reference constructor under their names.
type Config struct {
	UNet     NetConfig      `json:"unet"`
	Schedule ScheduleConfig `json:"beta_schedule"`
}

// NetConfig describes the network.
type NetConfig struct {
	InChannel       int       `json:"in_channel"`  // condition and noisy image together
	OutChannel      int       `json:"out_channel"` // predicted noise
	InnerChannel    int       `json:"inner_channel"`
	ChannelMults    []float64 `json:"channel_mults"`     // width of each level, in inner channels
	AttnRes         []int     `json:"attn_res"`          // down-sampling factors that have attention
	NumHeads        int       `json:"num_heads"`         // where num_head_channels is -1
	NumHeadChannels int       `json:"num_head_channels"` // width of a head, or -1
	ResBlocks       int       `json:"res_blocks"`        // of a level
	Dropout         float64   `json:"dropout"`           // of training in the reference; never applied here
	ImageSize       int       `json:"image_size"`
}

// ScheduleConfig describes the noise schedule.
type ScheduleConfig struct {
	Schedule    string  `json:"schedule"` // "linear" or "quad"
	NTimestep   int     `json:"n_timestep"`
	LinearStart float64 `json:"linear_start"`
	LinearEnd   float64 `json:"linear_end"`
}

// preset is a configuration with a name.
type preset struct {
	name string
	cfg  Config
}

// presets returns the named configurations, smallest first.
func presets() []preset {
	return []preset{
		{"palette_tiny", Config{
			NetConfig{InChannel: 6, OutChannel: 3, InnerChannel: 32, ChannelMults: []float64{1, 2, 4}, AttnRes: []int{16},
				NumHeads: 1, NumHeadChannels: 32, ResBlocks: 1, ImageSize: 32},
			ScheduleConfig{"linear", 1000, 1e-6, 0.02},
		}},
		{"palette_inpainting_places2", Config{
			NetConfig{InChannel: 6, OutChannel: 3, InnerChannel: 64, ChannelMults: []float64{1, 2, 4, 8}, AttnRes: []int{16},
				NumHeads: 1, NumHeadChannels: 32, ResBlocks: 2, Dropout: 0.2, ImageSize: 256},
			ScheduleConfig{"linear", 2000, 1e-6, 0.01},
		}},
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
	return Config{}, fmt.Errorf("unet: no model is named %q; there are %v", name, Presets())
}

// widths are the channels of every level.
func (c NetConfig) widths() []int {
	out := make([]int, len(c.ChannelMults))
	for i, m := range c.ChannelMults {
		out[i] = int(m * float64(c.InnerChannel))
	}
	return out
}

// embedding is the width of the embedding of the noise level.
func (c NetConfig) embedding() int { return 4 * c.InnerChannel }

// attends reports whether maps that are smaller than the image by that factor
// have attention. The reference compares attn_res with this factor, whatever its
// configuration says of sizes.
func (c NetConfig) attends(factor int) bool { return slices.Contains(c.AttnRes, factor) }

// heads is the number of attention heads over so many channels.
func (c NetConfig) heads(channels int) int {
	if c.NumHeadChannels == -1 {
		return c.NumHeads
	}
	return channels / c.NumHeadChannels
}

// Factor is by how much the smallest maps are smaller than the image.
func (c Config) Factor() int { return 1 << (len(c.UNet.ChannelMults) - 1) }

// maxWeights bounds a model, in elements: a file that describes a larger one is a
// mistake, which is to be said before memory is asked for.
const maxWeights = 1 << 34

// Validate says what is wrong with a configuration, if anything is.
//
// Errors: a size is not positive, a width is no multiple of the 32 groups of the
// normalizations, heads do not divide the channels they attend over, the image
// cannot be halved as often as the levels ask, or a schedule that does not exist
// or leaves (0,1).
func (c Config) Validate() error {
	n := c.UNet
	for _, s := range []struct {
		name  string
		value int
	}{
		{"in_channel", n.InChannel}, {"out_channel", n.OutChannel}, {"inner_channel", n.InnerChannel},
		{"res_blocks", n.ResBlocks}, {"image_size", n.ImageSize}, {"levels in channel_mults", len(n.ChannelMults)},
		{"num_heads", n.NumHeads}, {"n_timestep", c.Schedule.NTimestep},
	} {
		if s.value < 1 || s.value > math.MaxInt32 {
			return fmt.Errorf("unet: %s is %d, want between 1 and %d", s.name, s.value, math.MaxInt32)
		}
	}
	if n.InChannel <= n.OutChannel {
		return fmt.Errorf("unet: in_channel is %d, want more than out_channel, %d: it counts condition and noisy image", n.InChannel, n.OutChannel)
	}
	if len(n.ChannelMults) > 16 || n.ImageSize%c.Factor() != 0 {
		return fmt.Errorf("unet: image_size %d cannot be halved %d times", n.ImageSize, len(n.ChannelMults)-1)
	}
	if err := n.checkWidths(); err != nil {
		return err
	}
	return c.Schedule.validate()
}

func (n NetConfig) checkWidths() error {
	weights := 0.0
	for i, m := range n.ChannelMults {
		width := m * float64(n.InnerChannel)
		if !(width >= 1 && width <= math.MaxInt32) || int(width)%NormGroups != 0 {
			return fmt.Errorf("unet: channel_mults[%d] gives %v channels, want a multiple of %d", i, width, NormGroups)
		}
		weights += float64(n.ResBlocks) * (60*width*width + 16*width*float64(n.InnerChannel))
		attends := n.attends(1<<i) || i == len(n.ChannelMults)-1
		heads := n.heads(int(width))
		if attends && (n.NumHeadChannels == 0 || n.NumHeadChannels < -1 || heads < 1 || int(width)%heads != 0 ||
			n.NumHeadChannels > 0 && int(width)%n.NumHeadChannels != 0) {
			return fmt.Errorf("unet: heads of num_head_channels %d do not divide the %d channels of level %d", n.NumHeadChannels, int(width), i)
		}
	}
	if weights > maxWeights {
		return fmt.Errorf("unet: the sizes describe a model of %.2g weights, want at most %.2g", weights, float64(maxWeights))
	}
	return nil
}

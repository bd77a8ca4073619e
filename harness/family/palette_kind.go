package family

import (
	"encoding/json"

	"lethe/layers/unet"
)

const paletteName = "palette"

// paletteKind is the diffusion U-Nets.
func paletteKind() *Kind {
	return &Kind{
		Name: paletteName, Title: "a diffusion U-Net", Presets: unet.Presets(), Key: "unet",
		Preset: func(name string) ([]byte, error) {
			c, err := unet.Preset(name)
			if err != nil {
				return nil, err
			}
			return json.Marshal(c)
		},
		Build: func(name string, config []byte) (Model, error) {
			var c unet.Config
			if err := json.Unmarshal(config, &c); err != nil {
				return nil, err
			}
			m, err := unet.New(c)
			if err != nil {
				return nil, err
			}
			return NewPalette(name, m)
		},
		Identify: func(shapes map[string][]int) *Identity {
			if id := unet.Identify(shapes); id.Network {
				return &Identity{Preset: id.Preset, Text: id.String()}
			}
			return nil
		},
		Recipe: Recipe{
			Alpha: 0.1, LearningRate: 5e-5, WeightDecay: 0, Beta1: 0.9, Beta2: 0.999, Epochs: 5,
			Source:       "decisions 10, 14 and 30 of the specification; lr as remembered of arXiv 2402.00351, appendix C.1, unverified",
			PretrainRate: 1.6e-3, PretrainDecay: 0, OwnMasks: true,
		},
		Authors:   &AuthorsWork{Original: 1}, // one target for each sample, as here
		EvalMasks: []string{"centre:4", "centre:8"},
	}
}

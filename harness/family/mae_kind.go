package family

import (
	"encoding/json"

	"lethe/layers/mae"
)

const maeName = "mae"

// maeKind is the masked autoencoders.
func maeKind() *Kind {
	return &Kind{
		Name: maeName, Title: "a masked autoencoder", Presets: mae.Presets(),
		Preset: func(name string) ([]byte, error) {
			c, err := mae.Preset(name)
			if err != nil {
				return nil, err
			}
			return json.Marshal(c)
		},
		Build: func(name string, config []byte) (Model, error) {
			var c mae.Config
			if err := json.Unmarshal(config, &c); err != nil {
				return nil, err
			}
			m, err := mae.New(c)
			if err != nil {
				return nil, err
			}
			return NewMAE(name, m)
		},
		Identify: func(shapes map[string][]int) *Identity {
			id := mae.Identify(shapes)
			switch id.Kind {
			case mae.KindMAE, mae.KindEncoder, mae.KindClassifier:
				return &Identity{Preset: id.Preset, Text: id.String()}
			}
			return nil
		},
		Recipe: Recipe{
			Alpha: 0.25, LearningRate: 1e-4, WeightDecay: 0, Beta1: 0.9, Beta2: 0.95, Epochs: 5,
			Source:       "decisions 10, 14 and 30 of the specification; lr and betas as remembered of arXiv 2402.00351, appendix C.1, unverified",
			PretrainRate: 1.5e-4, PretrainDecay: 0.05, MaskRatio: 0.75,
		},
	}
}

package family

import (
	"encoding/json"

	"lethe/layers/mage"
)

const (
	mageName  = "mage"
	vqganName = "vqgan"
)

// mageKind is the masked transformers over tokens.
func mageKind() *Kind {
	return &Kind{
		Name: mageName, Title: "a MAGE", Presets: mage.Presets(), Key: "vqgan",
		Preset: func(name string) ([]byte, error) {
			c, err := mage.Preset(name)
			if err != nil {
				return nil, err
			}
			return json.Marshal(c)
		},
		Build: func(name string, config []byte) (Model, error) {
			var c mage.Config
			if err := json.Unmarshal(config, &c); err != nil {
				return nil, err
			}
			m, err := mage.New(c)
			if err != nil {
				return nil, err
			}
			return NewMAGE(name, m)
		},
		Identify: identifyMAGE(mage.KindMAGE),
		Recipe: Recipe{
			Alpha: 0.25, LearningRate: 1e-4, WeightDecay: 0.05, Beta1: 0.9, Beta2: 0.95, Epochs: 5,
			Source:       "decisions 10, 14 and 30 of the specification; betas and decay are the released code's, lr as remembered of arXiv 2402.00351, appendix C.1, unverified",
			PretrainRate: 1.5e-4, PretrainDecay: 0.05,
		},
		// Both targets for every sample; tokens of the image for the student, and of
		// image and noise for the original (spec, section 6).
		Authors:   &AuthorsWork{Original: 2, Tokenizer: 3},
		EvalMasks: []string{"centre:4", "outpaint:4"},
	}
}

// vqganKind is the tokenizers of MAGEs. They are pretrained and not unlearned.
func vqganKind() *Kind {
	return &Kind{
		Name: vqganName, Title: "the VQGAN of a MAGE", Presets: mage.VQGANPresets(), Key: "ch_mult",
		Preset: func(name string) ([]byte, error) {
			c, err := mage.VQGANPreset(name)
			if err != nil {
				return nil, err
			}
			return json.Marshal(c)
		},
		Build: func(name string, config []byte) (Model, error) {
			var c mage.VQGANConfig
			if err := json.Unmarshal(config, &c); err != nil {
				return nil, err
			}
			m, err := mage.NewVQGAN(c)
			if err != nil {
				return nil, err
			}
			return NewVQGAN(name, m)
		},
		Identify: identifyMAGE(mage.KindVQGAN),
		// Weight decay would pull the codes that nothing uses to 0. The rate lies
		// between two that were tried on 64-pixel images in steps of 32: after 300 of
		// them 5e-4 had 319 of 512 codes in use and 2e-3 had 495, the pixels as good.
		Recipe:    Recipe{Beta1: 0.9, Beta2: 0.95, PretrainRate: 8e-3, PretrainDecay: 0, OwnMasks: true},
		EvalMasks: []string{"centre:4"}, // any: whole images come back
	}
}

// identifyMAGE recognizes one of the two.
func identifyMAGE(kind mage.Kind) func(map[string][]int) *Identity {
	return func(shapes map[string][]int) *Identity {
		id := mage.Identify(shapes)
		if id.Kind != kind {
			return nil
		}
		return &Identity{Preset: id.Preset, Text: id.String()}
	}
}

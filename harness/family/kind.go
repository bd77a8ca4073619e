package family

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Kind is one family of models: how its members are named, configured, built
// and recognized, and how they are trained where the user does not say.
type Kind struct {
	// Name is what Model.Family returns.
	Name string
	// Title names a member in a sentence: "a masked autoencoder".
	Title string
	// Presets are the named configurations, smallest first.
	Presets []string
	// Preset returns the constructor's arguments of a preset as JSON.
	Preset func(name string) ([]byte, error)
	// Key is an argument that only this family's constructor has; "": the
	// family of all arguments that have no such key.
	Key string
	// Build makes a model with zero weights from constructor arguments.
	Build func(name string, config []byte) (Model, error)
	// Identify judges a checkpoint by its keys and their shapes; nil means
	// that it is of no model of the family. It may know a part of a model.
	Identify func(shapes map[string][]int) *Identity
	Recipe   Recipe
	// Authors is what the authors' code does for every sample of a step, beside
	// the student's two passes; nil where none was released.
	Authors *AuthorsWork
	// EvalMasks are the masks to measure under, in the form of the flag
	// --eval-masks; nil: those of a masked autoencoder.
	EvalMasks []string
}

// AuthorsWork counts passes for a sample.
type AuthorsWork struct{ Original, Tokenizer int }

// Identity is what a checkpoint probably is.
type Identity struct {
	// Preset is the preset whose shapes it has, or "".
	Preset string
	// Text says it in one sentence without a full stop.
	Text string
}

// Recipe is how a family is trained where the user does not say.
type Recipe struct {
	// Alpha weights the forget term.
	Alpha float64
	// LearningRate, WeightDecay, Beta1, Beta2 and Epochs are those of
	// unlearning; the optimizer is AdamW, which without decay is Adam.
	LearningRate, WeightDecay, Beta1, Beta2 float64
	Epochs                                  int
	// Source says where the values come from.
	Source string
	// PretrainRate is the peak learning rate of pretraining for 256 images a
	// step, in proportion to which it is scaled; PretrainDecay its decay.
	PretrainRate, PretrainDecay float64
	// MaskRatio is the fraction removed while training; 0: the family draws it
	// anew each time.
	MaskRatio float64
	// OwnMasks says that the family's training masks have no ratio to set.
	OwnMasks bool
}

// kinds are the families, in the order in which a checkpoint is offered to them.
func kinds() []*Kind { return []*Kind{maeKind(), mageKind(), vqganKind(), paletteKind()} }

// Kinds lists the families.
func Kinds() []*Kind { return kinds() }

// KindOf returns the family of that name.
//
// Panics: there is none.
func KindOf(name string) *Kind {
	for _, k := range kinds() {
		if k.Name == name {
			return k
		}
	}
	panic("family: KindOf: no family is named " + name)
}

// Presets lists the presets of all families.
func Presets() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.Presets...)
	}
	return names
}

// FindPreset returns the family that has a preset.
//
// Errors: none has; the error lists those there are.
func FindPreset(name string) (*Kind, error) {
	for _, k := range kinds() {
		if slices.Contains(k.Presets, name) {
			return k, nil
		}
	}
	return nil, fmt.Errorf("no model is named %q; there are %s", name, strings.Join(Presets(), ", "))
}

// KindOfConfig tells from constructor arguments whose they are.
//
// Errors: they are no JSON object.
func KindOfConfig(config []byte) (*Kind, error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(config, &keys); err != nil {
		return nil, fmt.Errorf("want a JSON object of constructor arguments: %w", err)
	}
	var rest *Kind
	for _, k := range kinds() {
		if k.Key == "" {
			rest = k
		} else if _, ok := keys[k.Key]; ok {
			return k, nil
		}
	}
	return rest, nil
}

// Identify judges a checkpoint by its keys and their shapes. The family is nil
// where none knows it.
func Identify(shapes map[string][]int) (*Kind, Identity) {
	for _, k := range kinds() {
		if id := k.Identify(shapes); id != nil {
			return k, *id
		}
	}
	return nil, Identity{Text: fmt.Sprintf("the file is of no model known here (%d keys)", len(shapes))}
}

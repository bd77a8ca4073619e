package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"lethe/harness/checkpoint"
	"lethe/harness/family"
	"lethe/layers"
)

// The metadata keys that our own checkpoints carry.
const (
	metaFormat = "lethe.format"
	metaModel  = "lethe.model"
	metaConfig = "lethe.config"
)

// NormPixFlag is for commands that run a model.
type NormPixFlag struct {
	NormPixLoss bool `help:"The model's targets are patches scaled to mean 0 and variance 1 (the constructor argument norm_pix_loss of a masked autoencoder); its pictures undo that with the image's own statistics. A checkpoint of ours remembers it."`
}

// modelChoice says which model is meant: what --model names, and whether its
// configuration is to have norm_pix_loss set.
type modelChoice struct {
	name    string
	normPix bool
}

// modelConfig resolves --model: a preset's name, or a JSON file with the
// constructor's arguments.
func modelConfig(name string) (*family.Kind, []byte, error) {
	if !strings.HasSuffix(name, ".json") {
		k, err := family.FindPreset(name)
		if err != nil {
			return nil, nil, fmt.Errorf("--model %s: %w, or a .json file with the constructor's arguments", name, err)
		}
		config, err := k.Preset(name)
		return k, config, err
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the model's configuration: %w", err)
	}
	k, err := family.KindOfConfig(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return k, raw, nil
}

// knownArguments refuses a key that is no argument of the constructor, at any
// depth: reading a configuration skips it and takes the default instead.
func knownArguments(given, known any) error {
	g, ok := given.(map[string]any)
	k, fits := known.(map[string]any)
	if !ok || !fits {
		return nil
	}
	for _, key := range sortedKeys(g) {
		inner, ok := k[key]
		if !ok {
			return fmt.Errorf("unknown key %q%s", key, suggestion(key, sortedKeys(k)))
		}
		if err := knownArguments(g[key], inner); err != nil {
			return err
		}
	}
	return nil
}

// checkArguments is knownArguments for the text of a file and a model made of it.
func checkArguments(raw []byte, m family.Model) error {
	all, err := m.Config()
	if err != nil {
		return err
	}
	var given, known any
	if err := errors.Join(json.Unmarshal(raw, &given), json.Unmarshal(all, &known)); err != nil {
		return err
	}
	return knownArguments(given, known)
}

// newModel builds the model that is meant, with zero weights.
func newModel(of modelChoice) (family.Model, error) {
	k, config, err := modelConfig(of.name)
	if err != nil {
		return nil, err
	}
	m, err := buildModel(of, k, config)
	if err != nil || !strings.HasSuffix(of.name, ".json") {
		return m, err
	}
	if err := checkArguments(config, m); err != nil {
		return nil, fmt.Errorf("%s: %w", of.name, err)
	}
	return m, nil
}

// buildModel makes a model of constructor arguments, in which it sets
// norm_pix_loss where that was asked for.
func buildModel(of modelChoice, k *family.Kind, config []byte) (family.Model, error) {
	if of.normPix {
		var err error
		if config, err = withNormPix(k, config); err != nil {
			return nil, err
		}
	}
	m, err := k.Build(of.name, config)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", of.name, err)
	}
	return m, nil
}

// withNormPix sets norm_pix_loss among constructor arguments.
func withNormPix(k *family.Kind, config []byte) ([]byte, error) {
	if k.Name != "mae" {
		return nil, usage("--norm-pix-loss is an argument of masked autoencoders; the model is %s", k.Title)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(config, &keys); err != nil {
		return nil, err
	}
	keys["norm_pix_loss"] = json.RawMessage("true")
	return json.Marshal(keys)
}

// openModel loads a checkpoint. Without a name the checkpoint's own metadata or
// the shapes of its tensors say which model it is.
func openModel(of modelChoice, path string) (family.Model, error) {
	file, err := openCheckpoint(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return loadModel(of, file)
}

func loadModel(of modelChoice, file *checkpoint.File) (family.Model, error) {
	if file.Metadata[metaFormat] == stateFormat {
		return nil, fmt.Errorf("%s: this is the state of an unfinished run, not a model: go on with the run by --resume", file.Path)
	}
	if err := checkpoint.CheckFinite(file); err != nil {
		return nil, err
	}
	if of.name == "" {
		var err error
		if of.name, err = modelOf(file); err != nil {
			return nil, err
		}
	}
	model, err := modelNamed(of, file)
	if err != nil {
		return nil, err
	}
	named, err := namedTensors(file)
	if err != nil {
		return nil, err
	}
	if err := model.Load(named); err != nil {
		return nil, fmt.Errorf("%s: %w", file.Path, err)
	}
	return model, nil
}

// modelNamed builds a preset, a JSON configuration, or the configuration that
// our own checkpoint carries under that name.
func modelNamed(of modelChoice, file *checkpoint.File) (family.Model, error) {
	raw := file.Metadata[metaConfig]
	if raw == "" || file.Metadata[metaModel] != of.name {
		return newModel(of)
	}
	k, err := family.KindOfConfig([]byte(raw))
	if err == nil {
		var m family.Model
		if m, err = buildModel(of, k, []byte(raw)); err == nil {
			return m, nil
		}
	}
	return nil, fmt.Errorf("%s: metadata %s: %w", file.Path, metaConfig, err)
}

// modelOf names the model that a checkpoint fits.
func modelOf(file *checkpoint.File) (string, error) {
	if name := file.Metadata[metaModel]; name != "" {
		return name, nil
	}
	_, id := family.Identify(shapesOf(file))
	if id.Preset == "" {
		return "", fmt.Errorf("%s: no --model given, and the file does not say which model it is of; %s", file.Path, id.Text)
	}
	return id.Preset, nil
}

func shapesOf(file *checkpoint.File) map[string][]int {
	shapes := map[string][]int{}
	for _, t := range file.Tensors {
		shapes[t.Name] = t.Shape
	}
	return shapes
}

// namedTensors are the floating-point tensors of a file.
func namedTensors(file *checkpoint.File) ([]layers.Named, error) {
	var out []layers.Named
	for _, t := range file.Tensors {
		if !t.DType.IsFloat() {
			continue
		}
		data, err := t.Float32()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.Path, err)
		}
		out = append(out, layers.Named{Name: t.Name, Shape: t.Shape, Data: data})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no floating-point tensor inside", file.Path)
	}
	return out, nil
}

// modelTensors describes a model's state dict.
func modelTensors(m family.Model) []checkpoint.Tensor {
	var out []checkpoint.Tensor
	for _, p := range m.Params() {
		out = append(out, checkpoint.FromFloat32(p.Name, p.Shape, p.Export()))
	}
	return out
}

// portableTensors are a model's tensors that the reference implementation of its
// family has too: a decoder's own copy of weights is left out, integers that
// nothing here reads are added.
func portableTensors(m family.Model) []checkpoint.Tensor {
	out := modelTensors(m)
	if u, ok := m.(family.Untier); ok {
		own, _ := u.OwnCopy()
		out = slices.DeleteFunc(out, func(t checkpoint.Tensor) bool { return strings.HasPrefix(t.Name, own) })
	}
	if b, ok := m.(family.Buffered); ok {
		for _, x := range b.Buffers() {
			out = append(out, checkpoint.FromInt64(x.Name, x.Shape, x.Data))
		}
	}
	return out
}

// cautionPth warns of what a file for PyTorch cannot hold.
func (s *session) cautionPth(m family.Model) {
	if u, ok := m.(family.Untier); ok {
		if own, differs := u.OwnCopy(); differs {
			s.warn("checkpoint.pth lacks %s: the decoder's frozen copy of weights that the encoder has changed; PyTorch's decoder reads the changed ones, so that its outputs differ (checkpoint.safetensors has the copy; --code-faithful trains without one)", own)
		}
	}
}

// modelMetadata is what our own checkpoints say of themselves.
func modelMetadata(m family.Model, more map[string]string) (map[string]string, error) {
	config, err := m.Config()
	if err != nil {
		return nil, err
	}
	meta := map[string]string{metaFormat: "lethe-checkpoint/1", metaModel: m.Name(), metaConfig: string(config)}
	for k, v := range more {
		meta[k] = v
	}
	return meta, nil
}

// saving says how a run's model is written.
type saving struct {
	pth      bool              // also as checkpoint.pth
	metadata map[string]string // beside what every checkpoint of ours says
}

// saveModel writes checkpoint.safetensors and, when asked, checkpoint.pth.
func saveModel(dir runDir, m family.Model, o saving) error {
	for _, p := range m.Params() {
		if !finite32(p.Value.Data) {
			return fmt.Errorf("tensor %s of the result is not finite: no checkpoint was written; start over with --force and a lower --lr", p.Name)
		}
	}
	meta, err := modelMetadata(m, o.metadata)
	if err != nil {
		return err
	}
	if err := checkpoint.WriteSafetensors(dir.path("checkpoint.safetensors"), modelTensors(m), meta); err != nil {
		return err
	}
	if !o.pth {
		return nil
	}
	return checkpoint.WritePTH(dir.path("checkpoint.pth"), portableTensors(m))
}

var errNoCheckpoint = errors.New("no --checkpoint given: lethe unlearn starts from a trained model (lethe pretrain makes one)")

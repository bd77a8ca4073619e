package reference

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"lethe/autodiff"
	"lethe/harness/checkpoint"
	"lethe/kernels"
	"lethe/layers"
)

// Format is the only value of "format" in bundle.json.
const Format = "lethe-reference/1"

// Files of a bundle.
const (
	descriptionFile = "bundle.json"
	inputsFile      = "inputs.safetensors"
	expectedFile    = "expected.safetensors"
)

// anySize stands for a dimension that the caller reads from the file.
const anySize = -1

// description is bundle.json. What a task does not use may be absent; keys that
// are not here are ignored.
type description struct {
	Format        string          `json:"format"`
	Task          string          `json:"task"`
	Model         string          `json:"model"`
	Config        json.RawMessage `json:"config"`
	Checkpoint    string          `json:"checkpoint"`
	MaskRatio     *float64        `json:"mask_ratio"`
	Method        string          `json:"method"`
	Steps         *float64        `json:"steps"` // a whole number, perhaps written 4.0
	Optimizer     *optimizer      `json:"optimizer"`
	LossReduction string          `json:"loss_reduction"` // paper-code or group-mean
}

// bundle is an opened bundle: its description and its inputs.
type bundle struct {
	dir string
	description
	inputs    *checkpoint.File
	precision kernels.Precision // to compute in
}

// open reads the description and opens the inputs. A path of the description
// itself names its folder.
//
// Errors: an *InputError.
func open(dir string) (*bundle, error) {
	if filepath.Base(dir) == descriptionFile {
		dir = filepath.Dir(dir)
	}
	b := &bundle{dir: dir}
	text, err := os.ReadFile(b.path(descriptionFile))
	if err != nil {
		return nil, &InputError{File: b.path(descriptionFile), Err: fileCause(err)}
	}
	if err := json.Unmarshal(text, &b.description); err != nil {
		return nil, refuse(b.path(descriptionFile), "is no description of a bundle: %w", err)
	}
	if b.Format != Format {
		return nil, b.refuse("format is %q, want %q", b.Format, Format)
	}
	if b.Checkpoint == "" {
		return nil, b.refuse("names no checkpoint")
	}
	if b.inputs, err = openFile(b.path(inputsFile)); err != nil {
		return nil, err
	}
	return b, nil
}

// tape returns a new tape of the precision to compute in.
func (b *bundle) tape() *autodiff.Tape {
	tp := autodiff.NewTape()
	tp.SetPrecision(b.precision)
	return tp
}

func (b *bundle) close() { b.inputs.Close() }

// path returns where a file of the bundle is.
func (b *bundle) path(name string) string { return filepath.Join(b.dir, name) }

// checkpointPath returns where the starting weights are.
func (b *bundle) checkpointPath() string {
	if filepath.IsAbs(b.Checkpoint) {
		return b.Checkpoint
	}
	return b.path(filepath.FromSlash(b.Checkpoint))
}

// refuse returns an InputError about the description.
func (b *bundle) refuse(format string, args ...any) error {
	return refuse(b.path(descriptionFile), format, args...)
}

// ratio returns mask_ratio.
func (b *bundle) ratio() (float64, error) {
	if b.MaskRatio == nil {
		return 0, b.refuse("task %s needs mask_ratio", b.Task)
	}
	if r := *b.MaskRatio; !(r >= 0 && r <= 1) {
		return 0, b.refuse("mask_ratio is %v, want between 0 and 1", r)
	}
	return *b.MaskRatio, nil
}

// input is a tensor of inputs.safetensors.
type input struct {
	data  []float32
	shape []int
}

// part returns the i-th piece along the outermost axis.
func (in input) part(i int) []float32 {
	size := len(in.data) / in.shape[0]
	return in.data[i*size:][:size]
}

// input returns an F32 input of the wanted shape, in which anySize stands for
// any number from 1 up.
//
// Errors: an *InputError that names the tensor.
func (b *bundle) input(name string, want ...int) (input, error) {
	wrong := func(format string, args ...any) (input, error) {
		return input{}, &InputError{File: b.path(inputsFile), Tensor: name, Err: fmt.Errorf(format, args...)}
	}
	t, ok := b.inputs.Get(name)
	if !ok {
		return wrong("is missing; task %s of model %s needs it", b.Task, b.Model)
	}
	if t.DType != checkpoint.F32 {
		return wrong("dtype is %s, want F32", t.DType)
	}
	fits := len(t.Shape) == len(want)
	for i := 0; fits && i < len(want); i++ {
		fits = t.Shape[i] == want[i] || want[i] == anySize && t.Shape[i] > 0
	}
	if !fits {
		return wrong("shape is %v, want %s", t.Shape, shapeText(want))
	}
	data, err := t.Float32()
	if err != nil {
		return wrong("%w", err)
	}
	return input{data: data, shape: t.Shape}, nil
}

// shapeText writes a wanted shape, "_" for any size.
func shapeText(shape []int) string {
	text := "["
	for i, d := range shape {
		if i > 0 {
			text += " "
		}
		if d == anySize {
			text += "_"
		} else {
			text += fmt.Sprint(d)
		}
	}
	return text + "]"
}

// load gives the checkpoint's floating-point tensors to a model's Load; what
// else it holds, such as counters, is no weight.
//
// Errors: an *InputError that names the checkpoint.
func (b *bundle) load(into func([]layers.Named) error) error {
	path := b.checkpointPath()
	file, err := openFile(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var named []layers.Named
	var others []string
	for _, t := range file.Tensors {
		if !t.DType.IsFloat() {
			others = append(others, fmt.Sprintf("%s (%s)", t.Name, t.DType))
			continue
		}
		data, err := t.Float32()
		if err != nil {
			return refuse(path, "%w", err)
		}
		named = append(named, layers.Named{Name: t.Name, Shape: t.Shape, Data: data})
	}
	err = into(named)
	switch {
	case err != nil && len(others) > 0:
		return refuse(path, "%w; skipped, not being floating-point: %s", err, strings.Join(others, ", "))
	case err != nil:
		return refuse(path, "%w", err)
	}
	return nil
}

// openFile opens a file of tensors.
//
// Errors: an *InputError.
func openFile(path string) (*checkpoint.File, error) {
	file, err := checkpoint.Open(path)
	if err != nil {
		return nil, &InputError{File: path, Err: fileCause(err)}
	}
	return file, nil
}

// fileCause drops the path that the system or package checkpoint puts before
// the cause of an error, which an InputError says already.
func fileCause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	if cause := errors.Unwrap(err); cause != nil {
		return cause
	}
	return err
}

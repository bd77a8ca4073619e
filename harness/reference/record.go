package reference

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"lethe/harness/checkpoint"
	"lethe/kernels"
)

// Recording is a bundle to be written.
type Recording struct {
	Task, Model string
	Config      json.RawMessage // constructor arguments
	Checkpoint  []checkpoint.Tensor
	Inputs      []checkpoint.Tensor
	About       map[string]any // further keys of bundle.json
}

// checkpointFile is the name of the weights that Record writes.
const checkpointFile = "checkpoint.safetensors"

// Record writes a bundle: description, weights and inputs, then what Run makes
// of them as the expected tensors. The folder must be new or empty.
//
// Errors: a folder that holds something, a file that cannot be written, and
// those of Run.
func Record(dir string, r Recording) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the bundle's folder: %w", err)
	}
	if held, err := os.ReadDir(dir); err != nil {
		return err
	} else if len(held) > 0 {
		return fmt.Errorf("%s is not empty: a bundle gets a folder of its own", dir)
	}
	about := map[string]any{
		"format": Format, "task": r.Task, "model": r.Model, "config": r.Config, "checkpoint": checkpointFile,
	}
	for key, v := range r.About {
		about[key] = v
	}
	text, err := json.MarshalIndent(about, "", "  ")
	if err != nil {
		return err
	}
	description := append(text, '\n')
	if err := errors.Join(
		checkpoint.WriteSafetensors(filepath.Join(dir, checkpointFile), r.Checkpoint, nil),
		checkpoint.WriteSafetensors(filepath.Join(dir, inputsFile), r.Inputs, nil),
		checkpoint.WriteAtomic(filepath.Join(dir, descriptionFile), func(w io.Writer) error {
			_, err := w.Write(description)
			return err
		}),
	); err != nil {
		return err
	}
	expected, err := Run(dir, kernels.F32)
	if err != nil {
		return err
	}
	return checkpoint.WriteSafetensors(filepath.Join(dir, expectedFile), expected, nil)
}

// Stack joins the tensors of several steps, which must agree in names and
// shapes, along a new outermost axis.
//
// Panics: they do not agree.
func Stack(steps [][]checkpoint.Tensor) []checkpoint.Tensor {
	var out []checkpoint.Tensor
	for i, first := range steps[0] {
		t := checkpoint.Tensor{Name: first.Name, DType: first.DType, Shape: append([]int{len(steps)}, first.Shape...)}
		for _, step := range steps {
			if step[i].Name != first.Name || !slices.Equal(step[i].Shape, first.Shape) {
				panic("reference: Stack: the steps have different tensors")
			}
			t.Data = append(t.Data, step[i].Data...)
		}
		out = append(out, t)
	}
	return out
}

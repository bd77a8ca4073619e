package reference

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lethe/harness/checkpoint"
)

// borrow copies a committed bundle to where a test may break it.
func borrow(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", name))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// describe changes the description of a bundle.
func describe(t *testing.T, dir string, change func(map[string]any)) {
	t.Helper()
	path := filepath.Join(dir, descriptionFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var about map[string]any
	if err := json.Unmarshal(text, &about); err != nil {
		t.Fatal(err)
	}
	change(about)
	if text, err = json.Marshal(about); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
}

// rewrite changes the tensors of a file of a bundle.
func rewrite(t *testing.T, path string, change func([]checkpoint.Tensor) []checkpoint.Tensor) {
	t.Helper()
	file, err := checkpoint.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := checkpoint.WriteSafetensors(path, change(clone(file.Tensors)), nil); err != nil {
		t.Fatal(err)
	}
}

// clone copies tensors, data included.
func clone(ts []checkpoint.Tensor) []checkpoint.Tensor {
	var out []checkpoint.Tensor
	for _, t := range ts {
		t.Shape, t.Data = append([]int{}, t.Shape...), append([]byte{}, t.Data...)
		out = append(out, t)
	}
	return out
}

// edit changes the tensor of one name.
func edit(name string, change func(*checkpoint.Tensor)) func([]checkpoint.Tensor) []checkpoint.Tensor {
	return func(ts []checkpoint.Tensor) []checkpoint.Tensor {
		for i := range ts {
			if ts[i].Name == name {
				change(&ts[i])
			}
		}
		return ts
	}
}

// drop removes the tensor of one name.
func drop(name string) func([]checkpoint.Tensor) []checkpoint.Tensor {
	return func(ts []checkpoint.Tensor) []checkpoint.Tensor {
		var out []checkpoint.Tensor
		for _, t := range ts {
			if t.Name != name {
				out = append(out, t)
			}
		}
		return out
	}
}

// TestRunRefuses: what cannot be used is an *InputError that names the file and,
// if there is one, the tensor.
func TestRunRefuses(t *testing.T) {
	about := func(key string, value any) func(*testing.T, string) {
		return func(t *testing.T, dir string) { describe(t, dir, func(m map[string]any) { m[key] = value }) }
	}
	without := func(key string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { describe(t, dir, func(m map[string]any) { delete(m, key) }) }
	}
	within := func(object, key string, value any) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			describe(t, dir, func(m map[string]any) { m[object].(map[string]any)[key] = value })
		}
	}
	inputs := func(change func([]checkpoint.Tensor) []checkpoint.Tensor) func(*testing.T, string) {
		return func(t *testing.T, dir string) { rewrite(t, filepath.Join(dir, inputsFile), change) }
	}
	weights := func(change func([]checkpoint.Tensor) []checkpoint.Tensor) func(*testing.T, string) {
		return func(t *testing.T, dir string) { rewrite(t, filepath.Join(dir, "checkpoint.safetensors"), change) }
	}
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	reshape := func(shape ...int) func(*checkpoint.Tensor) {
		return func(x *checkpoint.Tensor) { x.Shape = shape }
	}
	for _, row := range []struct {
		name, bundle string
		spoil        func(*testing.T, string)
		file, tensor string
		says         string
	}{
		{"format", "forward-plain", about("format", "lethe-reference/2"), descriptionFile, "", `format is "lethe-reference/2"`},
		{"no format", "forward-plain", without("format"), descriptionFile, "", `want "lethe-reference/1"`},
		{"task", "forward-plain", about("task", "sample"), descriptionFile, "", `task of model mae is "sample", want one of forward, unlearn`},
		{"model", "forward-plain", about("model", "vae"), descriptionFile, "", `model is "vae", want one of`},
		{"no config", "forward-plain", without("config"), descriptionFile, "", "config"},
		{"bad config", "forward-plain", within("config", "num_heads", 5), descriptionFile, "", "num_heads 5 does not divide embed_dim 36"},
		{"config of words", "forward-plain", within("config", "depth", "two"), descriptionFile, "", "depth"},
		{"no checkpoint", "forward-plain", without("checkpoint"), descriptionFile, "", "names no checkpoint"},
		{"no mask_ratio", "forward-plain", without("mask_ratio"), descriptionFile, "", "mask_ratio"},
		{"mask_ratio", "forward-plain", about("mask_ratio", 1.25), descriptionFile, "", "mask_ratio is 1.25"},
		{"no description", "forward-plain", remove(descriptionFile), descriptionFile, "", "no such file"},
		{"no inputs", "forward-plain", remove(inputsFile), inputsFile, "", "no such file"},
		{"checkpoint gone", "forward-plain", remove("checkpoint.safetensors"), "checkpoint.safetensors", "", "no such file"},
		{"no noise", "forward-plain", inputs(drop("noise")), inputsFile, "noise", "is missing"},
		{"no images", "forward-plain", inputs(drop("images")), inputsFile, "images", "is missing"},
		{"noise of another length", "forward-plain", inputs(edit("noise", reshape(4, 12))), inputsFile, "noise", "shape is [4 12], want [3 16]"},
		{"images of another rank", "forward-plain", inputs(edit("images", reshape(3, 3, 256))), inputsFile, "images", "shape is [3 3 256], want [_ 3 16 16]"},
		{"images of another type", "forward-plain", inputs(edit("noise", func(x *checkpoint.Tensor) { x.DType = checkpoint.I32 })), inputsFile, "noise", "dtype is I32, want F32"},
		{"a weight gone", "forward-plain", weights(drop("norm.bias")), "checkpoint.safetensors", "", "missing (norm.bias)"},
		{"a weight misshapen", "forward-plain", weights(edit("norm.bias", reshape(6, 6))), "checkpoint.safetensors", "", "norm.bias is [6 6], want [36]"},
		{"a weight of integers", "forward-plain", weights(edit("norm.bias", func(x *checkpoint.Tensor) { x.DType = checkpoint.I32 })), "checkpoint.safetensors", "norm.bias", "I32"},
		{"no method", "unlearn-adamw-clip", without("method"), descriptionFile, "", `method is ""`},
		{"method", "unlearn-adamw-clip", about("method", "max-loss"), descriptionFile, "", `method is "max-loss"`},
		{"steps", "unlearn-adamw-clip", about("steps", 5), inputsFile, "retain_images", "has 4 steps, bundle.json says 5"},
		{"no optimizer", "unlearn-adamw-clip", without("optimizer"), descriptionFile, "", "needs optimizer"},
		{"optimizer", "unlearn-adamw-clip", within("optimizer", "name", "lion"), descriptionFile, "", `optimizer name is "lion"`},
		{"no lr", "unlearn-adamw-clip", within("optimizer", "lr", nil), descriptionFile, "", "needs lr and alpha"},
		{"betas", "unlearn-adamw-clip", within("optimizer", "betas", []float64{0.9, 1}), descriptionFile, "", "betas are [0.9 1]"},
		{"eps", "unlearn-adamw-clip", within("optimizer", "eps", -1), descriptionFile, "", "eps is -1"},
		{"no gaussian", "unlearn-adamw-clip", inputs(drop("gaussian")), inputsFile, "gaussian", "is missing"},
		{"another batch", "unlearn-adamw-clip", inputs(edit("forget_noise", reshape(4, 1, 32))), inputsFile, "forget_noise", "want [4 2 16]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := borrow(t, row.bundle)
			row.spoil(t, dir)
			_, err := Run(dir)
			var e *InputError
			if !errors.As(err, &e) {
				t.Fatalf("error is %v, want an *InputError", err)
			}
			if filepath.Base(e.File) != row.file || e.Tensor != row.tensor || !strings.Contains(err.Error(), row.says) {
				t.Errorf("error is %q about %s, tensor %q; want %s, tensor %q, saying %q",
					err, e.File, e.Tensor, row.file, row.tensor, row.says)
			}
			if strings.Count(err.Error(), "\n") != 0 || !strings.Contains(err.Error(), row.file) {
				t.Errorf("error %q is not one line that names the file", err)
			}
		})
	}
}

// TestRunIgnoresWhatItNeedNot: further keys, further inputs, no clipping as null
// or 0, a description without steps.
func TestRunIgnoresWhatItNeedNot(t *testing.T) {
	dir := borrow(t, "unlearn-adam")
	describe(t, dir, func(m map[string]any) {
		delete(m, "steps")
		m["comment"], m["device"] = "made elsewhere", map[string]any{"name": "cuda"}
		m["optimizer"].(map[string]any)["grad_clip"] = nil
		m["optimizer"].(map[string]any)["foreach"] = false
	})
	rewrite(t, filepath.Join(dir, inputsFile), func(ts []checkpoint.Tensor) []checkpoint.Tensor {
		return append(ts, checkpoint.FromFloat32("more", []int{1}, []float32{1}))
	})
	if table, err := Check(dir); err != nil {
		t.Errorf("%v\n%v", err, table)
	}
	describe(t, dir, func(m map[string]any) { m["optimizer"].(map[string]any)["grad_clip"] = 0 })
	if table, err := Check(dir); err != nil {
		t.Errorf("grad_clip 0: %v\n%v", err, table)
	}
}

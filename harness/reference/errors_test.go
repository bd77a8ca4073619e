package reference

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lethe/harness/checkpoint"
	"lethe/kernels"
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

// spoiler breaks a borrowed bundle.
type spoiler func(t *testing.T, dir string)

func about(key string, value any) spoiler {
	return func(t *testing.T, dir string) { describe(t, dir, func(m map[string]any) { m[key] = value }) }
}

func without(key string) spoiler {
	return func(t *testing.T, dir string) { describe(t, dir, func(m map[string]any) { delete(m, key) }) }
}

func within(object, key string, value any) spoiler {
	return func(t *testing.T, dir string) {
		describe(t, dir, func(m map[string]any) { m[object].(map[string]any)[key] = value })
	}
}

func inputs(change func([]checkpoint.Tensor) []checkpoint.Tensor) spoiler {
	return func(t *testing.T, dir string) { rewrite(t, filepath.Join(dir, inputsFile), change) }
}

func starting(change func([]checkpoint.Tensor) []checkpoint.Tensor) spoiler {
	return func(t *testing.T, dir string) { rewrite(t, filepath.Join(dir, "checkpoint.safetensors"), change) }
}

func remove(name string) spoiler {
	return func(t *testing.T, dir string) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func garble(name string) spoiler {
	return func(t *testing.T, dir string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("not at all what it should be"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func reshape(shape ...int) func(*checkpoint.Tensor) {
	return func(x *checkpoint.Tensor) { x.Shape = shape }
}

func integers(x *checkpoint.Tensor) { x.DType = checkpoint.I32 }

// refusal is a way to spoil a bundle and what Run has to say about it.
type refusal struct {
	name         string
	spoil        spoiler
	file, tensor string
	says         string
}

// refuses checks that what cannot be used is an *InputError of one line that
// names the file and, if there is one, the tensor.
func refuses(t *testing.T, bundle string, rows []refusal) {
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			dir := borrow(t, bundle)
			row.spoil(t, dir)
			_, err := Run(dir, kernels.F32)
			var e *InputError
			if !errors.As(err, &e) {
				t.Fatalf("error is %v, want an *InputError", err)
			}
			if filepath.Base(e.File) != row.file || e.Tensor != row.tensor || !strings.Contains(err.Error(), row.says) {
				t.Errorf("error is %q about %s, tensor %q; want %s, tensor %q, saying %q",
					err, e.File, e.Tensor, row.file, row.tensor, row.says)
			}
			if strings.Contains(err.Error(), "\n") || strings.Count(err.Error(), e.File) != 1 {
				t.Errorf("error %q is not one line that names the file once", err)
			}
		})
	}
}

func TestForwardRefuses(t *testing.T) {
	refuses(t, "forward-plain", []refusal{
		{"format", about("format", "lethe-reference/2"), descriptionFile, "", `format is "lethe-reference/2"`},
		{"no format", without("format"), descriptionFile, "", `want "lethe-reference/1"`},
		{"task", about("task", "sample"), descriptionFile, "", `task of model mae is "sample", want one of forward, unlearn`},
		{"model", about("model", "vae"), descriptionFile, "", `model is "vae", want one of`},
		{"no config", without("config"), descriptionFile, "", "config"},
		{"bad config", within("config", "num_heads", 5), descriptionFile, "", "num_heads 5 does not divide embed_dim 36"},
		{"config of words", within("config", "depth", "two"), descriptionFile, "", "depth"},
		{"no checkpoint", without("checkpoint"), descriptionFile, "", "names no checkpoint"},
		{"no mask_ratio", without("mask_ratio"), descriptionFile, "", "mask_ratio"},
		{"mask_ratio", about("mask_ratio", 1.25), descriptionFile, "", "mask_ratio is 1.25"},
		{"no description", remove(descriptionFile), descriptionFile, "", "no such file"},
		{"no inputs", remove(inputsFile), inputsFile, "", "no such file"},
		{"checkpoint gone", remove("checkpoint.safetensors"), "checkpoint.safetensors", "", "no such file"},
		{"no noise", inputs(drop("noise")), inputsFile, "noise", "is missing"},
		{"no images", inputs(drop("images")), inputsFile, "images", "is missing"},
		{"noise of another length", inputs(edit("noise", reshape(4, 12))), inputsFile, "noise", "shape is [4 12], want [3 16]"},
		{"images of another rank", inputs(edit("images", reshape(3, 3, 256))), inputsFile, "images", "shape is [3 3 256], want [_ 3 16 16]"},
		{"images of another type", inputs(edit("noise", integers)), inputsFile, "noise", "dtype is I32, want F32"},
		{"a weight gone", starting(drop("norm.bias")), "checkpoint.safetensors", "", "missing (norm.bias)"},
		{"a weight misshapen", starting(edit("norm.bias", reshape(6, 6))), "checkpoint.safetensors", "", "norm.bias is [6 6], want [36]"},
		{"a weight of integers", starting(edit("norm.bias", integers)), "checkpoint.safetensors", "", "not being floating-point: norm.bias (I32)"},
		{"a damaged checkpoint", garble("checkpoint.safetensors"), "checkpoint.safetensors", "", "checkpoint.safetensors: is not a checkpoint"},
		{"damaged inputs", garble(inputsFile), inputsFile, "", inputsFile + ": is not a checkpoint"},
	})
}

func TestUnlearnRefuses(t *testing.T) {
	refuses(t, "unlearn-adamw-clip", []refusal{
		{"no method", without("method"), descriptionFile, "", `method is ""`},
		{"method", about("method", "max-loss"), descriptionFile, "", `method is "max-loss"`},
		{"steps", about("steps", 5), inputsFile, "retain_images", "has 4 steps, bundle.json says 5"},
		{"no optimizer", without("optimizer"), descriptionFile, "", "needs optimizer"},
		{"optimizer", within("optimizer", "name", "lion"), descriptionFile, "", `optimizer name is "lion"`},
		{"no lr", within("optimizer", "lr", nil), descriptionFile, "", "needs lr and alpha"},
		{"betas", within("optimizer", "betas", []float64{0.9, 1}), descriptionFile, "", "betas are [0.9 1]"},
		{"eps", within("optimizer", "eps", -1), descriptionFile, "", "eps is -1"},
		{"no gaussian", inputs(drop("gaussian")), inputsFile, "gaussian", "is missing"},
		{"another batch", inputs(edit("forget_noise", reshape(4, 1, 32))), inputsFile, "forget_noise", "want [4 2 16]"},
	})
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
	if table, err := Check(dir, kernels.F32); err != nil {
		t.Errorf("%v\n%v", err, table)
	}
	describe(t, dir, func(m map[string]any) { m["optimizer"].(map[string]any)["grad_clip"] = 0 })
	if table, err := Check(dir, kernels.F32); err != nil {
		t.Errorf("grad_clip 0: %v\n%v", err, table)
	}
}

// TestCountersAreNoWeights: integers among the weights, as other programs save
// them, are left alone.
func TestCountersAreNoWeights(t *testing.T) {
	dir := borrow(t, "forward-plain")
	rewrite(t, filepath.Join(dir, "checkpoint.safetensors"), func(ts []checkpoint.Tensor) []checkpoint.Tensor {
		return append(ts, checkpoint.FromInt64("steps", []int{1}, []int64{7}))
	})
	if table, err := Check(dir, kernels.F32); err != nil {
		t.Errorf("%v\n%v", err, table)
	}
}

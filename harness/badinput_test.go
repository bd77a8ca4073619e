package main

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lethe/harness/checkpoint"
)

// altered writes a copy of the shared weights with some tensors changed or, for
// nil, left out.
func altered(t *testing.T, change func(checkpoint.Tensor) *checkpoint.Tensor) string {
	t.Helper()
	f, err := checkpoint.Open(shared.weights)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []checkpoint.Tensor
	for _, x := range f.Tensors {
		if y := change(x); y != nil {
			out = append(out, *y)
		}
	}
	path := filepath.Join(t.TempDir(), "altered.safetensors")
	if err := checkpoint.WriteSafetensors(path, out, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// poisoned replaces one value of one tensor.
func poisoned(t *testing.T, name string, v float64) string {
	return altered(t, func(x checkpoint.Tensor) *checkpoint.Tensor {
		if x.Name == name {
			values, err := x.Float32()
			if err != nil {
				t.Fatal(err)
			}
			values = append([]float32(nil), values...)
			values[1] = float32(v)
			x = checkpoint.FromFloat32(x.Name, x.Shape, values)
		}
		return &x
	})
}

// TestBadCheckpoints: each is refused with one error that names the file and
// what is wrong, before anything is written.
func TestBadCheckpoints(t *testing.T) {
	raw := read(t, shared.weights)
	dir := t.TempDir()
	encoder := altered(t, func(x checkpoint.Tensor) *checkpoint.Tensor {
		if strings.HasPrefix(x.Name, "decoder") || x.Name == "mask_token" {
			return nil
		}
		return &x
	})
	for name, c := range map[string]struct {
		path, model string
		says        []string
	}{
		"cut short":        {put(t, raw[:len(raw)-100], dir, "cut.safetensors"), "", []string{"cut.safetensors"}},
		"cut in header":    {put(t, raw[:40], dir, "head.safetensors"), "", []string{"head.safetensors"}},
		"empty":            {put(t, nil, dir, "empty.safetensors"), "", []string{"empty.safetensors"}},
		"text":             {put(t, []byte("hello"), dir, "text.pth"), "", []string{"text.pth"}},
		"an image":         {filepath.Join(shared.retain, "brick", "0.png"), "", []string{"0.png"}},
		"a folder":         {dir, "", []string{dir}},
		"missing":          {filepath.Join(dir, "none.pth"), "", []string{"none.pth", "no such file"}},
		"NaN":              {poisoned(t, "blocks.0.attn.qkv.bias", math.NaN()), shared.model, []string{"blocks.0.attn.qkv.bias", "NaN"}},
		"infinity":         {poisoned(t, "decoder_pred.bias", math.Inf(1)), shared.model, []string{"decoder_pred.bias", "infinite"}},
		"encoder only":     {encoder, shared.model, []string{"decoder", "missing"}},
		"another size":     {shared.weights, "mae_tiny", []string{"mae_tiny"}},
		"unknown model":    {shared.weights, "mae_huge", []string{"mae_huge", "mae_vit_base_patch16", ".json"}},
		"missing model":    {shared.weights, filepath.Join(dir, "no.json"), []string{"no.json", "no such file"}},
		"model not JSON":   {shared.weights, put(t, []byte("{"), dir, "bad.json"), []string{"bad.json"}},
		"unknown argument": {shared.weights, put(t, []byte(`{"img_sise":16}`), dir, "unknown.json"), []string{"unknown.json", "img_sise", "img_size"}},
		"impossible size":  {shared.weights, put(t, []byte(strings.Replace(tinyModel, `"patch_size":4`, `"patch_size":5`, 1)), dir, "five.json"), []string{"patch_size 5"}},
		"no RGB":           {shared.weights, put(t, []byte(strings.Replace(tinyModel, `"in_chans":3`, `"in_chans":1`, 1)), dir, "grey.json"), []string{"in_chans", "3 channels"}},
		"larger images":    {shared.weights, put(t, []byte(strings.Replace(tinyModel, `"img_size":16`, `"img_size":32`, 1)), dir, "large.json"), []string{"pos_embed"}},
		"says nothing":     {encoder, "", []string{"--model"}},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "run")
			args := []string{"unlearn", "--checkpoint", c.path, "--retain", shared.retain, "--forget", shared.forget, "--out", out}
			if c.model != "" {
				args = append(args, "--model", c.model)
			}
			r := lethe(t, args...)
			if r.code == 2 {
				r.code = 1 // a model's name is an argument
			}
			r.refused(t, 1, c.says...)
			if exists(out) {
				t.Error("a run folder was made")
			}
		})
	}
	lethe(t, "unlearn", "--retain", shared.retain, "--forget", shared.forget).refused(t, 2, "--checkpoint", "lethe pretrain")
}

// TestBadNumbers: out of range, each with the range, before any work.
func TestBadNumbers(t *testing.T) {
	for _, arg := range []string{
		"--alpha=-1", "--alpha=NaN", "--alpha=inf", "--alpha=1e39", "--lr=0", "--lr=-1", "--lr=NaN", "--lr=inf", "--lr=1e39", "--lr=1e-60",
		"--weight-decay=-1", "--weight-decay=inf", "--clip=-1", "--clip=NaN", "--batch=0", "--batch=-1", "--epochs=-1", "--steps=-1",
		"--micro-batch=-1", "--warmup=-1", "--checkpoint-every=-1", "--threads=-1", "--eval-images=-1", "--eval-batch=0", "--shown=-1",
		"--hold-out=1", "--hold-out=-0.1", "--hold-out=NaN", "--images-per-class=-1", "--forget-random=-1",
		"--mask-ratio=0", "--mask-ratio=1", "--mask-ratio=NaN", "--mask-ratio=-0.5", "--mask-ratio=0.97", "--mask-ratio=0.0000000000000000001",
		"--schedule=linear", "--noise=pink", "--reduction=l1", "--method=theirs", "--seed=-1", "--batch=1.5", "--lr=fast", "--nonsense=1",
		"--eval-masks=random:1", "--eval-masks=centre:4", "--eval-masks=outpaint:0", "--eval-masks=random", "--eval-masks=star:3", "--eval-masks=random:0.99",
	} {
		out := filepath.Join(t.TempDir(), "run")
		flag, _, _ := strings.Cut(arg, "=")
		says := flag
		if flag == "--eval-masks" {
			says = "mask"
		}
		r := lethe(t, unlearning(out, arg)...)
		r.refused(t, 2, says)
		if exists(out) {
			t.Errorf("%s: a run folder was made", arg)
		}
		switch flag {
		case "--batch", "--micro-batch", "--steps", "--epochs", "--lr", "--weight-decay", "--clip", "--mask-ratio", "--warmup", "--threads", "--checkpoint-every", "--eval-batch":
			if arg == "--lr=0" { // the recipe's rate
				continue
			}
			lethe(t, pretraining(out, arg)...).refused(t, 2, says)
		}
	}
	for _, arg := range []string{"--min-lr=-1", "--crop-scale=2", "--for=-1s", "--leave-out=nobody", "--epochs=0"} {
		lethe(t, pretraining(filepath.Join(t.TempDir(), "run"), arg)...).refused(t, 2, strings.Split(arg, "=")[0])
	}
	lethe(t, unlearning(filepath.Join(t.TempDir(), "run"), "--threads", "5")...).ok(t) // more than cores only take turns
}

// TestBadOutput: places that no run can be written to.
func TestBadOutput(t *testing.T) {
	dir := t.TempDir()
	file := put(t, []byte("x"), dir, "file")
	for out, says := range map[string]string{
		file:                         "is a file",
		filepath.Join(file, "below"): "not a directory",
		"/proc/lethe-test":           "cannot be made",
	} {
		if strings.HasPrefix(out, "/proc") && !exists("/proc/self") {
			continue
		}
		lethe(t, unlearning(out)...).refused(t, 1, "--out "+out, says)
		lethe(t, pretraining(out)...).refused(t, 1, "--out "+out, says)
	}
	if !bytes.Equal(read(t, file), []byte("x")) {
		t.Error("the file in the way was changed")
	}
	if os.Getuid() != 0 { // root writes anywhere
		locked := filepath.Join(dir, "locked")
		if err := os.Mkdir(locked, 0o555); err != nil {
			t.Fatal(err)
		}
		lethe(t, unlearning(locked)...).refused(t, 1, locked, "cannot be written")
	}
	// folders where the run's files should go
	for _, name := range []string{"checkpoint.safetensors", "config.yaml", "summary.json", "report.html"} {
		out := filepath.Join(t.TempDir(), "run")
		if err := os.MkdirAll(filepath.Join(out, name, "x"), 0o755); err != nil {
			t.Fatal(err)
		}
		r := lethe(t, unlearning(out)...)
		r.refused(t, 1, name)
		noScraps(t, out)
	}
}

// TestOutputIsCheckedFirst: a folder that cannot be written is noticed before an
// image is read, and images that cannot be read leave no folder behind.
func TestOutputIsCheckedFirst(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "no-images")
	deep := filepath.Join(dir, "some", "new", "run")
	commands := func(out string) [][]string {
		return [][]string{unlearning(out, "--retain", missing), pretraining(out, "--data", missing)}
	}
	for _, args := range commands(deep) {
		lethe(t, args...).refused(t, 1, missing)
		if exists(filepath.Join(dir, "some")) {
			t.Errorf("%s: a folder was left for a run that never began", args[0])
		}
	}
	kept := t.TempDir()
	put(t, []byte("mine"), kept, "notes.txt")
	for _, args := range commands(kept) {
		lethe(t, args...).refused(t, 1, missing)
		if got := files(t, kept); len(got) != 1 {
			t.Errorf("%s: the folder holds %v, want the file that was there", args[0], got)
		}
	}
	if exists("/proc/self") {
		for _, args := range commands("/proc/lethe-test") {
			lethe(t, args...).refused(t, 1, "cannot be made")
		}
	}
}

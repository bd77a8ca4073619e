package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"lethe/harness/checkpoint"
)

// TestNormPixLoss: the flag sets the model's configuration, the checkpoint
// remembers it, and the commands that read it need no flag any more.
func TestNormPixLoss(t *testing.T) {
	dir := t.TempDir()
	normed, plain := filepath.Join(dir, "normed"), filepath.Join(dir, "plain")
	lethe(t, pretraining(normed, "--norm-pix-loss")...).ok(t)
	lethe(t, pretraining(plain)...).ok(t)
	if a, b := steps(t, normed)[0].Loss, steps(t, plain)[0].Loss; a == b {
		t.Errorf("the first loss is %v with and without the flag", a)
	}
	weights := filepath.Join(normed, "checkpoint.safetensors")
	if !remembersNormPix(t, weights) || remembersNormPix(t, filepath.Join(plain, "checkpoint.safetensors")) {
		t.Error("the checkpoints do not say how they were trained")
	}

	inherited, set := filepath.Join(dir, "inherited"), filepath.Join(dir, "set")
	lethe(t, unlearning(inherited, "--checkpoint", weights)...).ok(t)
	lethe(t, unlearning(set, "--norm-pix-loss", "--method", "max-loss")...).ok(t)
	for _, run := range []string{inherited, set} {
		if !remembersNormPix(t, filepath.Join(run, "checkpoint.safetensors")) {
			t.Errorf("%s: norm_pix_loss was lost", filepath.Base(run))
		}
	}

	evaluated := func(args ...string) string {
		return lethe(t, append([]string{"evaluate", "--retain", shared.retain}, args...)...).ok(t).out
	}
	png := filepath.Join(dir, "grid.png")
	completed := func(args ...string) string {
		out := lethe(t, append([]string{"complete", "--images", shared.retain, "--out", png, "--checkpoint"}, args...)...).ok(t).out
		return out + string(read(t, png))
	}
	for name, run := range map[string]func(...string) string{"evaluate": evaluated, "complete": completed} {
		if run(weights) != run(weights, "--norm-pix-loss") {
			t.Errorf("%s: the flag changes a model that has it already", name)
		}
		if run(shared.weights) == run(shared.weights, "--norm-pix-loss") {
			t.Errorf("%s: the flag changes nothing", name)
		}
	}
	if config := read(t, set, "config.yaml"); !bytes.Contains(config, []byte("norm_pix_loss: true")) {
		t.Errorf("config.yaml does not repeat the flag:\n%s", config)
	}
}

// remembersNormPix reads norm_pix_loss from a checkpoint's metadata.
func remembersNormPix(t *testing.T, path string) bool {
	t.Helper()
	f, err := checkpoint.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	config := f.Metadata[metaConfig]
	if !strings.Contains(config, `"norm_pix_loss":`) {
		t.Fatalf("%s: configuration %q does not name norm_pix_loss", path, config)
	}
	return strings.Contains(config, `"norm_pix_loss":true`)
}

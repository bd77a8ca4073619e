package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBudget: the ops of a step, what is left beside them, and the roofs.
func TestBudget(t *testing.T) {
	dir := t.TempDir()
	always := []string{"op ", "linear ", "linear.dx", "linear.dw", "linear.db", "attention ", "attention.grad", "layernorm ", "layernorm.grad", "mlp ", "mlp.dhidden",
		"gradnorm", "optimizer", "elsewhere", "step ", "FMA 100.0 GFLOP/s", "memory 10.0 GB/s in place"}
	for name, args := range map[string][]string{
		"budget":   {"budget", "--model", shared.model, "--images", "2", "--steps", "2", "--precision", "bf16"},
		"unlearn":  unlearning(filepath.Join(dir, "u"), "--budget", "--steps", "2"),
		"pretrain": pretraining(filepath.Join(dir, "p"), "--budget", "--steps", "2"),
	} {
		r := lethe(t, args...).ok(t)
		for _, row := range always {
			if !strings.Contains(r.out, row) {
				t.Errorf("%s: the budget lacks %q:\n%s", name, row, r.out)
			}
		}
		if strings.Contains(r.out, "NaN") {
			t.Errorf("%s: %s", name, r.out)
		}
	}
	if r := lethe(t, unlearning(filepath.Join(dir, "none"), "--steps", "1")...).ok(t); strings.Contains(r.out, "linear.dx") {
		t.Error("a budget that nobody asked for")
	}
	palette := put(t, []byte(smallModels["palette"]), t.TempDir(), "palette.json")
	r := lethe(t, "budget", "--model", palette, "--images", "1", "--steps", "1").ok(t)
	for _, row := range []string{"conv2d ", "conv2d.dx", "conv2d.dw", "groupnorm ", "groupnorm.grad"} {
		if !strings.Contains(r.out, row) {
			t.Errorf("palette: the budget lacks %q:\n%s", row, r.out)
		}
	}
	lethe(t, "budget", "--images=0").refused(t, 2, "--images")
	lethe(t, "budget", "--steps=0").refused(t, 2, "--steps")
	lethe(t, "budget", "--method", "theirs").refused(t, 2, "--method")
	lethe(t, "budget", "--model", "none").refused(t, 2, "--model")
	lethe(t, "budget", "--model", put(t, []byte(smallModels["vqgan"]), t.TempDir(), "vqgan.json")).refused(t, 2, "nothing to unlearn")
}

// TestProfileLabels: a profile of a training tells its stages and ops apart.
func TestProfileLabels(t *testing.T) {
	dir := t.TempDir()
	profile := filepath.Join(dir, "cpu.pprof")
	if r := exit(t, unlearning(filepath.Join(dir, "run"), "--steps", "800", "--batch", "8", "--cpuprofile", profile)...); r.code != 0 {
		t.Fatalf("status %d: %s", r.code, r.err)
	}
	file, err := os.Open(profile)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(unzipped)
	if err != nil {
		t.Fatal(err)
	}
	for _, label := range []string{"stage", "op", "backward", "student forward", "linear"} {
		// an entry of the profile's table of strings: field 6, length, text
		if !bytes.Contains(raw, append([]byte{6<<3 | 2, byte(len(label))}, label...)) {
			t.Errorf("no sample has the label %q", label)
		}
	}
}

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"lethe/harness/checkpoint"
	"lethe/layers/pretrained/counted"
	"lethe/layers/resnet"
)

// countedNetwork writes a ResNet-20 of formula weights.
func countedNetwork(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "net.safetensors")
	var ts []checkpoint.Tensor
	for _, w := range counted.Weights(resnet.Specs(resnet.Config{Small: true, Blocks: []int{3, 3, 3}, Classes: 10, Head: "linear"})) {
		ts = append(ts, checkpoint.FromFloat32("module."+w.Name, w.Shape, w.Data))
	}
	if err := checkpoint.WriteSafetensors(path, ts, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFeatures runs lethe features and lethe inspect on a network of formula weights.
func TestFeatures(t *testing.T) {
	dir := t.TempDir()
	path := countedNetwork(t, dir)
	if r := lethe(t, "inspect", "--no-keys", path).ok(t); !strings.Contains(r.out, "the network ResNet-20, which measures images: 64 features, 10 classes") {
		t.Errorf("inspect says %s", r.out)
	}
	out := filepath.Join(dir, "f.safetensors")
	r := lethe(t, "features", "--network", path, "--data", "world:test?per-class=1", "--limit", "7", "--out", out).ok(t)
	for _, want := range []string{"ResNet-20", "images    7 of", "images/s"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("%q is not in %s", want, r.out)
		}
	}
	f, err := checkpoint.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, _ := f.Get("features")
	logits, _ := f.Get("logits")
	if shapeText(rows.Shape) != "[7,64]" || shapeText(logits.Shape) != "[7,10]" || !strings.Contains(f.Metadata["lethe.provenance"], `"network":"ResNet-20"`) {
		t.Errorf("features %v, logits %v, metadata %v", rows.Shape, logits.Shape, f.Metadata)
	}
	if r := lethe(t, "features", "--network", path, "--data", "world:test", "--out", filepath.Join(dir, "f.csv")); r.code != 2 {
		t.Errorf("status %d for an unknown format", r.code)
	}
}

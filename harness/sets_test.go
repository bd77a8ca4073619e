package main

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"lethe/harness/checkpoint"
	"lethe/harness/evaluate"
	"lethe/harness/metric"
	"lethe/layers/pretrained/counted"
	"lethe/layers/squeezenet"
)

// evaluated is what lethe evaluate writes.
func evaluated(t *testing.T, dir string, args ...string) (evaluate.Result, string) {
	t.Helper()
	out := filepath.Join(dir, "sets.json")
	r := lethe(t, append([]string{"evaluate", builtinName, "--retain", "world:test?per-class=2", "--eval-images", "9", "--eval-masks", "random:0.75", "--out", out}, args...)...).ok(t)
	var res evaluate.Result
	if err := json.Unmarshal(read(t, out), &res); err != nil {
		t.Fatal(err)
	}
	return res, r.out
}

// TestEvaluateSets: metrics of sets beside those of images, under the network's own
// name, whatever the batch and the cache; a model against itself is no change, and
// a better completion is nearer to the truth.
func TestEvaluateSets(t *testing.T) {
	dir := t.TempDir()
	net := countedNetwork(t, dir)
	res, text := evaluated(t, dir, "--against", builtinName, "--eval-network", net)
	before, after := res.Before["retain"].Masks["random:0.75"], res.After["retain"].Masks["random:0.75"]
	for _, column := range []string{"FD(ResNet-20)", "KID(ResNet-20)", "cosine(ResNet-20)", "IS(ResNet-20)"} {
		v, ok := before.Sets[column]
		if !ok || math.IsNaN(v) || after.Sets[column] != v || !strings.Contains(text, column) {
			t.Errorf("%s is %g before and %g after, want it, and twice the same: %s", column, v, after.Sets[column], text)
		}
	}
	if !(before.Sets["FD(ResNet-20)"] > 0) || len(before.SetResults) != 4 {
		t.Errorf("sets: %+v", before)
	}
	for _, v := range before.SetResults {
		if v.From.Network != "ResNet-20" || len(v.From.SHA256) != 64 || v.From.Resizer == "" || v.From.Decoder == "" || v.N[0] != 9 {
			t.Errorf("%s does not say what it depends on: %+v", v.Column, v)
		}
	}
	if !strings.Contains(text, "warning: FD(ResNet-20)") {
		t.Errorf("9 images for 64 features without a warning: %s", text)
	}
	cache := filepath.Join(dir, "cache")
	for range 2 {
		again, _ := evaluated(t, dir, "--eval-network", net, "--eval-batch", "2", "--feature-cache", cache)
		got := again.Before["retain"].Masks["random:0.75"].Sets
		for column, v := range before.Sets {
			if got[column] != v {
				t.Errorf("in batches of 2, %s is %g, want %g", column, got[column], v)
			}
		}
	}
	little, _ := evaluated(t, dir, "--resnet", net, "--eval-masks", "random:0.2") // --eval-network by another name
	if got := little.Before["retain"].Masks["random:0.2"].Sets; !(got["FD(ResNet-20)"] < before.Sets["FD(ResNet-20)"]) || !(got["cosine(ResNet-20)"] > before.Sets["cosine(ResNet-20)"]) {
		t.Errorf("with few patches removed the sets are %v, with many %v", got, before.Sets)
	}
	lethe(t, "evaluate", builtinName, "--retain", "world:test?per-class=1", "--eval-network", builtinWeights(t, dir)).refused(t, 2, "of no network that measures images")
	lethe(t, "evaluate", builtinName, "--retain", "world:test?per-class=1", "--eval-network", net, "--eval-network", net).refused(t, 2, "give one of them")
	lethe(t, "evaluate", builtinName, "--retain", "world:test?per-class=1", "--eval-images", "1", "--eval-network", net).refused(t, 1, "give more images")
}

// builtinWeights writes the built-in model to a file, which is no network that
// measures.
func builtinWeights(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "mae.safetensors")
	lethe(t, "init", "--model", "mae_tiny", "--out", path).ok(t)
	return path
}

// TestStudySets: a study tables the sets by the network's name, and other networks
// are other measurements, but no other training.
func TestStudySets(t *testing.T) {
	dir := t.TempDir()
	countedNetwork(t, dir)
	small := []string{"[ours, max-loss]", "[ours]", "[0.1, 1]", "[1]", ", oracle: {steps: 12, batch: 6, lr: 1e-3, warmup: 2, seed: 3}", "", "masks: [random:0.75, centre:2]", "masks: [random:0.75]",
		"  - {name: proxy, proxy: [{classes: [\"*\"]}]}", ""}
	plain := tinyStudy(t, dir, "", small...)
	lethe(t, "study", "run", plain, "--results", filepath.Join(dir, "r")).ok(t)
	study := tinyStudy(t, dir, "", append(small, "batch: 3}", "batch: 3, networks: [net.safetensors], feature_cache: cache}")...)
	said := lethe(t, "study", "check", study, "--results", filepath.Join(dir, "r")).ok(t).out
	if strings.Count(said, "to do") != 3 || strings.Count(said, "done   ") != 2 || strings.Count(said, "unlearn ours") != 2 {
		t.Errorf("want the trainings done and three measurements to do: %s", said)
	}
	lethe(t, "study", "run", study, "--results", filepath.Join(dir, "r")).ok(t)
	table := string(read(t, filepath.Join(dir, "r"), "study", "tables.md"))
	for _, want := range []string{"| model | n | retain FD(ResNet-20) | forget FD(ResNet-20) | heldout FD(ResNet-20) | retain KID(ResNet-20)", "cosine(ResNet-20)", "IS(ResNet-20)", "- FD(ResNet-20): "} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q: %s", want, table)
		}
	}
	if strings.Contains(table, metric.FrechetColumn(metric.InceptionNetwork)+" |") {
		t.Errorf("a column is called FID: %s", table)
	}
	perceptual(t, dir)
	pairs := tinyStudy(t, dir, "", append(small, "batch: 3}", "batch: 3, lpips: [squeeze.safetensors, heads.safetensors]}")...)
	lethe(t, "study", "check", pairs).refused(t, 2, "evaluation.lpips", "16x16", "at least 32 pixels")
	lethe(t, "study", "check", tinyStudy(t, dir, "", append(small, "batch: 3}", "batch: 3, lpips: [squeeze.safetensors]}")...)).refused(t, 2, "evaluation.lpips", "want two files")
	bad := tinyStudy(t, dir, "", append(small, "batch: 3}", "batch: 3, networks: [none.safetensors]}")...)
	lethe(t, "study", "check", bad).refused(t, 2, "none.safetensors", "evaluation.networks")
}

// perceptual writes a SqueezeNet 1.1 of formula weights and heads for it, of one
// weight throughout.
func perceptual(t *testing.T, dir string, widths ...int) (backbone, heads string) {
	t.Helper()
	c := squeezenet.Config{Later: true, Headless: true}
	var net, lin []checkpoint.Tensor
	for _, w := range counted.Weights(squeezenet.Specs(c)) {
		net = append(net, checkpoint.FromFloat32(w.Name, w.Shape, w.Data))
	}
	if widths == nil {
		widths = c.TapWidths()
	}
	for l, width := range widths {
		ones := make([]float32, width)
		for i := range ones {
			ones[i] = 0.25
		}
		lin = append(lin, checkpoint.FromFloat32(fmt.Sprintf("lin%d.model.1.weight", l), []int{1, width, 1, 1}, ones))
	}
	backbone, heads = filepath.Join(dir, "squeeze.safetensors"), filepath.Join(dir, "heads.safetensors")
	for path, ts := range map[string][]checkpoint.Tensor{backbone: net, heads: lin} {
		if err := checkpoint.WriteSafetensors(path, ts, nil); err != nil {
			t.Fatal(err)
		}
	}
	return backbone, heads
}

// TestEvaluateLPIPS: under every mask, with and without other networks, the same for
// equal models, more where more is removed.
func TestEvaluateLPIPS(t *testing.T) {
	dir := t.TempDir()
	backbone, heads := perceptual(t, dir)
	const column = "LPIPS(SqueezeNet-1.1)"
	both := backbone + "," + heads
	res, text := evaluated(t, dir, "--against", builtinName, "--lpips", both, "--eval-masks", "random:0.75", "--eval-masks", "centre:2")
	for _, mask := range []string{"random:0.75", "centre:2"} {
		before, after := res.Before["retain"].Masks[mask], res.After["retain"].Masks[mask]
		if v := before.Sets[column]; !(v > 0) || after.Sets[column] != v || len(before.SetResults) != 1 || before.SetResults[0].N[0] != 9 || len(before.SetResults[0].From.SHA256) != 129 {
			t.Errorf("%s: %+v before, %+v after", mask, before.SetResults, after.SetResults)
		}
	}
	if !strings.Contains(text, column) {
		t.Errorf("the table lacks it: %s", text)
	}
	with, _ := evaluated(t, dir, "--lpips", both, "--eval-network", countedNetwork(t, dir), "--eval-batch", "2")
	if got, want := with.Before["retain"].Masks["random:0.75"].Sets[column], res.Before["retain"].Masks["random:0.75"].Sets[column]; got != want {
		t.Errorf("beside a network %g, alone %g", got, want)
	}
	little, _ := evaluated(t, dir, "--lpips", both, "--eval-masks", "random:0.2")
	if a, b := little.Before["retain"].Masks["random:0.2"].Sets[column], res.Before["retain"].Masks["random:0.75"].Sets[column]; !(a < b) {
		t.Errorf("with few patches removed it is %g, with many %g", a, b)
	}
	lethe(t, "evaluate", builtinName, "--retain", "world:test", "--lpips", backbone).refused(t, 2, "--lpips", "want two files")
	lethe(t, "evaluate", builtinName, "--retain", "world:test", "--lpips", countedNetwork(t, dir)+","+heads).refused(t, 2, "ResNet-20 gives no activations for LPIPS")
	other := t.TempDir()
	_, wrong := perceptual(t, other, 96, 128)
	lethe(t, "evaluate", builtinName, "--retain", "world:test", "--lpips", backbone+","+wrong).refused(t, 2, "2 heads", "another backbone")
	_, wrong = perceptual(t, other, 96, 128, 256, 384, 384, 512, 512)
	lethe(t, "evaluate", builtinName, "--retain", "world:test", "--lpips", backbone+","+wrong).refused(t, 2, "head 0 has 96 weights", "for 1.1")
}

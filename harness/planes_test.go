package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestPlanes: a run that is given a network has its sets and its t-SNE on the page and
// beside it; too few completions are a warning, no failure.
func TestPlanes(t *testing.T) {
	dir := t.TempDir()
	net := countedNetwork(t, dir)
	run := func(images string) (folder, warned string) {
		out := filepath.Join(dir, "run"+images)
		r := lethe(t, "unlearn", "--checkpoint", builtinName, "--data", "world:train?per-class=12&classes=brick,car,face,fish", "--forget-classes", "face,fish", "--eval-data", "world:test?classes=brick,car,face,fish",
			"--eval-images", images, "--eval-masks", "random:0.75", "--steps", "2", "--batch", "4", "--eval-network", net, "--out", out).ok(t)
		return out, r.err
	}
	out, _ := run("20")
	page, picture := string(read(t, out, "report.html")), string(read(t, out, "tsne-1.svg"))
	for _, want := range []string{"FD(ResNet-20)", "KID(ResNet-20)", "t-SNE over ResNet-20", "forget, unlearned"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if !strings.Contains(picture, "retain, original") || !strings.Contains(picture, "80 completions") {
		t.Errorf("the picture is not of 20 completions of two sets by two models: %.600s", picture)
	}
	_, warned := run("6")
	if !strings.Contains(warned, "no t-SNE over ResNet-20: 24 completions") {
		t.Errorf("24 completions give no warning: %s", warned)
	}
}

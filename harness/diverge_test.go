package main

import (
	"path/filepath"
	"strings"
	"testing"

	"lethe/harness/checkpoint"
)

// TestDiverge: a loss or gradient that is not finite stops the run; the state
// that is left is finite, has a finite loss, and is named with its step.
func TestDiverge(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		good string
	}{
		{"first step", []string{"--alpha", "3e38"}, "before step 0"},
		{"second step", []string{"--lr", "1e30"}, "before step 0"},
		{"second step, after a state", []string{"--lr", "1e30", "--checkpoint-every", "1"}, "before step 0"},
		// the warm-up keeps the first step at a rate of 0, so that the state
		// of step 1 is proven by step 1 and the weights of step 2 are not
		{"later", []string{"--lr", "1e30", "--warmup", "2", "--checkpoint-every", "1"}, "before step 1"},
		{"gradient ascent", []string{"--method", "max-loss", "--lr", "1e15", "--checkpoint-every", "2"}, "before step 0"},
		{"micro-batches", []string{"--lr", "1e30", "--micro-batch", "1"}, "before step 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			lethe(t, unlearning(dir, c.args...)...).refused(t, 1, "is not finite", "not applied", c.good, filepath.Join(dir, stateFile), "--lr")
			finished(t, dir, false)
			log := steps(t, dir)
			f, err := checkpoint.Open(filepath.Join(dir, stateFile))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := checkpoint.CheckFinite(f); err != nil {
				t.Error(err)
			}
			if next, err := metaInt(f, metaNext); err != nil || next > len(log) {
				t.Errorf("the state goes on with step %d after a log of %d steps: %v", next, len(log), err)
			}
			for _, x := range f.Tensors {
				values, err := x.Float32()
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range values {
					if strings.HasPrefix(x.Name, "weights.") && (v > 100 || v < -100) {
						t.Fatalf("%s holds %g: these weights are not good", x.Name, v)
					}
				}
			}
			lethe(t, unlearning(dir, append(c.args, "--resume")...)...).refused(t, 1, "not applied")
		})
	}
	dir := filepath.Join(t.TempDir(), "pretrain")
	lethe(t, pretraining(dir, "--lr", "1e30", "--warmup", "0")...).refused(t, 1, "not applied", "before step 0", filepath.Join(dir, stateFile))
	finished(t, dir, false)
}

// finished checks whether a folder has a result.
func finished(t *testing.T, dir string, want bool) {
	t.Helper()
	for _, name := range []string{"checkpoint.safetensors", "summary.json", "report.html"} {
		if got := exists(filepath.Join(dir, name)); got != want {
			t.Errorf("%s there: %v, want %v", name, got, want)
		}
	}
	noScraps(t, dir)
}

// TestLastStepDiverges: weights that only the evaluation finds useless are no
// result either.
func TestLastStepDiverges(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	lethe(t, unlearning(dir, "--lr", "1e30", "--steps", "1", "--save-pth")...).
		refused(t, 1, "unlearned model's output is not finite", "before step 0", filepath.Join(dir, stateFile))
	finished(t, dir, false)
	lethe(t, unlearning(dir, "--lr", "1e30", "--steps", "2", "--warmup", "1", "--checkpoint-every", "1", "--force")...).
		refused(t, 1, "unlearned model's output is not finite", "before step 1")
	finished(t, dir, false)
	dir = filepath.Join(t.TempDir(), "pretrain")
	lethe(t, pretraining(dir, "--lr", "1e30", "--warmup", "0", "--steps", "1")...).refused(t, 1, "the model's output is not finite", "before step 0")
	finished(t, dir, false)
}

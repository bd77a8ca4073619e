package main

import (
	"math"
	"path/filepath"
	"testing"

	"lethe/harness/checkpoint"
	"lethe/harness/reference"
	"lethe/kernels"
)

// TestRecordedStepsAreTheRuns: a recorded bundle holds the batches, masks and
// noise of lethe unlearn, so that its losses are those of the run's log.
func TestRecordedStepsAreTheRuns(t *testing.T) {
	run, bundle := filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "bundle")
	images := []string{"--retain", shared.retain, "--forget", shared.forget, "--checkpoint", shared.weights, "--batch", "3", "--steps", "2", "--seed", "7", "--lr", "1e-4"}
	lethe(t, append([]string{"unlearn", "--out", run}, images...)...).ok(t)
	lethe(t, append([]string{"reference", "record", "--out", bundle, "--eps", "1e-8"}, images...)...).ok(t)
	lethe(t, "reference", "check", bundle).ok(t)
	file, err := checkpoint.Open(filepath.Join(bundle, "expected.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	losses, ok := file.Get("loss_forget")
	if !ok {
		t.Fatal("loss_forget is missing")
	}
	recorded, err := losses.Float32()
	if err != nil {
		t.Fatal(err)
	}
	// The run puts both groups through the encoder at once, the bundle one after
	// the other: the same sums, regrouped.
	for i, r := range steps(t, run) {
		if got := float64(recorded[i]); !(math.Abs(got-r.Forget) <= 1e-4*r.Forget) {
			t.Errorf("step %d: the bundle's forget loss is %g, the run's %g", i, got, r.Forget)
		}
	}
}

func TestRecordForward(t *testing.T) {
	bundle := filepath.Join(t.TempDir(), "bundle")
	args := []string{"reference", "record", "--task", "forward", "--checkpoint", shared.weights, "--retain", shared.retain, "--forget", shared.forget, "--batch", "2", "--out", bundle}
	lethe(t, args...).ok(t)
	if _, err := reference.Check(bundle, kernels.F32); err != nil {
		t.Error(err)
	}
	lethe(t, args...).refused(t, 1, "not empty")
	lethe(t, append(args, "--mask-ratio", "0.99")...).refused(t, 2, "--mask-ratio")
}

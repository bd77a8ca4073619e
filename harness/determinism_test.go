package main

import (
	"bytes"
	"maps"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"lethe/harness/unlearn"
)

// TestScopes checks which tensors each method may touch: the decoder, and what
// is fixed, keep their bytes under the encoder methods.
func TestScopes(t *testing.T) {
	before := tensors(t, shared.weights)
	for _, m := range unlearn.Methods() {
		t.Run(m.Name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			lethe(t, unlearning(dir, "--method", m.Name)...).ok(t)
			after := tensors(t, filepath.Join(dir, "checkpoint.safetensors"))
			if !slices.Equal(slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after))) {
				t.Fatalf("the checkpoint has other tensors than the original")
			}
			for name := range before {
				decoder := strings.HasPrefix(name, "decoder") || name == "mask_token"
				fixed := strings.HasSuffix(name, "pos_embed")
				want := !fixed && (m.Trains == unlearn.FullModel || !decoder)
				if changed := before[name] != after[name]; changed != want {
					t.Errorf("%s: changed %v, want %v", name, changed, want)
				}
			}
		})
	}
}

// TestFirstRetainLoss: the student begins as the original, so the distance to
// it is exactly 0.
func TestFirstRetainLoss(t *testing.T) {
	for _, method := range []string{"ours", "random-encoder", "retain-label"} {
		dir := filepath.Join(t.TempDir(), method)
		lethe(t, unlearning(dir, "--method", method, "--steps", "2", "--augment")...).ok(t)
		log := steps(t, dir)
		if log[0].Retain != 0 || log[0].Forget == 0 || log[1].Retain == 0 {
			t.Errorf("%s: retain losses %g, %g and forget loss %g: want 0, more and more", method, log[0].Retain, log[1].Retain, log[0].Forget)
		}
	}
}

// TestSeedsAndThreads: a seed gives one result, whatever the threads, with and
// without micro-batches; another seed gives another.
func TestSeedsAndThreads(t *testing.T) {
	for _, m := range unlearn.Methods() {
		for _, micro := range []string{"0", "1", "3"} {
			t.Run(m.Name+"/micro="+micro, func(t *testing.T) {
				run := func(more ...string) (string, []byte) {
					dir := filepath.Join(t.TempDir(), "run")
					lethe(t, unlearning(dir, append([]string{"--method", m.Name, "--micro-batch", micro, "--augment", "--save-pth"}, more...)...)...).ok(t)
					return dir, read(t, dir, "checkpoint.safetensors")
				}
				one, first := run("--threads", "1")
				for _, threads := range []string{"1", "2", "3"} {
					dir, raw := run("--threads", threads)
					if !bytes.Equal(raw, first) || !bytes.Equal(read(t, dir, "checkpoint.pth"), read(t, one, "checkpoint.pth")) {
						t.Errorf("--threads %s gives another checkpoint", threads)
					}
					if !reflect.DeepEqual(steps(t, dir), steps(t, one)) {
						t.Errorf("--threads %s gives another log", threads)
					}
				}
				other, raw := run("--seed", "2")
				if bytes.Equal(raw, first) || reflect.DeepEqual(steps(t, other), steps(t, one)) {
					t.Error("another seed gives the same result")
				}
			})
		}
	}
}

// TestPretrainThreads is the same for pretraining.
func TestPretrainThreads(t *testing.T) {
	run := func(more ...string) []byte {
		dir := filepath.Join(t.TempDir(), "run")
		lethe(t, pretraining(dir, append([]string{"--crop-scale", "0.3", "--micro-batch", "3"}, more...)...)...).ok(t)
		return read(t, dir, "checkpoint.safetensors")
	}
	first := run("--threads", "1")
	if !bytes.Equal(run("--threads", "2"), first) {
		t.Error("2 threads give another checkpoint than 1")
	}
	if bytes.Equal(run("--seed", "5"), first) {
		t.Error("another seed gives the same checkpoint")
	}
}

// TestMicroBatches: a cut changes the order of sums, not the samples: a batch
// in one piece is the batch, and the losses of step 0 agree to rounding where
// the method takes no statistics of a micro-batch.
func TestMicroBatches(t *testing.T) {
	log := func(method, micro string) (weights []byte, loss, retain, forget float64) {
		dir := filepath.Join(t.TempDir(), "run")
		lethe(t, unlearning(dir, "--method", method, "--micro-batch", micro, "--steps", "1", "--augment")...).ok(t)
		r := steps(t, dir)[0]
		return []byte(tensorsText(t, dir)), r.Loss, r.Retain, r.Forget
	}
	for _, method := range []string{"ours", "max-loss", "noisy-label"} {
		whole, l0, r0, f0 := log(method, "0")
		same, _, _, _ := log(method, "4")
		if !bytes.Equal(whole, same) {
			t.Errorf("%s: a micro-batch as large as the batch gives other weights", method)
		}
		for _, micro := range []string{"1", "2", "3"} {
			_, l, r, f := log(method, micro)
			for _, pair := range [][2]float64{{l, l0}, {r, r0}, {f, f0}} {
				// the mean of at most 8 float32 losses, each of some 1e3 terms
				if !(math.Abs(pair[0]-pair[1]) <= 1e-5*math.Abs(pair[1])) {
					t.Errorf("%s, micro-batches of %s: loss %g, want %g", method, micro, pair[0], pair[1])
				}
			}
		}
	}
}

// tensorsText is every tensor's bytes of a run, in the order of their names.
func tensorsText(t *testing.T, dir string) string {
	t.Helper()
	all := tensors(t, filepath.Join(dir, "checkpoint.safetensors"))
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.WriteString(all[name])
	}
	return b.String()
}

// TestAlphaZero: without the forget term the methods that stay with the
// original have nothing to do, and the user is warned.
func TestAlphaZero(t *testing.T) {
	for _, m := range unlearn.Methods() {
		dir := filepath.Join(t.TempDir(), m.Name)
		r := lethe(t, unlearning(dir, "--method", m.Name, "--alpha", "0")...).ok(t)
		if !strings.Contains(r.err, "warning: alpha is 0: nothing will be forgotten") {
			t.Errorf("%s: no warning: %s", m.Name, r.err)
		}
		if !strings.Contains(string(read(t, dir, "summary.json")), "alpha is 0") {
			t.Errorf("%s: the warning is not in summary.json", m.Name)
		}
		same := reflect.DeepEqual(tensors(t, shared.weights), tensors(t, filepath.Join(dir, "checkpoint.safetensors")))
		if stays := m.NeedsOriginal; same != stays {
			t.Errorf("%s: weights unchanged: %v, want %v", m.Name, same, stays)
		}
	}
}

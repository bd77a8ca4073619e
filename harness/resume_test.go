package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lethe/harness/data"
)

// sameRun fails the test unless two folders hold the same result.
func sameRun(t *testing.T, got, want string) {
	t.Helper()
	if !bytes.Equal(read(t, got, "checkpoint.safetensors"), read(t, want, "checkpoint.safetensors")) {
		t.Error("the resumed run has another checkpoint")
	}
	if !reflect.DeepEqual(steps(t, got), steps(t, want)) {
		t.Error("the resumed run has another log")
	}
	if !slices.Equal(files(t, got), files(t, want)) {
		t.Errorf("the resumed run has the files %v, want %v", files(t, got), files(t, want))
	}
}

// TestResume interrupts runs before every step and goes on, once as the command
// was given and once as the message says.
func TestResume(t *testing.T) {
	for name, command := range map[string]func(string, ...string) []string{"unlearn": unlearning, "pretrain": pretraining} {
		t.Run(name, func(t *testing.T) {
			more := []string{"--clip", "1", "--checkpoint-every", "2", "--weight-decay", "0.01", "--micro-batch", "3"}
			whole := filepath.Join(t.TempDir(), "whole")
			lethe(t, command(whole, more...)...).ok(t)
			for stop := range int64(6) {
				dir := filepath.Join(t.TempDir(), "run")
				r := letheUntil(t, cancelAfter(stop), command(dir, more...)...)
				r.refused(t, 130, "interrupted before step", "--resume", filepath.Join(dir, "state.safetensors"))
				if got := len(steps(t, dir)); got != int(stop) {
					t.Errorf("stopped before step %d with %d lines in the log", stop, got)
				}
				noScraps(t, dir)
				again := append(command(dir, more...), "--resume")
				if stop%2 == 0 {
					_, said, _ := strings.Cut(r.err, "to go on: lethe ")
					again = strings.Fields(said)
				}
				lethe(t, again...).ok(t)
				sameRun(t, dir, whole)
			}
		})
	}
}

// TestResumeTwice stops a run, stops it again, and then lets it end.
func TestResumeTwice(t *testing.T) {
	whole, dir := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "run")
	lethe(t, unlearning(whole)...).ok(t)
	letheUntil(t, cancelAfter(2), unlearning(dir)...).refused(t, 130, "before step 2")
	letheUntil(t, cancelAfter(0), unlearning(dir, "--resume")...).refused(t, 130, "before step 2")
	letheUntil(t, cancelAfter(3), unlearning(dir, "--resume", "--threads", "2")...).refused(t, 130, "before step 5")
	lethe(t, unlearning(dir, "--resume")...).ok(t)
	sameRun(t, dir, whole)
}

// TestResumeEvaluation interrupts a run when its training is done.
func TestResumeEvaluation(t *testing.T) {
	for name, command := range map[string]func(string, ...string) []string{"unlearn": unlearning, "pretrain": pretraining} {
		t.Run(name, func(t *testing.T) {
			whole, dir := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "run")
			lethe(t, command(whole)...).ok(t)
			r := letheUntil(t, cancelAfter(6), command(dir)...)
			r.refused(t, 130, "after the training", filepath.Join(dir, "checkpoint.safetensors"), "--resume")
			if slices.Contains(files(t, dir), "summary.json") {
				t.Error("a run without a result has a summary.json")
			}
			lethe(t, command(dir, "--resume")...).ok(t)
			sameRun(t, dir, whole)
		})
	}
}

// TestResumeFinished: a finished run is not trained again.
func TestResumeFinished(t *testing.T) {
	for name, command := range map[string]func(string, ...string) []string{"unlearn": unlearning, "pretrain": pretraining} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			lethe(t, command(dir)...).ok(t)
			before := map[string][]byte{}
			for _, f := range files(t, dir) {
				before[f] = read(t, dir, f)
			}
			r := lethe(t, command(dir, "--resume")...).ok(t)
			if !strings.Contains(r.out, "is finished") || !strings.Contains(r.out, "report.html") {
				t.Errorf("it does not say so: %s", r.out)
			}
			lethe(t, command(dir, "--resume", "--lr", "2e-3")...).refused(t, 1, "other settings", "differs in lr", "--force")
			lethe(t, command(dir)...).refused(t, 1, "already holds a run", "--resume", "--force")
			for f, raw := range before {
				if !bytes.Equal(read(t, dir, f), raw) {
					t.Errorf("%s was changed", f)
				}
			}
		})
	}
}

// TestResumeRefused: other settings, other images, other weights, no run.
func TestResumeRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	letheUntil(t, cancelAfter(3), unlearning(dir)...).refused(t, 130)
	config := read(t, dir, "config.yaml")
	other := filepath.Join(t.TempDir(), "other.safetensors")
	lethe(t, "init", "--model", shared.model, "--seed", "9", "--out", other).ok(t)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--lr", "5e-4"}, "differs in lr"},
		{[]string{"--seed", "7", "--batch", "3"}, "differs in batch, seed"},
		{[]string{"--method", "max-loss"}, "method"},
		{[]string{"--steps", "7"}, "steps"},
		{[]string{"--micro-batch", "2"}, "micro_batch"},
		{[]string{"--squash"}, "squash"},
		{[]string{"--retain-classes", data.WorldClasses[0]}, "retain_classes"},
		{[]string{"--checkpoint", other}, "checkpoint"},
	} {
		lethe(t, unlearning(dir, append(c.args, "--resume")...)...).refused(t, 1, "cannot be resumed", c.says, "--force")
	}
	if !bytes.Equal(read(t, dir, "config.yaml"), config) {
		t.Error("a refused --resume changed config.yaml")
	}
	lethe(t, unlearning(filepath.Join(t.TempDir(), "none"), "--resume")...).refused(t, 1, "no run to resume")
	lethe(t, unlearning(dir, "--resume", "--force")...).refused(t, 2, "--resume", "--force")
	lethe(t, unlearning(dir, "--resume", "--eval-images", "2", "--save-pth")...).ok(t) // what the weights do not depend on
}

// TestResumeImages: an image that changed on disk is another run, as is another
// order of the sources.
func TestResumeImages(t *testing.T) {
	folder := t.TempDir()
	for i, side := range []string{"a", "b"} {
		if err := os.CopyFS(filepath.Join(folder, side), os.DirFS(filepath.Join(shared.retain, data.WorldClasses[i]))); err != nil {
			t.Fatal(err)
		}
	}
	args := func(dir, first, second string, more ...string) []string {
		return append([]string{"unlearn", "--checkpoint", shared.weights, "--forget", shared.forget, "--batch", "4", "--steps", "6", "--eval-images", "2",
			"--retain", filepath.Join(folder, first), "--retain", filepath.Join(folder, second), "--out", dir}, more...)
	}
	dir := filepath.Join(t.TempDir(), "run")
	letheUntil(t, cancelAfter(3), args(dir, "a", "b")...).refused(t, 130)
	lethe(t, args(dir, "b", "a", "--resume")...).refused(t, 1, "cannot be resumed", "retain")
	for _, name := range []string{"0.png", "1.png"} { // one image of ten is held out
		file := filepath.Join(folder, "a", name)
		if err := os.WriteFile(file, append(read(t, file), 0), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	lethe(t, args(dir, "a", "b", "--resume")...).refused(t, 1, "cannot be resumed", "images or the starting weights")
}

// TestForce: nothing of the earlier run is left beside an interrupted new one.
func TestForce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	lethe(t, unlearning(dir, "--save-pth")...).ok(t)
	for _, name := range []string{"checkpoint.safetensors", "checkpoint.pth"} {
		lethe(t, unlearning(dir, "--force", "--model", shared.model, "--checkpoint", filepath.Join(dir, name))...).refused(t, 1, "lies where the run would write", "another --out")
		lethe(t, pretraining(dir, "--force", "--init", filepath.Join(dir, name))...).refused(t, 1, "lies where the run would write", "another --out")
	}
	letheUntil(t, cancelAfter(2), unlearning(dir, "--force", "--lr", "2e-3")...).refused(t, 130)
	if got, want := files(t, dir), []string{"config.yaml", "log.jsonl", "state.safetensors"}; !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
}

// TestTimeLimit: --for stops a pretraining that goes on later.
func TestTimeLimit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	lethe(t, pretraining(dir, "--steps", "1000000", "--for", "300ms")...).refused(t, 130, "stopped by --for", "--resume")
	first := len(steps(t, dir))
	lethe(t, pretraining(dir, "--steps", "1000000", "--for", "300ms", "--resume")...).refused(t, 130, "stopped by --for")
	if second := len(steps(t, dir)); first == 0 || second <= first {
		t.Errorf("%d steps at first, %d later: it does not go on", first, second)
	}
}

// TestSignals interrupts real processes.
func TestSignals(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	const many = "800"
	for i, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		dir := filepath.Join(t.TempDir(), "run")
		p := program(t, unlearning(dir, "--steps", many, "--checkpoint-every", "20")...)
		var errs bytes.Buffer
		p.Stderr = &errs
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, p, filepath.Join(dir, "state.safetensors"))
		if err := p.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		_ = p.Wait()
		if p.ProcessState.ExitCode() != 130 || !strings.Contains(errs.String(), "interrupted before step") {
			t.Fatalf("%v: status %d: %s", sig, p.ProcessState.ExitCode(), errs.String())
		}
		if n := len(steps(t, dir)); n == 0 || n >= 800 {
			t.Fatalf("%v: %d steps were done, want some and not all", sig, n)
		}
		noScraps(t, dir)
		lethe(t, unlearning(dir, "--steps", many, "--checkpoint-every", "20", "--resume")...).ok(t)
		if i == 0 {
			lethe(t, unlearning(whole, "--steps", many)...).ok(t)
		}
		sameRun(t, dir, whole)
	}
}

// TestKilled kills a process between two states: the run goes on from the last.
func TestKilled(t *testing.T) {
	whole, dir := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "run")
	args := []string{"--steps", "800", "--checkpoint-every", "7"}
	p := program(t, unlearning(dir, args...)...)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, p, filepath.Join(dir, "state.safetensors"))
	_ = p.Process.Kill()
	_ = p.Wait()
	lethe(t, unlearning(dir, append(args, "--resume")...)...).ok(t)
	lethe(t, unlearning(whole, args...)...).ok(t)
	if !bytes.Equal(read(t, dir, "checkpoint.safetensors"), read(t, whole, "checkpoint.safetensors")) {
		t.Error("the resumed run has another checkpoint")
	}
	if !reflect.DeepEqual(steps(t, dir), steps(t, whole)) {
		t.Error("the resumed run has another log")
	}
}

// waitFor returns when a process has written a file.
func waitFor(t *testing.T, p *exec.Cmd, path string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if exists(path) {
			return
		}
	}
	_ = p.Process.Kill()
	_ = p.Wait()
	t.Fatalf("%s was not written", path)
}

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"lethe/harness/tensorboard"
)

// TestTensorBoard: a run that was asked writes events, one that was interrupted
// goes on in a second file, and neither changes the result.
func TestTensorBoard(t *testing.T) {
	for name, command := range map[string]func(string, ...string) []string{"unlearn": unlearning, "pretrain": pretraining} {
		t.Run(name, func(t *testing.T) {
			plain, dir := filepath.Join(t.TempDir(), "plain"), filepath.Join(t.TempDir(), "events")
			lethe(t, command(plain)...).ok(t)
			letheUntil(t, cancelAfter(2), command(dir, "--tensorboard")...).refused(t, 130, "interrupted before step")
			lethe(t, command(dir, "--tensorboard", "--resume")...).ok(t)
			if !bytes.Equal(read(t, dir, "checkpoint.safetensors"), read(t, plain, "checkpoint.safetensors")) {
				t.Error("writing events changes the checkpoint")
			}
			found, err := tensorboard.Files(dir)
			if err != nil || len(found) != 2 {
				t.Fatalf("error %v, event files %v, want two", err, found)
			}
			var all []byte
			for _, path := range found {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, data...)
			}
			if got, want := bytes.Count(all, []byte("train/lr")), len(steps(t, dir)); got != want {
				t.Errorf("%d events of steps, want %d", got, want)
			}
			if !bytes.Contains(all, []byte("\x89PNG")) {
				t.Error("the events have no picture")
			}
			if got, want := bytes.Contains(all, []byte("loss/forget")), name == "unlearn"; got != want {
				t.Errorf("the events have a forget loss: %v, want %v", got, want)
			}
			lethe(t, command(dir, "--force")...).ok(t)
			if left, _ := tensorboard.Files(dir); len(left) != 0 {
				t.Errorf("--force leaves %v", left)
			}
		})
	}
}

package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// TestOneProcessARun: while a run goes on in a folder, nobody else may begin,
// resume or overwrite one there; when its process is killed, one may.
func TestOneProcessARun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	first := program(t, unlearning(dir, "--steps", "1000000", "--checkpoint-every", "0")...)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Process.Kill() }() // it is dead already when all went well
	waitFor(t, first, filepath.Join(dir, "log.jsonl"))
	before := files(t, dir)
	for _, more := range []string{"--force", "--resume"} {
		for _, args := range [][]string{unlearning(dir, more), pretraining(dir, more)} {
			lethe(t, args...).refused(t, 1, "--out "+dir, "another lethe process")
		}
	}
	if after := files(t, dir); !slices.Equal(after, before) {
		t.Errorf("the folder held %v and holds %v", before, after)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); err == nil {
		t.Fatal("the killed run ended well")
	}
	lethe(t, unlearning(dir, "--force")...).ok(t)
}

// TestLockBeforeTheRun: a process that has a folder, and no run in it yet, has
// it for itself.
func TestLockBeforeTheRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "run")
	hold, err := claimDir(dir, RunFlags{})
	if err != nil {
		t.Fatal(err)
	}
	lethe(t, unlearning(dir)...).refused(t, 1, "another lethe process")
	hold.release()
	if exists(filepath.Dir(dir)) {
		t.Error("the folders of a run that never began were left")
	}
	lethe(t, unlearning(dir)...).ok(t)
	noScraps(t, dir)
}

// TestClaimKeepsTheOthersFolder: whoever comes later to a folder that all were about to
// make leaves it to the first, who has nothing in it yet.
func TestClaimKeepsTheOthersFolder(t *testing.T) {
	dir := t.TempDir()
	for i := range 300 {
		path := filepath.Join(dir, strconv.Itoa(i))
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				hold, err := claimDir(path, RunFlags{Force: true})
				if errors.Is(err, errLocked) || errors.Is(err, os.ErrNotExist) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				defer hold.release()
				time.Sleep(200 * time.Microsecond) // the others find it taken
				if err := os.WriteFile(hold.dir.path("x"), nil, 0o600); err != nil {
					t.Errorf("the folder is held: %v", err)
				}
			})
		}
		all.Wait()
	}
}

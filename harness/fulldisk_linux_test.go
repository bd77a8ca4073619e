package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"lethe/harness/checkpoint"
)

// smallDisk mounts a file system of so many bytes.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("lethe-test", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skip("needs the right to mount a tmpfs:", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes the space that is left but for some bytes.
func fill(t *testing.T, dir string, leave int64) {
	t.Helper()
	var free syscall.Statfs_t
	if err := syscall.Statfs(dir, &free); err != nil {
		t.Fatal(err)
	}
	n := int64(free.Bavail)*free.Bsize - leave
	if err := os.WriteFile(filepath.Join(dir, "filler"), bytes.Repeat([]byte{1}, int(max(n, 0))), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestFullDisk: whatever does not fit ends the run with one error that names
// it, and what stands in the folder is whole.
func TestFullDisk(t *testing.T) {
	for name, c := range map[string]struct {
		leave int64
		args  []string
	}{
		"nothing":         {0, nil},
		"the log":         {8192, []string{"--steps", "200"}},
		"the checkpoint":  {40960, nil},
		"the first state": {40960, []string{"--checkpoint-every", "1"}},
		"a later state":   {300 << 10, []string{"--checkpoint-every", "1"}},
		"the report":      {160 << 10, nil},
		"the summary":     {125 << 10, nil},
	} {
		t.Run(name, func(t *testing.T) {
			disk := smallDisk(t, "4m")
			fill(t, disk, c.leave)
			out := filepath.Join(disk, "run")
			r := lethe(t, unlearning(out, c.args...)...)
			r.refused(t, 1, "no space left")
			noScraps(t, out)
			for _, name := range []string{"checkpoint.safetensors", stateFile, priorFile} {
				path := filepath.Join(out, name)
				if !exists(path) {
					continue
				}
				f, err := checkpoint.Open(path)
				if err != nil {
					t.Errorf("a file that is not whole: %v", err)
					continue
				}
				f.Close()
			}
			if exists(filepath.Join(out, "report.html")) && !strings.HasSuffix(strings.TrimSpace(string(read(t, out, "report.html"))), "</html>") {
				t.Error("a report that is not whole")
			}
			if c.leave == 0 {
				return
			}
			// with room again, the run goes on
			if err := os.Remove(filepath.Join(disk, "filler")); err != nil {
				t.Fatal(err)
			}
			whole := filepath.Join(t.TempDir(), "whole")
			lethe(t, unlearning(whole, c.args...)...).ok(t)
			lethe(t, unlearning(out, append(c.args, "--resume")...)...).ok(t)
			sameRun(t, out, whole)
		})
	}
}

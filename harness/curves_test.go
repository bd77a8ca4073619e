package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCurves draws logs, and names what is wrong with one.
func TestCurves(t *testing.T) {
	dir := t.TempDir()
	for name, log := range map[string]string{"a": `{"step":0,"loss":2}` + "\n" + `{"step":1,"loss":1}` + "\n", "bad": "{\n"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "log.jsonl"), []byte(log), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "c.svg")
	lethe(t, "curves", "first="+filepath.Join(dir, "a"), "--out", out).ok(t)
	if svg, err := os.ReadFile(out); err != nil || !strings.Contains(string(svg), ">first<") {
		t.Errorf("%v, or the curve is not named", err)
	}
	lethe(t, "curves", filepath.Join(dir, "a"), "--field", "lr", "--out", out).refused(t, 1, `line 1: no number "lr"`)
	lethe(t, "curves", filepath.Join(dir, "bad"), "--out", out).refused(t, 1, "log.jsonl, line 1")
	lethe(t, "curves", filepath.Join(dir, "none"), "--out", out).refused(t, 1, "none")
}

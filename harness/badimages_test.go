package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lethe/harness/data"
)

// side makes a folder of n images of one world class, and returns it.
func side(t *testing.T, class, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		if err := writePNG(filepath.Join(dir, fmt.Sprintf("%02d.png", i)), data.World(2, class, i)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func put(t *testing.T, raw []byte, parts ...string) string {
	t.Helper()
	path := filepath.Join(parts...)
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// between is a small run on two folders.
func between(retain, forget, out string, more ...string) []string {
	return append([]string{"unlearn", "--checkpoint", shared.weights, "--retain", retain, "--forget", forget,
		"--batch", "2", "--steps", "2", "--eval-images", "2", "--out", out}, more...)
}

// TestDamagedImages: one error that names the file and the way out, no run;
// with --skip-bad a warning that names it, and a run.
func TestDamagedImages(t *testing.T) {
	png := read(t, shared.retain, data.WorldClasses[0], "0.png")
	jpeg := read(t, "data", "testdata", "jpeg_420.jpg")
	for name, c := range map[string]struct {
		file string
		raw  []byte
		says string
	}{
		"truncated png":   {"a.png", png[:len(png)/2], "truncated"},
		"truncated jpeg":  {"a.jpg", jpeg[:len(jpeg)/2], "truncated"},
		"only the header": {"a.jpg", jpeg[:4], "truncated"},
		"text":            {"a.jpg", []byte("this is no image\n"), "neither a JPEG nor a PNG"},
		"empty file":      {"a.png", nil, "an empty file"},
		"no known ending": {"a.gif", []byte("GIF89a"), "neither a JPEG nor a PNG"},
		"flipped bits":    {"a.png", append(append(bytes.Clone(png[:60]), ^png[60]), png[61:]...), "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			retain, forget, out := side(t, 0, 4), side(t, 1, 4), filepath.Join(t.TempDir(), "run")
			put(t, c.raw, retain, c.file)
			lethe(t, between(retain, forget, out)...).refused(t, 1, retain, c.file, c.says, "--skip-bad")
			if exists(out) {
				t.Error("a run folder was made")
			}
			r := lethe(t, between(retain, forget, out, "--skip-bad")...).ok(t)
			if !strings.Contains(r.err, "warning: "+retain+": "+c.file+": skipped") {
				t.Errorf("no warning names the file: %s", r.err)
			}
			if !strings.Contains(string(read(t, out, "summary.json")), c.file+": skipped") {
				t.Error("the warning is not in summary.json")
			}
		})
	}
}

// TestUnusualImages: what Pillow reads is read; what loses something is said.
func TestUnusualImages(t *testing.T) {
	for file, says := range map[string]string{
		"jpeg_cmyk.jpg": "CMYK", "jpeg_ycck.jpg": "CMYK", "jpeg_grey.jpg": "greyscale", "png_grey.png": "greyscale",
		"png_grey16.png": "16 bits", "png_la.png": "alpha", "png_rgba.png": "alpha", "png_palette.png": "",
	} {
		t.Run(file, func(t *testing.T) {
			retain, forget, out := side(t, 0, 3), side(t, 1, 3), filepath.Join(t.TempDir(), "run")
			put(t, read(t, "data", "testdata", file), retain, file)
			r := lethe(t, between(retain, forget, out)...).ok(t)
			if warned := strings.Contains(r.err, "warning: "+retain+": "+file+": "); warned != (says != "") || !strings.Contains(r.err, says) {
				t.Errorf("want a warning with %q: %s", says, r.err)
			}
		})
	}
}

// TestImageSets: folders that cannot make a run.
func TestImageSets(t *testing.T) {
	retain, forget, empty := side(t, 0, 3), side(t, 1, 3), t.TempDir()
	shares := side(t, 3, 2)
	put(t, read(t, retain, "01.png"), shares, "copy.png")
	missing := filepath.Join(t.TempDir(), "missing")
	texts := t.TempDir()
	put(t, []byte("x"), texts, "notes.txt")
	for name, c := range map[string]struct {
		args func(out string) []string
		code int
		says []string
	}{
		"empty":        {func(o string) []string { return between(empty, forget, o) }, 1, []string{empty, "no JPEG or PNG"}},
		"only texts":   {func(o string) []string { return between(retain, texts, o) }, 1, []string{texts, "no JPEG or PNG", "1 other file"}},
		"missing":      {func(o string) []string { return between(retain, missing, o) }, 1, []string{missing, "no such file"}},
		"a file":       {func(o string) []string { return between(filepath.Join(texts, "notes.txt"), forget, o) }, 1, []string{"notes.txt", "want a JPEG or PNG file"}},
		"shared":       {func(o string) []string { return between(retain, shares, o) }, 1, []string{"share 1 picture", "01.png", "copy.png", shares, "take"}},
		"the same":     {func(o string) []string { return between(retain, retain, o) }, 1, []string{"share 3 pictures"}},
		"proxy shares": {func(o string) []string { return between(forget, shares, o, "--proxy-retain", retain) }, 1, []string{"share 1 picture"}},
		"no sides": {func(o string) []string {
			return []string{"unlearn", "--checkpoint", shared.weights, "--out", o}
		}, 2, []string{"--retain", "--forget", "--data"}},
		"both ways": {func(o string) []string { return between(retain, forget, o, "--data", retain) }, 2, []string{"--data", "--retain"}},
		"no class": {func(o string) []string {
			return []string{"unlearn", "--checkpoint", shared.weights, "--data", shared.retain, "--forget-classes", "nobody", "--out", o}
		}, 1, []string{"nobody", data.WorldClasses[0]}},
		"all classes": {func(o string) []string {
			return []string{"unlearn", "--checkpoint", shared.weights, "--data", shared.retain, "--forget-classes", data.WorldClasses[0] + "," + data.WorldClasses[1], "--out", o}
		}, 2, []string{"no class", "left to keep"}},
		"too many at random": {func(o string) []string {
			return []string{"unlearn", "--checkpoint", shared.weights, "--data", shared.retain, "--forget-random", "2", "--out", o}
		}, 2, []string{"--forget-random", "2 of 2"}},
		"classes not named": {func(o string) []string {
			return []string{"unlearn", "--checkpoint", shared.weights, "--data", shared.retain, "--out", o}
		}, 2, []string{"--forget-classes", data.WorldClasses[0]}},
		"half of eval": {func(o string) []string { return between(retain, forget, o, "--eval-retain", retain) }, 2, []string{"--eval-retain", "--eval-forget"}},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "run")
			lethe(t, c.args(out)...).refused(t, c.code, c.says...)
			if exists(out) {
				t.Error("a run folder was made")
			}
		})
	}
}

// TestSmallSets: one image a side, and batches larger than the sets, run with
// warnings that say what is done about it.
func TestSmallSets(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	r := lethe(t, between(side(t, 0, 1), side(t, 1, 1), out, "--batch", "3", "--noise", "diag-forget")...).ok(t)
	for _, part := range []string{"warning: retain: no image is set aside", "warning: forget: no image is set aside",
		"warning: retain: 1 images to train on are fewer than --batch 3", "forget: 1 images", "warning: --noise diag-forget"} {
		if !strings.Contains(r.err, part) {
			t.Errorf("the warnings do not say %q: %s", part, r.err)
		}
	}
	finished(t, out, true)
	if got := len(steps(t, out)); got != 2 {
		t.Errorf("%d steps, want 2", got)
	}
	out = filepath.Join(t.TempDir(), "run")
	r = lethe(t, "pretrain", "--model", shared.model, "--data", side(t, 0, 1), "--batch", "4", "--epochs", "2", "--out", out).ok(t)
	if !strings.Contains(r.err, "fewer than --batch 4") {
		t.Errorf("no warning: %s", r.err)
	}
}

// TestMeasuredOnTrained: images to measure on that are also trained on are no
// held-out images, and the user is told.
func TestMeasuredOnTrained(t *testing.T) {
	retain, forget, other := side(t, 0, 3), side(t, 1, 3), side(t, 4, 3)
	r := lethe(t, between(retain, forget, filepath.Join(t.TempDir(), "run"), "--eval-retain", retain, "--eval-forget", other)...).ok(t)
	if !strings.Contains(r.err, "warning: retain: 3 of the images to measure on are trained on too") || strings.Contains(r.err, "warning: forget:") {
		t.Errorf("want a warning for retain alone: %s", r.err)
	}
}

// TestOneImageFile: complete takes a single photograph.
func TestOneImageFile(t *testing.T) {
	dir := t.TempDir()
	photo := put(t, read(t, "data", "testdata", "jpeg_420.jpg"), dir, "photo.jpg")
	r := lethe(t, "complete", "--checkpoint", shared.weights, "--images", photo, "--out", filepath.Join(dir, "out.png")).ok(t)
	if !strings.Contains(r.out, "\n1 images completed") {
		t.Errorf("it says %q", r.out)
	}
}

package main

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lethe/harness/checkpoint"
	"lethe/harness/metric"
)

// putFeatures writes a file as lethe features does: n rows of d normal numbers
// about a mean, and logits of 5 classes.
func putFeatures(t *testing.T, name string, n, d int, mean float64, seed uint64, meta map[string]string) (path string, rows []float32) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	rows = make([]float32, n*d)
	for i := range rows {
		rows[i] = float32(mean + rng.NormFloat64())
	}
	logits := make([]float32, n*5)
	for i := range logits {
		logits[i] = float32(3 * rng.NormFloat64())
	}
	path = filepath.Join(t.TempDir(), name)
	if err := checkpoint.WriteSafetensors(path, []checkpoint.Tensor{
		checkpoint.FromFloat32("features", []int{n, d}, rows), checkpoint.FromFloat32("logits", []int{n, 5}, logits),
	}, meta); err != nil {
		t.Fatal(err)
	}
	return path, rows
}

func TestScore(t *testing.T) {
	meta := map[string]string{"network": "clip-vit-b32", "sha256": "ab", "resizer": "r", "decoder": "d", "n": "60"}
	a, x := putFeatures(t, "a.safetensors", 60, 8, 0, 1, meta)
	b, y := putFeatures(t, "b.safetensors", 60, 8, 1, 2, meta)
	text := lethe(t, "score", a, b).ok(t).out
	for _, want := range []string{"network clip-vit-b32, weights ab", "\nFD(clip-vit-b32)  ", "\nKID(clip-vit-b32)  ", "\ncosine(clip-vit-b32)  ", "\nIS(clip-vit-b32)  ", "n = 60 and 60", "warning: set 1: n = 60 is small"} {
		if !strings.Contains(text, want) {
			t.Errorf("the scores lack %q:\n%s", want, text)
		}
	}
	var got scores
	if err := json.Unmarshal([]byte(lethe(t, "score", a, b, "--json", "--integrity").ok(t).out), &got); err != nil {
		t.Fatal(err)
	}
	from := metric.Provenance{Network: "clip-vit-b32", SHA256: "ab", Resizer: "r", Decoder: "d"}
	want, err := metric.FrechetDistance(metric.Set{N: 60, D: 8, Rows: x, From: from}, metric.Set{N: 60, D: 8, Rows: y, From: from})
	if err != nil {
		t.Fatal(err)
	}
	moved, err := metric.PairedMSE(metric.Set{N: 60, D: 8, Rows: x}, metric.Set{N: 60, D: 8, Rows: y})
	if err != nil {
		t.Fatal(err)
	}
	if in := got.Integrity; len(in) != 2 || in[0].N != 60 || in[0].Max != slices.Max(moved) || in[0].Worst[0] != slices.Index(moved, slices.Max(moved)) {
		t.Errorf("integrity is %+v", in)
	}
	if r := got.Results[0]; len(got.Results) != 5 || r.Column != "FD(clip-vit-b32)" || r.Value != want.Value || r.From != from || len(r.Warnings) != 2 {
		t.Errorf("JSON holds %+v, want first %+v", got, want)
	}
}

func TestScoreAgainstStatistics(t *testing.T) {
	a, x := putFeatures(t, "a.safetensors", 60, 8, 0, 1, map[string]string{"network": metric.InceptionNetwork})
	_, y := putFeatures(t, "b.safetensors", 70, 8, 1, 2, nil)
	want, err := metric.FrechetDistance(metric.Set{N: 60, D: 8, Rows: x}, metric.Set{N: 70, D: 8, Rows: y})
	if err != nil {
		t.Fatal(err)
	}
	m, err := metric.SetMoments(metric.Set{N: 70, D: 8, Rows: y})
	if err != nil {
		t.Fatal(err)
	}
	stats := filepath.Join(t.TempDir(), "stats.npz")
	putNPZ(t, stats, map[string][]float64{"mu": m.Mean, "sigma": m.Cov.Data}, 8)
	var got scores
	if err := json.Unmarshal([]byte(lethe(t, "score", a, stats, "--json").ok(t).out), &got); err != nil {
		t.Fatal(err)
	}
	r := got.Results[0]
	if r.Column != "FID" || !(math.Abs(r.Value-want.Value) <= 1e-9*want.Value) || len(r.Warnings) != 3 || r.N[1] != 0 {
		t.Errorf("result is %+v, want %v with three warnings", r, want.Value)
	}
	lethe(t, "score", a, filepath.Join("npz", "testdata", "stats.npz")).refused(t, 1, "8 and 3 features")
	lethe(t, "score", a, filepath.Join("npz", "testdata", "none.npz")).refused(t, 1, "none.npz")
}

// putNPZ writes float64 arrays as numpy does; those of d*d numbers are square.
func putNPZ(t *testing.T, path string, arrays map[string][]float64, d int) {
	t.Helper()
	var file bytes.Buffer
	z := zip.NewWriter(&file)
	for name, data := range arrays {
		shape := fmt.Sprintf("(%d,)", len(data))
		if len(data) == d*d {
			shape = fmt.Sprintf("(%d, %d)", d, d)
		}
		header := fmt.Sprintf("{'descr': '<f8', 'fortran_order': False, 'shape': %s, }\n", shape)
		w, err := z.Create(name + ".npy")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, "\x93NUMPY\x01\x00")
		for _, part := range []any{uint16(len(header)), []byte(header), data} {
			if err := binary.Write(w, binary.LittleEndian, part); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, file.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestScoreRefuses(t *testing.T) {
	a, _ := putFeatures(t, "a.safetensors", 40, 8, 0, 1, map[string]string{"network": "one"})
	other, _ := putFeatures(t, "b.safetensors", 40, 8, 0, 2, map[string]string{"network": "two"})
	wide, _ := putFeatures(t, "c.safetensors", 40, 9, 0, 3, nil)
	lying, _ := putFeatures(t, "d.safetensors", 40, 8, 0, 4, map[string]string{"n": "41"})
	lethe(t, "score", a, other).refused(t, 1, "the networks differ, one and two", "extract both sets with one network")
	lethe(t, "score", a, wide).refused(t, 1, "8 and 9 features")
	lethe(t, "score", a, lying).refused(t, 1, "of 41 images, but holds 40 rows")
	lethe(t, "score", a, shared.weights).refused(t, 1, `no tensor "features"`)
	fewer, _ := putFeatures(t, "f.safetensors", 39, 8, 0, 6, nil)
	lethe(t, "score", a, fewer, "--integrity").refused(t, 1, "cannot be paired")
	lethe(t, "score", a, "none.safetensors").refused(t, 1, "none.safetensors")
	few, _ := putFeatures(t, "e.safetensors", 15, 8, 0, 5, nil)
	if text := lethe(t, "score", a, few).ok(t).out; !strings.Contains(text, "left out: cosine: 40 and 15 images are no pairs") || !strings.Contains(text, "left out: IS: n = 15") {
		t.Errorf("what was left out is not said:\n%s", text)
	}
}

func TestTSNECommand(t *testing.T) {
	a, _ := putFeatures(t, "kept.safetensors", 40, 8, 0, 1, map[string]string{"network": "one"})
	b, _ := putFeatures(t, "b.safetensors", 40, 8, 4, 2, map[string]string{"network": "one"})
	dir := t.TempDir()
	csv, svg := filepath.Join(dir, "t.csv"), filepath.Join(dir, "t.svg")
	out := lethe(t, "tsne", "--features", a, "gone="+b, "--every", "2", "--perplexity", "8", "--iterations", "100", "--out", csv, "--out", svg).ok(t).out
	if !strings.Contains(out, "n = 40, perplexity 8, 100 iterations, seed 0, KL ") {
		t.Errorf("it says %q", out)
	}
	table, err := os.ReadFile(csv)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(table)), "\n")
	if len(lines) != 41 || lines[0] != "set,row,x,y" || !strings.HasPrefix(lines[2], "kept,2,") || !strings.HasPrefix(lines[40], "gone,38,") {
		t.Errorf("the table has %d lines: %q ...", len(lines), lines[:min(3, len(lines))])
	}
	picture, err := os.ReadFile(svg)
	if err != nil || !strings.Contains(string(picture), ">gone<") || strings.Count(string(picture), "m0-5l5 9h-10z") != 21 {
		t.Errorf("the picture is not of 20 triangles and their key: %v", err)
	}
	other, _ := putFeatures(t, "c.safetensors", 40, 8, 0, 3, map[string]string{"network": "two"})
	lethe(t, "tsne", "--features", a, other, "--out", csv).refused(t, 1, "the networks differ")
	lethe(t, "tsne", "--features", a, "--out", filepath.Join(dir, "t.png")).refused(t, 2, ".svg or .csv")
	lethe(t, "tsne", "--features", a, "--perplexity", "50", "--out", csv).refused(t, 1, "perplexity 50 of 40 points")
}

package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// contract is what every summary.json has; the strict reading of the rest is
// TestSummary's.
type contract struct {
	Method  *string `json:"method"`
	Model   *string `json:"model"`
	Seed    *uint64 `json:"seed"`
	ISA     *string `json:"isa"`
	Threads *int    `json:"threads"`
	Stages  []struct {
		Name    *string  `json:"name"`
		Seconds *float64 `json:"seconds"`
		Calls   *int64   `json:"calls"`
		GFLOPs  *float64 `json:"gflops"`
	} `json:"stages"`
	PeakRSS *int64 `json:"peak_rss_bytes"`
	Eval    struct {
		Before, After map[string]struct {
			HoleMSE *float64 `json:"hole_mse"`
			PSNR    *float64 `json:"psnr"`
			SSIM    *float64 `json:"ssim"`
		}
	} `json:"eval"`
}

// readContract checks that every key is there with a usable value.
func readContract(t *testing.T, dir string) contract {
	t.Helper()
	var c contract
	if err := json.Unmarshal(read(t, dir, "summary.json"), &c); err != nil {
		t.Fatal(err)
	}
	if c.Method == nil || c.Model == nil || c.Seed == nil || c.ISA == nil || *c.ISA == "" || c.Threads == nil || *c.Threads < 1 || c.PeakRSS == nil || len(c.Stages) == 0 {
		t.Errorf("summary.json lacks a key: %+v", c)
	}
	for _, s := range c.Stages {
		if s.Name == nil || s.Seconds == nil || s.Calls == nil || s.GFLOPs == nil || !(*s.Seconds >= 0) || *s.Calls < 1 || !(*s.GFLOPs >= 0) {
			t.Errorf("a stage lacks a key: %+v", s)
		}
	}
	for _, sides := range []map[string]struct {
		HoleMSE *float64 `json:"hole_mse"`
		PSNR    *float64 `json:"psnr"`
		SSIM    *float64 `json:"ssim"`
	}{c.Eval.Before, c.Eval.After} {
		for _, group := range []string{"retain", "forget"} {
			m, ok := sides[group]
			if !ok || m.HoleMSE == nil || m.PSNR == nil || m.SSIM == nil || !(*m.HoleMSE > 0) || !(*m.PSNR > 0) || !(math.Abs(*m.SSIM) <= 1) {
				t.Errorf("eval of %s: %+v", group, m)
			}
		}
	}
	return c
}

// TestSummary reads summary.json with no unknown key, and log.jsonl likewise.
func TestSummary(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	lethe(t, unlearning(out, "--seed", "3", "--threads", "2", "--held-out", side(t, 5, 3))...).ok(t)
	c := readContract(t, out)
	if *c.Method != "ours" || *c.Seed != 3 || *c.Threads != 2 || *c.Model != shared.model {
		t.Errorf("method %s, seed %d, %d threads, model %s", *c.Method, *c.Seed, *c.Threads, *c.Model)
	}
	names := ""
	for _, s := range c.Stages {
		names += *s.Name + ", "
	}
	if want := "decode, batch, original forward, student forward, loss, backward, optimizer, checkpoint, evaluation, "; names != want {
		t.Errorf("stages %s want %s", names, want)
	}
	var s summary
	dec := json.NewDecoder(bytes.NewReader(read(t, out, "summary.json")))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		t.Error(err)
	}
	for _, group := range groupOrder {
		if s.Eval.Before[group].Images == 0 || s.Eval.After[group].Images != s.Eval.Before[group].Images || len(s.Eval.Before[group].Masks) != len(s.Eval.Masks) {
			t.Errorf("%s was not measured: %+v", group, s.Eval.Before[group])
		}
	}
	if s.Warnings == nil || s.Steps != 6 || s.Weights == "" || len(s.Data) != 7 {
		t.Errorf("warnings %v, %d steps, weights %q, %d sets", s.Warnings, s.Steps, s.Weights, len(s.Data))
	}
	log := steps(t, out)
	if len(log) != 6 {
		t.Fatalf("%d lines in the log, want 6", len(log))
	}
	for i, r := range log {
		if r.Step != i || r.LearningRate != float64(float32(1e-3)) || !(r.GradNorm > 0) || math.Abs(r.Loss-(r.Retain+0.25*r.Forget)) > 1e-6*r.Loss {
			t.Errorf("line %d: %+v", i, r)
		}
	}
	for _, line := range bytes.Split(bytes.TrimSpace(read(t, out, "log.jsonl")), []byte("\n")) {
		var keys map[string]float64
		if err := json.Unmarshal(line, &keys); err != nil || keys["seconds"] <= 0 {
			t.Errorf("%s: %v", line, err)
		}
		for _, k := range []string{"step", "loss", "loss_retain", "loss_forget", "grad_norm", "lr", "seconds"} {
			if _, ok := keys[k]; !ok {
				t.Errorf("the log lacks %s: %s", k, line)
			}
		}
	}
	selfContained(t, out)
}

var loads = regexp.MustCompile(`(?i)(src|href|action|data|poster|srcset)\s*=\s*["']?\s*(https?:)?//|url\(\s*["']?(https?:)?//|@import|<script[^>]+src|<link[^>]+href`)

// selfContained checks that the page loads nothing.
func selfContained(t *testing.T, dir string) {
	t.Helper()
	page := string(read(t, dir, "report.html"))
	if at := loads.FindStringIndex(page); at != nil {
		t.Errorf("the report loads something: %s", page[at[0]:min(at[1]+60, len(page))])
	}
	if !strings.Contains(page, "data:image/png;base64,") || !strings.Contains(page, "<svg") || !strings.HasSuffix(strings.TrimSpace(page), "</html>") {
		t.Error("the report lacks pictures, curves or its end")
	}
}

var demo = flag.String("demo", "", "folder that lethe run has written, to be held against its promises")

// TestDemoSummary holds the main job's result against what is promised of it.
func TestDemoSummary(t *testing.T) {
	if *demo == "" {
		t.Skip("give -demo DIR, a folder that lethe run has written")
	}
	c := readContract(t, *demo)
	ratio := func(group string) float64 { return *c.Eval.After[group].HoleMSE / *c.Eval.Before[group].HoleMSE }
	if f := ratio("forget"); !(f >= 2) {
		t.Errorf("hole MSE of forget images: %.3f times the original's, want at least 2", f)
	}
	if r := ratio("retain"); !(r <= 1.10) {
		t.Errorf("hole MSE of retain images: %.3f times the original's, want at most 1.10", r)
	}
	selfContained(t, *demo)
	for _, name := range []string{"checkpoint.safetensors", "config.yaml", "log.jsonl", "metrics.csv"} {
		if !exists(filepath.Join(*demo, name)) {
			t.Errorf("%s is missing", name)
		}
	}
	if log := steps(t, *demo); len(log) == 0 || log[0].Retain != 0 {
		t.Error("the log is empty, or the retain loss of step 0 is not 0")
	}
	before, after := embeddedTensors(t), tensors(t, filepath.Join(*demo, "checkpoint.safetensors"))
	for name, raw := range before {
		if kept := after[name] == raw; strings.HasPrefix(name, "decoder") && !kept {
			t.Errorf("%s was changed", name)
		}
	}
}

// embeddedTensors are the weights that lethe run starts from.
func embeddedTensors(t *testing.T) map[string]string {
	t.Helper()
	f, err := openCheckpoint(builtinName)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string]string{}
	for _, x := range f.Tensors {
		out[x.Name] = string(x.Data)
	}
	return out
}

package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"lethe/harness/checkpoint"
	"lethe/kernels"
)

// precisionNames are the precisions as the flag names them.
func precisionNames() []string {
	var names []string
	for _, p := range kernels.Precisions() {
		names = append(names, p.String())
	}
	return names
}

// TestPrecisionFlag: every command that computes with a model has the flag, it
// takes what the kernels have, and its error lists that.
func TestPrecisionFlag(t *testing.T) {
	parser, err := newParser(&commands{}, &bytes.Buffer{}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, leaf := range parser.Model.Leaves(true) {
		for _, f := range leaf.Flags {
			if f.Name == "precision" {
				have = append(have, leaf.Path())
				if want := strings.Join(precisionNames(), ","); f.Enum != want || f.Default != "f32" {
					t.Errorf("%s takes %s, by itself %s: want %s and f32", leaf.Path(), f.Enum, f.Default, want)
				}
			}
		}
	}
	want := []string{"run", "unlearn", "pretrain", "complete", "evaluate", "budget", "reference run", "reference check", "study run", "study check"}
	slices.Sort(have)
	if slices.Sort(want); !slices.Equal(have, want) {
		t.Errorf("the commands %q have the flag, want %q", have, want)
	}
	lethe(t, unlearning(t.TempDir(), "--precision", "f16")...).refused(t, 2, "--precision", "f32", "bf16", "bf16x3", "f16")
	path := put(t, []byte("precision: fp8\n"), t.TempDir(), "c.yaml")
	lethe(t, unlearning(t.TempDir(), "--config", path)...).refused(t, 2, "--precision", "f32", "bf16", "bf16x3", "fp8")
}

// TestRunPasses: lethe run hands its flags to lethe unlearn.
func TestRunPasses(t *testing.T) {
	c := runCmd{PrecisionFlag: PrecisionFlag{Precision: "bf16", Convolution: "direct"}, WatchFlags: WatchFlags{Budget: true, CPUProfile: "x"}}
	var cli commands
	parser, err := kong.New(&cli)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(c.arguments()); err != nil {
		t.Fatal(err)
	}
	if got := cli.Unlearn.RunFlags; got.PrecisionFlag != c.PrecisionFlag || got.WatchFlags != c.WatchFlags {
		t.Errorf("unlearn gets %+v and %+v, want %+v and %+v", got.PrecisionFlag, got.WatchFlags, c.PrecisionFlag, c.WatchFlags)
	}
}

// TestPrecisionRecorded: what was asked and what it ran on is printed first, and
// stands in every file of a run.
func TestPrecisionRecorded(t *testing.T) {
	for name, command := range map[string]func(string, ...string) []string{"unlearn": unlearning, "pretrain": pretraining} {
		for _, p := range []kernels.Precision{kernels.F32, kernels.BF16} {
			dir := filepath.Join(t.TempDir(), "run")
			more := []string{"--steps", "2"}
			if p != kernels.F32 {
				more = append(more, "--precision", p.String())
			}
			r := lethe(t, command(dir, more...)...).ok(t)
			line := "precision " + p.String() + ": " + p.Path()
			head, _, _ := strings.Cut(r.out, "2 steps of")
			if !strings.Contains(head, line+"\n") {
				t.Errorf("%s: it does not begin with %q: %s", name, line, r.out)
			}
			config := string(read(t, dir, "config.yaml"))
			if !strings.HasPrefix(config, "# "+line+"\n") || !strings.Contains(config, "\nprecision: "+p.String()+"\n") {
				t.Errorf("%s: config.yaml is\n%s", name, config)
			}
			var s arithmetic
			if err := json.Unmarshal(read(t, dir, "summary.json"), &s); err != nil || s != arithmeticOf(p) {
				t.Errorf("%s: summary.json has %+v, %v", name, s, err)
			}
			if page := string(read(t, dir, "report.html")); !strings.Contains(page, p.Path()) || !strings.Contains(page, "products on") {
				t.Errorf("%s: the report does not say %q", name, p.Path())
			}
			f, err := checkpoint.Open(filepath.Join(dir, "checkpoint.safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			if f.Metadata[metaPrecision] != p.String() || f.Metadata[metaPath] != p.Path() {
				t.Errorf("%s: the checkpoint says %v", name, f.Metadata)
			}
			f.Close()
			lethe(t, command(dir+"-again", "--config", filepath.Join(dir, "config.yaml"), "--steps", "2")...).ok(t)
		}
	}
}

// TestPrecisionOfMeasurements: complete, evaluate and reference compute in what
// they are asked for and say so.
func TestPrecisionOfMeasurements(t *testing.T) {
	dir := t.TempDir()
	bundle := filepath.Join("reference", "testdata", "forward-plain")
	out := filepath.Join(dir, "eval.json")
	for _, args := range [][]string{
		{"complete", "--checkpoint", shared.weights, "--images", shared.forget, "--number", "2", "--out", filepath.Join(dir, "x.png")},
		{"evaluate", shared.weights, "--retain", shared.retain, "--eval-images", "2", "--out", out},
		{"reference", "check", bundle},
		{"reference", "run", bundle, "--out", filepath.Join(dir, "x.safetensors")},
	} {
		r := lethe(t, append(args, "--precision", "bf16x3")...).ok(t)
		if want := "precision bf16x3: " + kernels.BF16x3.Path(); !strings.Contains(r.out, want) {
			t.Errorf("%v does not say %q: %s", args, want, r.out)
		}
	}
	var s arithmetic
	if err := json.Unmarshal(read(t, out), &s); err != nil || s != arithmeticOf(kernels.BF16x3) {
		t.Errorf("the file of lethe evaluate has %+v, %v", s, err)
	}
}

// TestPrecisionThreads: every precision gives the same bytes for one thread and
// two, in both kinds of training; f32's where it runs on the same, and others where
// operands are rounded.
func TestPrecisionThreads(t *testing.T) {
	for name, command := range map[string]func(string, ...string) []string{"unlearn": unlearning, "pretrain": pretraining} {
		weights := map[kernels.Precision]string{}
		for _, p := range kernels.Precisions() {
			run := func(threads string) string {
				dir := filepath.Join(t.TempDir(), "run")
				lethe(t, command(dir, "--steps", "3", "--precision", p.String(), "--threads", threads)...).ok(t)
				return tensorsText(t, dir)
			}
			if weights[p] = run("1"); run("2") != weights[p] {
				t.Errorf("%s, %s: two threads give other weights than one", name, p)
			}
			same, differs := p.Path() == kernels.F32.Path(), weights[p] != weights[kernels.F32]
			if same && differs || !same && !differs && p == kernels.BF16 {
				t.Errorf("%s: %s runs on %q, and its weights are other than f32's: %t", name, p, p.Path(), differs)
			}
		}
	}
}

// TestPrecisionResume: a run goes on in the precision in which it began, and the
// refusal says which.
func TestPrecisionResume(t *testing.T) {
	for name, command := range map[string]func(string, ...string) []string{"unlearn": unlearning, "pretrain": pretraining} {
		whole, dir := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "run")
		lethe(t, command(whole, "--precision", "bf16")...).ok(t)
		letheUntil(t, cancelAfter(3), command(dir, "--precision", "bf16")...).refused(t, 130)
		lethe(t, command(dir, "--resume")...).refused(t, 1, filepath.Join(dir, stateFile), "differs in precision", "--precision bf16", "--force")
		r := lethe(t, command(dir, "--resume", "--precision", "bf16")...).ok(t)
		sameRun(t, dir, whole)
		if strings.Contains(r.err, "last bits") {
			t.Errorf("%s: a run that was not moved is warned of: %s", name, r.err)
		}
		lethe(t, command(dir, "--resume")...).refused(t, 1, "checkpoint.safetensors", "--precision bf16")
	}
}

// TestMovedRun: what was computed on other instructions is gone on with, but not
// in silence.
func TestMovedRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	letheUntil(t, cancelAfter(3), unlearning(dir)...).refused(t, 130)
	state := filepath.Join(dir, stateFile)
	f, err := checkpoint.Open(state)
	if err != nil {
		t.Fatal(err)
	}
	meta := f.Metadata
	meta[metaPath] = "abacus f32"
	var copies []checkpoint.Tensor
	for _, x := range f.Tensors {
		values, err := x.Float32()
		if err != nil {
			t.Fatal(err)
		}
		copies = append(copies, checkpoint.FromFloat32(x.Name, x.Shape, slices.Clone(values)))
	}
	f.Close()
	if err := checkpoint.WriteSafetensors(state, copies, meta); err != nil {
		t.Fatal(err)
	}
	r := lethe(t, unlearning(dir, "--resume")...).ok(t)
	want := state + " was computed on abacus f32, this process computes on " + kernels.F32.Path()
	if !strings.Contains(r.err, "warning: "+want) {
		t.Errorf("no warning: %s", r.err)
	}
	for _, file := range []string{"summary.json", "report.html"} {
		if !strings.Contains(string(read(t, dir, file)), "was computed on abacus f32") {
			t.Errorf("the warning is not in %s", file)
		}
	}
}

// TestISA: the list is what make reads; the paths are a line each.
func TestISA(t *testing.T) {
	if r := lethe(t, "isa").ok(t); r.out != strings.Join(kernels.ISAs(), " ")+"\n" {
		t.Errorf("the list is %q", r.out)
	}
	r := lethe(t, "isa", "--paths").ok(t)
	for _, p := range kernels.Precisions() {
		if line := "precision " + p.String() + ": " + p.Path() + "\n"; !strings.Contains(r.out, line) {
			t.Errorf("%q lacks %q", r.out, line)
		}
	}
}

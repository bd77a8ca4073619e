package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tinyStudy is a grid of a few seconds on the smallest model; more is YAML that is
// put behind it.
func tinyStudy(t *testing.T, dir string, more string, replace ...string) string {
	t.Helper()
	text := fmt.Sprintf(`
models:
  - {name: tiny, checkpoint: %s, oracle: {steps: 12, batch: 6, lr: 1e-3, warmup: 2, seed: 3}}
data:
  train: world:train?per-class=6&classes=brick,car,clock,face,fish,house
  eval: world:test?per-class=3&classes=brick,car,clock,face,fish,house
  forget: [face, fish]
  retain: [brick, car]
  held_out: [house]
retain:
  - {name: real, real: true}
  - {name: proxy, proxy: [{classes: ["*"]}]}
methods: [ours, max-loss]
alphas: [0.1, 1]
seeds: [1, 2]
masks: [random:0.75, centre:2]
settings: {steps: 16, batch: 4, lr: 1e-3}
evaluation: {images: 5, batch: 3}
checkpoint_every: 3
`, shared.weights)
	if len(replace) > 0 {
		text = strings.NewReplacer(replace...).Replace(text)
	}
	path := filepath.Join(dir, "study.yaml")
	if err := os.WriteFile(path, []byte(text+more), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// studyBytes are the tables and the results of a study, by file.
func studyBytes(t *testing.T, results, name string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, f := range []string{"tables.csv", "tables.md", "tables.html"} {
		out[f] = string(read(t, results, name, f))
	}
	keys, err := finishedCells(results)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		out[k] = string(read(t, string(cellDir(results, k)), resultFile))
	}
	return out
}

// sameStudy compares what studyBytes returns.
func sameStudy(t *testing.T, got, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d tables and results, want %d", len(got), len(want))
	}
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s differs", name)
		}
	}
}

// aloneStudy is what the tiny study gives when nothing happens to it.
func aloneStudy(t *testing.T, replace ...string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	lethe(t, "study", tinyStudy(t, dir, "", replace...), "--threads=2").ok(t)
	return studyBytes(t, filepath.Join(dir, "study-results"), "study")
}

// TestStudySurvivesKills kills the study ten times at random moments.
func TestStudySurvivesKills(t *testing.T) {
	longer := []string{"seeds: [1, 2]", "seeds: [1, 2, 3, 4, 5, 6]"}
	want := aloneStudy(t, longer...)
	dir := t.TempDir()
	path, results := tinyStudy(t, dir, "", longer...), filepath.Join(dir, "study-results")
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	began := time.Now()
	if out, err := program(t, "study", "check", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	span := time.Since(began) // of a start; kills come between 3/4 and 7/4 of it
	finished := func() int {
		keys, _ := finishedCells(results) // none before the first
		return len(keys)
	}
	restarts := 0
	for kills := 0; kills < 10 || finished() == 0 && kills < 40; kills++ {
		c := program(t, "study", path)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(span*3/4 + time.Duration(random.Int64N(int64(span))))
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if c.Wait() == nil || c.ProcessState.Exited() {
			// It ended before it was killed ten times, as the start was measured on a
			// busier machine than this has become: from the beginning, with less time.
			if restarts++; restarts == 6 {
				t.Fatalf("seed %d: the study ended before it was killed ten times, six times over", seed)
			}
			if err := os.RemoveAll(results); err != nil {
				t.Fatal(err)
			}
			kills, span = -1, span*2/3
		}
	}
	t.Logf("seed %d: %d of %d cells were finished after the kills", seed, finished(), len(want)-3)
	if finished() == 0 {
		t.Errorf("seed %d: no cell was finished: the kills came too soon to prove anything", seed)
	}
	if out, err := program(t, "study", path).CombinedOutput(); err != nil {
		t.Fatalf("seed %d: %v: %s", seed, err, out)
	}
	sameStudy(t, studyBytes(t, results, "study"), want)
	for name := range want {
		if dir := string(cellDir(results, name)); !strings.Contains(name, ".") {
			noScraps(t, dir)
		}
	}
}

func TestStudyCachesAndThreads(t *testing.T) {
	want := aloneStudy(t)
	dir := t.TempDir()
	path, results := tinyStudy(t, dir, ""), filepath.Join(dir, "study-results")
	lethe(t, "study", path, "--threads=1").ok(t)
	sameStudy(t, studyBytes(t, results, "study"), want)
	if !strings.Contains(want["tables.csv"], "tiny,random:0.75,ours,proxy,0.1,forget,5,hole_mse,2,") {
		t.Errorf("the table lacks a row: %s", want["tables.csv"][:600])
	}

	r := lethe(t, "study", "check", path).ok(t)
	if !strings.Contains(r.out, "nothing left") || strings.Contains(r.out, "to do") {
		t.Errorf("a finished study has something to do: %s", r.out)
	}
	lethe(t, "study", path).ok(t)
	sameStudy(t, studyBytes(t, results, "study"), want)

	// Another study in the same folder shares the cells; a mask more trains nothing.
	other := t.TempDir()
	r = lethe(t, "study", tinyStudy(t, other, "name: other\n", "centre:2]", "centre:2, random:0.5]"), "--results", results).ok(t)
	if strings.Contains(r.out, "unlearn") || strings.Contains(r.out, "pretrain") || strings.Count(r.out, "\n[") != 18 {
		t.Errorf("a mask more than before did not measure 18 times and no more: %s", r.out)
	}
	// A mask less leaves no figure of it behind.
	lethe(t, "study", tinyStudy(t, t.TempDir(), "name: other\n"), "--results", results).ok(t)
	if figures, err := filepath.Glob(filepath.Join(results, "other", "trade-off-*.svg")); err != nil || len(figures) != 2 {
		t.Errorf("figures of two masks: %q, %v", figures, err)
	}
	// A missing cell comes back as it was.
	keys, err := finishedCells(results)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys[:5] {
		if err := os.RemoveAll(string(cellDir(results, k))); err != nil {
			t.Fatal(err)
		}
	}
	lethe(t, "study", path).ok(t)
	got := studyBytes(t, results, "study")
	for name := range want {
		if _, there := got[name]; !there { // a training that no measurement needs again
			if !strings.Contains(want[name], `"weights_sha256"`) {
				t.Errorf("%s is missing", name)
			}
		} else if got[name] != want[name] {
			t.Errorf("%s differs", name)
		}
	}
}

func TestStudyShards(t *testing.T) {
	want := aloneStudy(t)
	dir := t.TempDir()
	path := tinyStudy(t, dir, "")
	a, b, joined := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "joined")
	lethe(t, "study", path, "--shard=1/2", "--results", a).ok(t)
	lethe(t, "study", path, "--shard=2/2", "--results", b).ok(t)
	for _, d := range []string{a, b} {
		if exists(filepath.Join(d, "study")) {
			t.Errorf("%s has tables of a part", d)
		}
	}
	lethe(t, "study", "merge", a, b, "--out", joined).ok(t)
	r := lethe(t, "study", path, "--results", joined).ok(t)
	if !strings.Contains(r.out, " 0 to do here") {
		t.Errorf("the shards left something: %s", r.out)
	}
	sameStudy(t, studyBytes(t, joined, "study"), want)

	// Shards of one folder need no merge: whichever ends last writes the tables.
	shared := filepath.Join(dir, "shared")
	first := lethe(t, "study", path, "--shard=2/2", "--results", shared).ok(t)
	if exists(filepath.Join(shared, "study")) || !strings.Contains(first.out, "left to other shards") {
		t.Errorf("a part has tables, or does not say why not: %s", first.out)
	}
	lethe(t, "study", path, "--shard=1/2", "--results", shared).ok(t)
	sameStudy(t, studyBytes(t, shared, "study"), want)

	// One cell with two results, and a result that is not its cell's.
	keys, err := finishedCells(a)
	if err != nil {
		t.Fatal(err)
	}
	file := cellDir(a, keys[0]).path(resultFile)
	good := string(read(t, file))
	for _, bad := range []struct{ old, new, says string }{
		{"\n}\n", "\n}\n\n", "different results"},
		{`"lethe-cell/3"`, `"lethe-cell/1"`, "is the result of cell"},
	} {
		if err := os.WriteFile(file, []byte(strings.Replace(good, bad.old, bad.new, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		lethe(t, "study", "merge", a, "--out", joined).refused(t, 1, bad.says)
	}
	lethe(t, "study", "merge", dir, "--out", filepath.Join(dir, "none")).refused(t, 1, "cells")
}

// TestStudyShardsTogether has two processes work in one folder: what both need is
// done once.
func TestStudyShardsTogether(t *testing.T) {
	want := aloneStudy(t)
	dir := t.TempDir()
	path, results := tinyStudy(t, dir, ""), filepath.Join(dir, "study-results")
	var outs [2]strings.Builder
	first := program(t, "study", path)
	first.Stdout = &outs[0]
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	second := program(t, "study", path)
	second.Stdout = &outs[1]
	if err := second.Run(); err != nil {
		t.Fatalf("%v: %s", err, outs[1].String())
	}
	if err := first.Wait(); err != nil {
		t.Fatalf("%v: %s", err, outs[0].String())
	}
	sameStudy(t, studyBytes(t, results, "study"), want)
	times := map[string]int{}
	for i := range outs {
		for line := range strings.Lines(outs[i].String()) {
			_, what, ok := strings.Cut(line, "] ")
			what, _, timed := strings.Cut(what, " s; ")
			if ok && timed && !strings.Contains(what, "elsewhere") {
				times[what[:strings.LastIndex(what, "  ")]]++
			}
		}
	}
	if len(times) != len(want)-3 {
		t.Errorf("%d cells were done, want %d", len(times), len(want)-3)
	}
	for what, n := range times {
		if n != 1 {
			t.Errorf("%s was done %d times", what, n)
		}
	}
}

func TestStudyInterrupted(t *testing.T) {
	want := aloneStudy(t)
	dir := t.TempDir()
	path := tinyStudy(t, dir, "")
	for _, n := range []int64{0, 5, 40, 90, 200} {
		r := letheUntil(t, cancelAfter(n), "study", path)
		r.refused(t, 130, "nothing is lost")
		states, err := filepath.Glob(filepath.Join(dir, "study-results", "cells", "*", stateFile))
		if err != nil || n == 5 && len(states) != 1 {
			t.Errorf("interrupted in the fifth step: the states %v, %v", states, err)
		}
	}
	lethe(t, "study", path).ok(t)
	sameStudy(t, studyBytes(t, filepath.Join(dir, "study-results"), "study"), want)
}

// TestStudyGoesOnAfterAFailure: a method that diverges does not stop the others.
func TestStudyGoesOnAfterAFailure(t *testing.T) {
	dir := t.TempDir()
	path := tinyStudy(t, dir, "method_settings: {max-loss: {lr: 1e30}}\n", "alphas: [0.1, 1]", "alphas: [1]", "seeds: [1, 2]", "seeds: [1]")
	r := lethe(t, "study", path)
	r.refused(t, 1, "6 cells failed", "unlearn max-loss, α 1, seed 1", "it needs unlearn max-loss")
	csv := string(read(t, dir, "study-results", "study", "tables.csv"))
	if !strings.Contains(csv, ",ours,real,1,forget,") || strings.Contains(csv, ",max-loss,") {
		t.Errorf("the tables are not those of what went well: %s", csv)
	}
	if html := string(read(t, dir, "study-results", "study", "tables.html")); !strings.Contains(html, "4 measurements are missing") {
		t.Error("the page does not say that something is missing")
	}
}

func TestStudyPretrainsTheOriginal(t *testing.T) {
	dir := t.TempDir()
	path := tinyStudy(t, dir, "", "checkpoint: "+shared.weights, "model: "+shared.model+", pretrain: {steps: 5, batch: 4, lr: 1e-3}", "alphas: [0.1, 1]", "alphas: [1]")
	r := lethe(t, "study", path).ok(t)
	if n := strings.Count(r.out, "] pretrain "); n != 2 {
		t.Errorf("%d pretrainings, want the original's and the oracle's: %s", n, r.out)
	}
}

// TestStudyOfFamilies: models of several families stand in one study, each beside an
// oracle of its own; that of a MAGE takes over the original's tokenizer.
func TestStudyOfFamilies(t *testing.T) {
	mage := pretrained(t, "mage", "--tokenizer", pretrained(t, "vqgan"), "--sample-steps", "3")
	palette := pretrained(t, "palette", "--sample-steps", "2")
	const oracle = "oracle: {steps: 3, batch: 4, lr: 1e-3}"
	replace := []string{"[random:0.75, centre:2]", "[centre:2]", "alphas: [0.1, 1]\n", "", "images: 5", "images: 2, sample_steps: 2", "seeds: [1, 2]", "seeds: [1]", "steps: 16", "steps: 3",
		"  - {name: tiny, checkpoint: " + shared.weights, fmt.Sprintf("  - {name: mage, checkpoint: %s, %s}\n  - {name: palette, checkpoint: %s, %s}\n  - {checkpoint: %s", mage, oracle, palette, oracle, shared.weights)}
	dir := t.TempDir()
	path := tinyStudy(t, dir, "", replace...)
	lethe(t, "study", path).ok(t)
	want := studyBytes(t, filepath.Join(dir, "study-results"), "study")
	for _, row := range []string{"\nmage,centre:2,retrained,", "\npalette,centre:2,ours,proxy,0.1,", "\ntiny,centre:2,max-loss,real,0.25,"} {
		if !strings.Contains(want["tables.csv"], row) {
			t.Errorf("no row %q", row)
		}
	}
	again := t.TempDir()
	path = tinyStudy(t, again, "", replace...)
	letheUntil(t, cancelAfter(30), "study", path, "--threads=1").refused(t, 130, "interrupted")
	lethe(t, "study", path, "--threads=1").ok(t)
	sameStudy(t, studyBytes(t, filepath.Join(again, "study-results"), "study"), want)
}

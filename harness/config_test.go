package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfigRefuses: one error with file, line and column, and no run.
func TestConfigRefuses(t *testing.T) {
	dir := t.TempDir()
	for yaml, says := range map[string]string{
		"alhpa: 1":                       `c.yaml:1:1: unknown key "alhpa"; did you mean "alpha"?`,
		"batch: 4\nretian: [a]":          `c.yaml:2:1: unknown key "retian"; did you mean "retain"?`,
		"zzzzzzzz: 1":                    `c.yaml:1:1: unknown key "zzzzzzzz": want one of`,
		"resume_: true":                  `did you mean "resume"?`,
		"config: other.yaml":             `unknown key "config"`,
		"lr: fast":                       `c.yaml:1:1: key "lr": "fast" is no number`,
		"batch: 4.5":                     `key "batch": "4.5" is no whole number`,
		"batch: [4]":                     `key "batch": want a single value`,
		"batch: {a: 4}":                  `key "batch": want a single value`,
		"seed: -1":                       `key "seed": "-1" is no whole number from 0`,
		"augment: 7":                     `key "augment": "7" is neither true nor false`,
		"forget: [a, [b]]":               `key "forget": item 2: want a single value`,
		"batch: 4\nbatch: 5":             `"batch" already defined`,
		"mask-ratio: .5\nmask_ratio: .6": `c.yaml:2:1: key "mask_ratio" stands twice`,
		"batch: [4":                      "c.yaml",
		"\tbatch: 4":                     "c.yaml",
		"- batch":                        "want a mapping",
		"17":                             "want a mapping",
		"noise: pink":                    "--noise",
		"lr: -1":                         "--lr=-1: want a finite number above 0",
		"alpha: .nan":                    "--alpha=NaN",
	} {
		path, out := put(t, []byte(yaml+"\n"), dir, "c.yaml"), filepath.Join(dir, "run")
		args := []string{"unlearn", "--config", path, "--checkpoint", shared.weights, "--out", out}
		lethe(t, args...).refused(t, 2, says)
		if exists(out) {
			t.Errorf("%q: a run folder was made", yaml)
		}
	}
	lethe(t, "unlearn", "--config", filepath.Join(dir, "none.yaml")).refused(t, 2, "none.yaml", "no such file")
	lethe(t, "unlearn", "--config", dir).refused(t, 2, dir)
	// a value of the wrong type is wrong also where a flag overrides it
	path := put(t, []byte("batch: x\n"), dir, "c.yaml")
	lethe(t, unlearning(filepath.Join(dir, "run"), "--config", path)...).refused(t, 2, `"x" is no whole number`)
}

// TestConfigValues: what YAML says, and that flags override it.
func TestConfigValues(t *testing.T) {
	dir := t.TempDir()
	config := `
# every kind of value
checkpoint: "` + shared.weights + `"
retain: [` + filepath.Join(shared.retain, "brick") + `, ` + filepath.Join(shared.retain, "car") + `]
forget: ` + shared.forget + `
augment: true
alpha: 5e-1
weight-decay: null
clip: 3
batch: 2
steps: 3
eval_images: 2
eval_masks:
  - random:0.5
  - outpaint:2
lr: 0.001
seed: 18446744073709551615
`
	out := filepath.Join(dir, "run")
	lethe(t, "unlearn", "--config", put(t, []byte(config), dir, "c.yaml"), "--steps", "2", "--out", out).ok(t)
	resolved := string(read(t, out, "config.yaml"))
	for _, line := range []string{
		"retain:\n- " + filepath.Join(shared.retain, "brick") + "\n- " + filepath.Join(shared.retain, "car"), "forget:\n- " + shared.forget,
		"augment: true", "alpha: 0.5", "weight_decay: 0.0", "clip: 3.0", "batch: 2", "steps: 2", "lr: 0.001", "seed: 18446744073709551615",
		"eval_masks:\n- random:0.5\n- outpaint:2", "squash: false", "schedule: constant", "method: ours",
	} {
		if !strings.Contains(resolved, line+"\n") {
			t.Errorf("config.yaml lacks %q:\n%s", line, resolved)
		}
	}
	if got := len(steps(t, out)); got != 2 {
		t.Errorf("%d steps, want the flag's 2", got)
	}
}

// TestConfigRepeats: the resolved configuration gives the same run again.
func TestConfigRepeats(t *testing.T) {
	for name, args := range map[string][]string{
		"unlearn": unlearning("", "--method", "retain-label", "--alpha", "0.3", "--lr", "1.2345678901234567e-3", "--augment", "--seed", "9223372036854775809",
			"--eval-masks", "centre:2", "--eval-masks", "random:0.6", "--schedule", "cosine", "--warmup", "1", "--weight-decay", "0.1", "--micro-batch", "3", "--checkpoint-every", "0"),
		"pretrain": pretraining("", "--no-flip", "--crop-scale", "0.25", "--for", "1h30m", "--leave-out", "brick", "--min-lr", "1e-5", "--eval-data", shared.forget),
	} {
		t.Run(name, func(t *testing.T) {
			first, second := filepath.Join(t.TempDir(), "a b"), filepath.Join(t.TempDir(), "b")
			lethe(t, append(args, "--out", first)...).ok(t)
			lethe(t, name, "--config", filepath.Join(first, "config.yaml"), "--out", second).ok(t)
			sameRun(t, second, first)
			a, b := read(t, first, "config.yaml"), read(t, second, "config.yaml")
			if !bytes.Equal(bytes.ReplaceAll(a, []byte(first), []byte(second)), b) {
				t.Errorf("config.yaml changes:\n%s\n%s", a, b)
			}
		})
	}
}

func TestSuggestion(t *testing.T) {
	known := []string{"alpha", "batch", "lr", "mask-ratio"}
	for name, want := range map[string]string{
		"apha": `; did you mean "alpha"?`, "alpah": `; did you mean "alpha"?`, "bathc": `; did you mean "batch"?`, "maskratio": `; did you mean "mask-ratio"?`,
		"<<": ": want one of alpha, batch, lr, mask-ratio", "colour": ": want one of alpha, batch, lr, mask-ratio",
	} {
		if got := suggestion(name, known); got != want {
			t.Errorf("suggestion(%q) is %q, want %q", name, got, want)
		}
	}
}

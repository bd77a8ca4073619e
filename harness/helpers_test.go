package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"lethe/harness/checkpoint"
	"lethe/harness/data"
	"lethe/harness/stage"
	"lethe/harness/train"
)

// asProgram makes the test binary behave as lethe, for tests of exit statuses
// and signals.
const asProgram = "LETHE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	dir, err := os.MkdirTemp("", "lethe-test-")
	if err == nil {
		err = makeFixture(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "making the fixture:", err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// shared is what every test may read and none may change: a tiny model with
// random weights, and two classes of images a side.
var shared struct{ model, weights, retain, forget string }

// tinyModel is the smallest model that has every part.
const tinyModel = `{"img_size":16,"patch_size":4,"in_chans":3,"embed_dim":32,"depth":2,"num_heads":2,
"decoder_embed_dim":16,"decoder_depth":1,"decoder_num_heads":2,"mlp_ratio":2}`

func makeFixture(dir string) error {
	shared.model, shared.weights = filepath.Join(dir, "tiny.json"), filepath.Join(dir, "tiny.safetensors")
	shared.retain, shared.forget = filepath.Join(dir, "retain"), filepath.Join(dir, "forget")
	if err := os.WriteFile(shared.model, []byte(tinyModel), 0o644); err != nil {
		return err
	}
	for class, name := range data.WorldClasses[:4] {
		side := shared.retain
		if class >= 2 {
			side = shared.forget
		}
		for i := range 5 {
			if err := writePNG(filepath.Join(side, name, fmt.Sprintf("%d.png", i)), data.World(1, class, i)); err != nil {
				return err
			}
		}
	}
	var out bytes.Buffer
	if code := dispatch(inProcess(context.Background(), &out, &out), []string{"init", "--model", shared.model, "--out", shared.weights}); code != 0 {
		return fmt.Errorf("lethe init: status %d: %s", code, out.String())
	}
	return nil
}

func inProcess(ctx context.Context, out, errs *bytes.Buffer) *app {
	return &app{ctx: ctx, out: out, err: errs, peak: func(threads int) stage.Peak {
		return stage.Peak{GFLOPPerSecond: 100, Threads: threads, ISA: "test"}
	}, memory: func() stage.Bandwidth { return stage.Bandwidth{InPlace: 10, Triad: 8} }}
}

// result is what a command left.
type result struct {
	code     int
	out, err string
}

// lethe runs a command in this process.
func lethe(t *testing.T, args ...string) result {
	t.Helper()
	return letheUntil(t, context.Background(), args...)
}

func letheUntil(t *testing.T, ctx context.Context, args ...string) result {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var out, errs bytes.Buffer
	code := dispatch(inProcess(ctx, &out, &errs), args)
	return result{code, out.String(), errs.String()}
}

// program is a command in a process of its own.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Env = append(os.Environ(), asProgram+"=1")
	return c
}

// ok fails the test unless the command ended with 0.
func (r result) ok(t *testing.T) result {
	t.Helper()
	if r.code != 0 {
		t.Fatalf("status %d: %s", r.code, r.err)
	}
	return r
}

// refused fails the test unless the command ended with the status and one
// error that has every part.
func (r result) refused(t *testing.T, code int, parts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("status %d, want %d: %s", r.code, code, r.err)
	}
	if n := strings.Count(r.err, "lethe: "); n != 1 {
		t.Errorf("%d errors, want one: %s", n, r.err)
	}
	for _, p := range parts {
		if !strings.Contains(r.err, p) {
			t.Errorf("the error does not say %q: %s", p, r.err)
		}
	}
	if strings.Contains(r.err, "goroutine") {
		t.Errorf("a panic: %s", r.err)
	}
}

// unlearning is the command line of a small run; more arguments override.
func unlearning(out string, more ...string) []string {
	return append([]string{"unlearn", "--checkpoint", shared.weights, "--retain", shared.retain, "--forget", shared.forget,
		"--batch", "4", "--steps", "6", "--lr", "1e-3", "--eval-images", "3", "--out", out}, more...)
}

// pretraining likewise.
func pretraining(out string, more ...string) []string {
	return append([]string{"pretrain", "--model", shared.model, "--data", shared.retain, "--batch", "4", "--steps", "6",
		"--lr", "1e-3", "--warmup", "2", "--eval-images", "3", "--out", out}, more...)
}

// countdown is a context that ends when it was asked so many times: the loop
// asks once a step, the evaluation once a batch.
type countdown struct {
	context.Context
	left atomic.Int64
}

func cancelAfter(n int64) *countdown {
	c := &countdown{Context: context.Background()}
	c.left.Store(n)
	return c
}

func (c *countdown) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// read is a file's bytes.
func read(t *testing.T, parts ...string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// steps is the log of a run without its seconds.
func steps(t *testing.T, dir string) []train.Record {
	t.Helper()
	var out []train.Record
	dec := json.NewDecoder(bytes.NewReader(read(t, dir, "log.jsonl")))
	dec.DisallowUnknownFields()
	for dec.More() {
		var r train.Record
		if err := dec.Decode(&r); err != nil {
			t.Fatal(err)
		}
		r.Seconds = 0
		out = append(out, r)
	}
	return out
}

// tensors are the bytes of a checkpoint's tensors by name.
func tensors(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := checkpoint.Open(path)
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

// files lists a folder, hidden ones included; empty when it does not exist.
func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// noScraps fails the test when something temporary was left in a folder.
func noScraps(t *testing.T, dir string) {
	t.Helper()
	for _, name := range files(t, dir) {
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".tmp") {
			t.Errorf("%s was left in %s", name, dir)
		}
	}
}

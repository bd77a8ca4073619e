package main

import (
	"bytes"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"lethe/harness/checkpoint"
	"lethe/harness/data"
	"lethe/harness/unlearn"
)

// exit runs a command in a process of its own.
func exit(t *testing.T, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	p := program(t, args...)
	p.Stdout, p.Stderr = &out, &errs
	err := p.Run()
	if p.ProcessState == nil {
		t.Fatal(err)
	}
	return result{p.ProcessState.ExitCode(), out.String(), errs.String()}
}

// TestHelp asks every command for help, in a process: help ends it.
func TestHelp(t *testing.T) {
	parser, err := newParser(&commands{}, &bytes.Buffer{}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	var walk func(n *kong.Node, path []string)
	walk = func(n *kong.Node, path []string) {
		r := exit(t, append(path, "--help")...)
		if r.code != 0 || !strings.HasPrefix(r.out, "Usage: lethe") || r.err != "" {
			t.Errorf("%v --help: status %d: %s%s", path, r.code, r.out, r.err)
		}
		for _, f := range n.Flags {
			if f.IsBool() {
				if f.Default == "true" && !strings.Contains(f.Help, "Default: on") {
					t.Errorf("%v --help does not say that --%s is on by itself", path, f.Name)
				}
				continue
			}
			if f.Default != "" && !strings.Contains(strings.Join(strings.Fields(r.out), " "), f.Default) {
				t.Errorf("%v --help does not say that --%s is %s by itself", path, f.Name, f.Default)
			}
		}
		for _, c := range n.Children {
			if !strings.Contains(r.out, c.Name) {
				t.Errorf("%v --help does not name %s", path, c.Name)
			}
			walk(c, append(path[:len(path):len(path)], c.Name))
		}
	}
	walk(parser.Model.Node, nil)
}

// TestStatuses: 0 done, 1 failed, 2 unusable arguments.
func TestStatuses(t *testing.T) {
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{0, "lethe", []string{"--version"}},
		{2, "expected one of", nil},
		{2, "forget", []string{"forget"}},
		{2, "--nonsense", []string{"run", "--nonsense"}},
		{2, "--method", []string{"run", "--method", "theirs", "--out", filepath.Join(t.TempDir(), "run")}},
		{1, "no such file", []string{"inspect", filepath.Join(t.TempDir(), "none")}},
		{0, "ours", []string{"methods"}},
	} {
		r := exit(t, c.args...)
		if r.code != c.code || !strings.Contains(r.out+r.err, c.says) {
			t.Errorf("lethe %v: status %d, want %d with %q: %s%s", c.args, r.code, c.code, c.says, r.out, r.err)
		}
	}
}

func TestMethodsCommand(t *testing.T) {
	r := lethe(t, "methods").ok(t)
	for _, m := range unlearn.Methods() {
		for _, part := range []string{m.Name + "\n", m.Loss, m.Source, m.Schedule, string(m.Trains)} {
			if !strings.Contains(r.out, part) {
				t.Errorf("%q is not said of %s", part, m.Name)
			}
		}
	}
}

func TestInspect(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	lethe(t, unlearning(dir, "--save-pth")...).ok(t)
	foreign := filepath.Join(t.TempDir(), "foreign.safetensors")
	if err := checkpoint.WriteSafetensors(foreign, []checkpoint.Tensor{checkpoint.FromFloat32("conv1.weight", []int{2, 3}, make([]float32, 6))}, nil); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string][]string{
		filepath.Join(dir, "checkpoint.safetensors"): {"blocks.0.attn.qkv.weight", "F32", "[96,32]", "safetensors", "masked autoencoder", "patch 4", "lethe.method = ours"},
		filepath.Join(dir, "checkpoint.pth"):         {"blocks.0.attn.qkv.weight", "[96,32]", "pth", "masked autoencoder"},
		foreign:                                      {"conv1.weight", "[2,3]", "1 (1 F32), 6 elements"},
		builtinName:                                  {"mae_tiny", "cls_token"},
		poisoned(t, "cls_token", 1e39):               {"warning", "cls_token"},
	} {
		r := lethe(t, "inspect", path).ok(t)
		for _, part := range says {
			if !strings.Contains(r.out, part) {
				t.Errorf("%s: it does not say %q:\n%s", path, part, r.out)
			}
		}
		if short := lethe(t, "inspect", "--no-keys", path).ok(t); strings.Contains(short.out, "[96,32]") {
			t.Errorf("%s: --no-keys lists tensors", path)
		}
	}
	cut := put(t, read(t, shared.weights)[:200], t.TempDir(), "cut.safetensors")
	lethe(t, "inspect", cut).refused(t, 1, cut)
}

// TestComplete: the grid has the size that its columns and rows make.
func TestComplete(t *testing.T) {
	dir := t.TempDir()
	after := filepath.Join(dir, "run")
	lethe(t, unlearning(after)...).ok(t)
	width := map[bool]int{}
	for _, both := range []bool{false, true} {
		for _, mask := range []string{"random:0.75", "centre:2", "center:1", "outpaint:2"} {
			path := filepath.Join(dir, "grid.png")
			args := []string{"complete", "--checkpoint", shared.weights, "--images", shared.forget, "--mask", mask, "--number", "3", "--scale", "2", "--out", path}
			if both {
				args = append(args, "--after", filepath.Join(after, "checkpoint.safetensors"))
			}
			r := lethe(t, args...).ok(t)
			if !strings.Contains(r.out, "3 images completed") || !strings.Contains(r.out, path) || strings.Contains(r.out, "after") != both {
				t.Errorf("%s: %s", mask, r.out)
			}
			im, err := png.Decode(bytes.NewReader(read(t, path)))
			if err != nil {
				t.Fatal(err)
			}
			b := im.Bounds()
			columns := 4
			if both {
				columns = 5
			}
			// tiles of 32 pixels with gaps and labels between them
			if b.Dx() < columns*32 || b.Dy() < 3*32 || b.Dx() >= (columns+4)*40 || b.Dy() >= 6*40 {
				t.Errorf("%s: %d x %d pixels for %d columns and 3 rows of 32", mask, b.Dx(), b.Dy(), columns)
			}
			width[both] = b.Dx()
		}
	}
	if d := width[true] - width[false]; d < 32 || d > 48 {
		t.Errorf("the column after takes %d pixels, want 32 and a gap", d)
	}
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{2, "--number", []string{"--number=-1"}}, {2, "--scale", []string{"--scale=-1"}}, {2, "centre:4", []string{"--mask", "centre:4"}},
		{2, "mask", []string{"--mask", "half"}}, {1, "nobody", []string{"--classes", "nobody"}}, {2, "--threads", []string{"--threads=-1"}},
		{2, "different image sizes", []string{"--after", builtinName}},
		{1, "not a directory", []string{"--out", filepath.Join(shared.weights, "grid.png")}},
	} {
		lethe(t, append([]string{"complete", "--checkpoint", shared.weights, "--images", shared.forget, "--out", filepath.Join(dir, "no.png")}, c.args...)...).refused(t, c.code, c.says)
		if exists(filepath.Join(dir, "no.png")) {
			t.Errorf("%v: a picture was written", c.args)
		}
	}
}

// TestEvaluateCommand: the table of a run is measured again by lethe evaluate.
func TestEvaluateCommand(t *testing.T) {
	dir := t.TempDir()
	run, out := filepath.Join(dir, "run"), filepath.Join(dir, "eval.json")
	other := side(t, 6, 3)
	lethe(t, unlearning(run, "--eval-retain", other, "--eval-forget", shared.forget)...).ok(t)
	weights := filepath.Join(run, "checkpoint.safetensors")
	r := lethe(t, "evaluate", weights, "--against", shared.weights, "--retain", other, "--forget", shared.forget, "--eval-images", "3", "--out", out).ok(t)
	var got struct{ Before, After map[string]measured }
	var want struct {
		Eval struct{ Before, After map[string]measured } `json:"eval"`
	}
	for path, v := range map[string]any{out: &got, filepath.Join(run, "summary.json"): &want} {
		if err := json.Unmarshal(read(t, path), v); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range []string{"retain", "forget"} {
		if got.Before[g] != want.Eval.Before[g] || got.After[g] != want.Eval.After[g] || got.Before[g].HoleMSE == 0 || got.Before[g] == got.After[g] {
			t.Errorf("%s: %+v to %+v, the run measured %+v to %+v", g, got.Before[g], got.After[g], want.Eval.Before[g], want.Eval.After[g])
		}
	}
	if !strings.Contains(r.out, "→") || !strings.Contains(r.out, "forget") {
		t.Errorf("the table: %s", r.out)
	}
	alone := lethe(t, "evaluate", weights, "--held-out", other).ok(t)
	if strings.Contains(alone.out, "→") || !strings.Contains(alone.out, "held") {
		t.Errorf("one model alone: %s", alone.out)
	}
	lethe(t, "evaluate", weights).refused(t, 2, "--retain", "--held-out")
	lethe(t, "evaluate", weights, "--against", builtinName, "--retain", other).refused(t, 2, "different image sizes")
	lethe(t, "evaluate", weights, "--retain", other, "--eval-batch=0").refused(t, 2, "--eval-batch")
	lethe(t, "evaluate", weights, "--retain", other, "--out", filepath.Join(dir, "none", "x.json")).refused(t, 1, "x.json")
}

type measured struct {
	HoleMSE float64 `json:"hole_mse"`
	PSNR    float64 `json:"psnr"`
	SSIM    float64 `json:"ssim"`
}

// TestReferenceCommands: a bundle that fits, one that does not, and one that is
// none, by the exit status.
func TestReferenceCommands(t *testing.T) {
	bundle := filepath.Join("reference", "testdata", "forward-plain")
	if r := exit(t, "reference", "check", bundle, filepath.Join("reference", "testdata", "unlearn-adamw-clip")); r.code != 0 || !strings.Contains(r.out, bundle) {
		t.Errorf("check: status %d: %s%s", r.code, r.out, r.err)
	}
	dir := t.TempDir()
	out := filepath.Join(dir, "out.safetensors")
	if r := exit(t, "reference", "run", bundle, "--out", out); r.code != 0 {
		t.Fatalf("run: status %d: %s", r.code, r.err)
	}
	expected := filepath.Join(bundle, "expected.safetensors")
	if r := exit(t, "reference", "compare", out, expected); r.code != 0 {
		t.Errorf("compare: status %d: %s%s", r.code, r.out, r.err)
	}
	f, err := checkpoint.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	values, err := f.Tensors[0].Float32()
	if err != nil {
		t.Fatal(err)
	}
	values = append([]float32(nil), values...)
	values[0] += 100
	changed := append([]checkpoint.Tensor{checkpoint.FromFloat32(f.Tensors[0].Name, f.Tensors[0].Shape, values)}, f.Tensors[1:]...)
	other := filepath.Join(dir, "other.safetensors")
	if err := checkpoint.WriteSafetensors(other, changed, nil); err != nil {
		t.Fatal(err)
	}
	name := f.Tensors[0].Name
	f.Close()
	if r := exit(t, "reference", "compare", other, expected); r.code != 1 || !strings.Contains(r.out+r.err, name) {
		t.Errorf("compare of what differs: status %d: %s%s", r.code, r.out, r.err)
	}
	broken := filepath.Join(dir, "broken")
	if err := os.CopyFS(broken, os.DirFS(bundle)); err != nil {
		t.Fatal(err)
	}
	put(t, read(t, other), broken, "expected.safetensors")
	if r := exit(t, "reference", "check", bundle, broken); r.code != 1 || !strings.Contains(r.err, broken) {
		t.Errorf("check of what differs: status %d: %s", r.code, r.err)
	}
	for _, args := range [][]string{{"check", dir}, {"run", dir, "--out", out}, {"compare", out, filepath.Join(dir, "none")}, {"run", bundle}} {
		if r := exit(t, append([]string{"reference"}, args...)...); r.code != 2 {
			t.Errorf("%v: status %d, want 2: %s", args, r.code, r.err)
		}
	}
}

func TestWorldCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "world")
	lethe(t, "world", dir, "--per-class", "2", "--from", "3", "--seed", "7", "--classes", data.WorldClasses[2]+","+data.WorldClasses[0]).ok(t)
	for _, class := range []int{0, 2} {
		for _, i := range []int{3, 4} {
			im, _, err := data.Decode(read(t, dir, data.WorldClasses[class], "0000"+string(rune('0'+i))+".png"))
			if err != nil || !bytes.Equal(im.Pix, data.World(7, class, i).Pix) {
				t.Errorf("class %d, image %d differs: %v", class, i, err)
			}
		}
	}
	if got := len(files(t, dir)); got != 2 {
		t.Errorf("%d classes, want 2", got)
	}
	lethe(t, "world", dir, "--sheet", "--per-class", "3").ok(t)
	im, err := png.Decode(bytes.NewReader(read(t, dir, "sheet.png")))
	if err != nil || im.Bounds().Dx() < 3*64 || im.Bounds().Dy() < 10*64 {
		t.Errorf("the sheet: %v", err)
	}
	lethe(t, "world", dir, "--classes", "nobody").refused(t, 2, "nobody", data.WorldClasses[9])
	lethe(t, "world", dir, "--per-class=0").refused(t, 2, "--per-class")
	lethe(t, "world", dir, "--from=-1").refused(t, 2, "--from")
	lethe(t, "world", put(t, nil, t.TempDir(), "file"), "--per-class=1").refused(t, 1, "file")
}

// TestPickupOfWeights: every form in which a run leaves its weights is read.
func TestPickupOfWeights(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	lethe(t, pretraining(dir, "--save-pth")...).ok(t)
	want := tensors(t, filepath.Join(dir, "checkpoint.safetensors"))
	pth := tensors(t, filepath.Join(dir, "checkpoint.pth"))
	if len(pth) != len(want) {
		t.Errorf("%d tensors in the .pth, want %d", len(pth), len(want))
	}
	for name := range want {
		if pth[name] != want[name] {
			t.Errorf("%s differs in the .pth", name)
		}
	}
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	lethe(t, unlearning(a, "--checkpoint", filepath.Join(dir, "checkpoint.pth"), "--model", shared.model)...).ok(t)
	lethe(t, unlearning(b, "--checkpoint", filepath.Join(dir, "checkpoint.safetensors"))...).ok(t)
	sameRun(t, a, b)
}

// TestDataFlags: the classes of one set divided, and the defaults of --out.
func TestDataFlags(t *testing.T) {
	t.Chdir(t.TempDir())
	a, b := data.WorldClasses[0], data.WorldClasses[1]
	r := lethe(t, "unlearn", "--checkpoint", shared.weights, "--data", shared.retain, "--forget-classes", b, "--batch", "4", "--epochs", "2").ok(t)
	if !strings.Contains(r.out, "retain  4 images: "+a) || !strings.Contains(r.out, "forget  4 images: "+b) || !strings.Contains(r.out, "2 steps of 4 + 4") {
		t.Errorf("it says %s", r.out)
	}
	path := regexp.MustCompile(`report +(\S+)`).FindStringSubmatch(r.out)
	if path == nil || !exists(path[1]) || path[1] != filepath.Join("runs", "unlearn-tiny-ours", "report.html") {
		t.Errorf("the report's path: %v", path)
	}
	r = lethe(t, "unlearn", "--checkpoint", shared.weights, "--data", shared.retain, "--forget-random", "1", "--split-seed", "3", "--steps", "1", "--batch", "4", "--out", "random").ok(t)
	if strings.Contains(r.out, "retain  4 images: "+a) == strings.Contains(r.out, "retain  4 images: "+b) {
		t.Errorf("it says %s", r.out)
	}
	// A named split; and classes of proxies, which are on neither side.
	r = lethe(t, "unlearn", "--checkpoint", shared.weights, "--data", "world:train?per-class=5&classes=brick,car,clock,face", "--split", "random:3:1:2",
		"--proxy-retain", "world:test?per-class=4", "--proxy-classes", "plaid", "--steps", "1", "--batch", "4", "--out", "split").ok(t)
	if !strings.Contains(r.out, "retain  13 images: ") || !strings.Contains(r.out, "plaid") || !strings.Contains(r.out, "forget  4 images: ") {
		t.Errorf("it says %s", r.out)
	}
	lethe(t, "unlearn", "--checkpoint", shared.weights, "--data", shared.retain, "--split", "places-paper", "--out", "no").refused(t, 2, "--split", "100 of the split's classes")
	lethe(t, "unlearn", "--checkpoint", shared.weights, "--data", shared.retain, "--split", "random:1", "--forget-classes", a, "--out", "no").refused(t, 2, "give the one or the others")
}

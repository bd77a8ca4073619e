package reference

import (
	"errors"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"lethe/harness/checkpoint"
	"lethe/kernels"
)

func TestCompareVerdicts(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	f32 := func(name string, v ...float32) checkpoint.Tensor {
		return checkpoint.FromFloat32(name, []int{len(v)}, v)
	}
	i64 := func(name string, v ...int64) checkpoint.Tensor { return checkpoint.FromInt64(name, []int{len(v)}, v) }
	none := []checkpoint.Tensor{}
	one := func(t checkpoint.Tensor) []checkpoint.Tensor { return []checkpoint.Tensor{t} }
	loose := 0.5
	for _, row := range []struct {
		name    string
		a, b    []checkpoint.Tensor
		tol     Tolerance
		verdict string // "ok" or what it begins with
	}{
		{"equal", one(f32("x", 1, 2)), one(f32("x", 1, 2)), Tolerance{}, "ok"},
		{"within 1e-4", one(f32("x", 1.00009)), one(f32("x", 1)), Tolerance{}, "ok"},
		{"beyond 1e-4", one(f32("x", 1.00011)), one(f32("x", 1)), Tolerance{}, "out of tolerance"},
		{"grad_norm within 1e-3", one(f32("grad_norm", 1.0009)), one(f32("grad_norm", 1)), Tolerance{}, "ok"},
		{"grad_norm beyond 1e-3", one(f32("grad_norm", 1.0011)), one(f32("grad_norm", 1)), Tolerance{}, "out of tolerance"},
		{"output within 1e-3", one(f32("output", 1.0009)), one(f32("output", 1)), Tolerance{}, "ok"},
		{"relative given", one(f32("x", 1.4)), one(f32("x", 1)), Tolerance{Relative: &loose}, "ok"},
		{"absolute given", one(f32("x", 1.1)), one(f32("x", 1)), Tolerance{Absolute: 0.2}, "ok"},
		{"absolute not enough", one(f32("x", 1.1, 5)), one(f32("x", 1, 4)), Tolerance{Absolute: 0.2}, "out of tolerance"},
		{"both zero", one(f32("x", 0)), one(f32("x", 0)), Tolerance{}, "ok"},
		{"zero and not", one(f32("x", 1e-30)), one(f32("x", 0)), Tolerance{}, "out of tolerance"},
		{"NaN in a", one(f32("x", nan, 1)), one(f32("x", 1, 1)), Tolerance{Absolute: 9}, "not finite"},
		{"NaN in b", one(f32("x", 1)), one(f32("x", nan)), Tolerance{Absolute: 9}, "not finite"},
		{"NaN in both", one(f32("x", nan)), one(f32("x", nan)), Tolerance{Relative: &loose}, "not finite"},
		{"infinity in both", one(f32("x", inf)), one(f32("x", inf)), Tolerance{Absolute: 9}, "not finite"},
		{"missing from a", none, one(f32("x", 1)), Tolerance{}, "missing from"},
		{"missing from b", one(f32("x", 1)), none, Tolerance{}, "missing from"},
		{"shape", one(f32("x", 1)), one(f32("x", 1, 1)), Tolerance{}, "shape is [1]"},
		{"dtype", one(i64("x", 1)), one(f32("x", 1)), Tolerance{Absolute: 9}, "dtype is I64, want F32"},
		{"integers", one(i64("x", 1, 2)), one(i64("x", 1, 2)), Tolerance{}, "ok"},
		{"integers off by one", one(i64("x", 1e9)), one(i64("x", 1e9+1)), Tolerance{Absolute: 9}, "out of tolerance"},
		{"no elements", one(f32("x")), one(f32("x")), Tolerance{}, "ok"},
	} {
		dir := t.TempDir()
		a, b := filepath.Join(dir, "a.safetensors"), filepath.Join(dir, "b.safetensors")
		for path, ts := range map[string][]checkpoint.Tensor{a: row.a, b: row.b} {
			if err := checkpoint.WriteSafetensors(path, ts, nil); err != nil {
				t.Fatal(err)
			}
		}
		table, err := Compare(a, b, row.tol)
		var mismatch *MismatchError
		if bad := errors.As(err, &mismatch); bad == (row.verdict == "ok") || !bad && err != nil {
			t.Errorf("%s: error is %v", row.name, err)
		}
		if len(table.Rows) != 1 || !strings.HasPrefix(table.Rows[0].Verdict, row.verdict) {
			t.Errorf("%s: want the verdict %q in\n%v", row.name, row.verdict, table)
		}
	}
}

func TestCompareNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty.safetensors")
	if err := checkpoint.WriteSafetensors(path, nil, nil); err != nil {
		t.Fatal(err)
	}
	table, err := Compare(path, path, Tolerance{})
	var mismatch *MismatchError
	if !errors.As(err, &mismatch) || table.String() != "" {
		t.Errorf("two files without tensors: error is %v, the table %q", err, table)
	}
	var e *InputError
	if _, err := Compare(path, path+".none", Tolerance{}); !errors.As(err, &e) || e.File != path+".none" {
		t.Errorf("error is %v, want an *InputError about the file that is not there", err)
	}
}

func TestTableText(t *testing.T) {
	file := filepath.Join("testdata", "forward-plain", expectedFile)
	table, err := Compare(file, file, Tolerance{})
	if err != nil {
		t.Fatal(err)
	}
	text := table.String()
	for _, want := range []string{"tensor", "max abs error", "relative L2", "verdict", "latent", "[3 5 36]", "5 tensors, all ok"} {
		if !strings.Contains(text, want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
	if lines := strings.Count(text, "\n"); lines != 7 {
		t.Errorf("%d lines, want a header, five rows and a sum:\n%s", lines, text)
	}
}

// TestCheckSeesSmallErrors: a step that is 2.2 % off is found although the weight
// it belongs to is off by less than 1e-4, and a frozen weight may not move at all.
func TestCheckSeesSmallErrors(t *testing.T) {
	nudge := func(x *checkpoint.Tensor) { x.Data[0] ^= 1 } // the last bit of the first element
	dir := borrow(t, "unlearn-adamw-clip")
	start, err := checkpoint.Open(filepath.Join(dir, "checkpoint.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer start.Close()
	for _, row := range []struct {
		key     string
		change  func(*checkpoint.Tensor)
		verdict string
	}{
		{"norm.weight", scaled(1.022, start.Tensors), "step out of tolerance"},
		{"norm.weight", scaled(1.01, start.Tensors), "ok"},
		{"decoder_pred.weight", nudge, "step out of tolerance"},
		{"pos_embed", nudge, "step out of tolerance"},
	} {
		dir := borrow(t, "unlearn-adamw-clip")
		rewrite(t, filepath.Join(dir, expectedFile), edit("weights."+row.key, row.change))
		table, err := Check(dir, kernels.F32)
		if (err == nil) != (row.verdict == "ok") {
			t.Errorf("%s: error is %v", row.key, err)
		}
		for _, r := range table.Rows {
			if want := map[bool]string{true: row.verdict, false: "ok"}[r.Name == "weights."+row.key]; r.Verdict != want {
				t.Errorf("%s: %s is %q, want %q", row.key, r.Name, r.Verdict, want)
			}
		}
	}
}

// scaled makes the step that a weight took so many times as long.
func scaled(by float32, start []checkpoint.Tensor) func(*checkpoint.Tensor) {
	return func(x *checkpoint.Tensor) {
		v, _ := x.Float32()
		v0 := v
		for _, s := range start {
			if "weights."+s.Name == x.Name {
				v0, _ = s.Float32()
			}
		}
		out := make([]float32, len(v))
		for i := range v {
			out[i] = v0[i] + by*(v[i]-v0[i])
		}
		*x = checkpoint.FromFloat32(x.Name, x.Shape, out)
	}
}

// TestCheckLeavesRoundingAlone: a convolution's bias before a normalization of
// single channels has no gradient but that of rounding, and may go elsewhere; one
// that was to move, or to stay, may not.
func TestCheckLeavesRoundingAlone(t *testing.T) {
	const rounding, trained, kept = "input_blocks.1.0.in_layers.2.bias", "input_blocks.1.0.in_layers.0.weight", "out.2.bias"
	start, err := checkpoint.Open(filepath.Join("testdata", "palette-unlearn", "checkpoint.pth"))
	if err != nil {
		t.Fatal(err)
	}
	defer start.Close()
	for _, row := range []struct {
		key     string
		change  func(*checkpoint.Tensor)
		verdict string
	}{
		{rounding, scaled(-1, start.Tensors), "ok, a step of rounding"},
		{rounding, scaled(0, start.Tensors), "step out of tolerance"}, // there it was not trained
		{trained, scaled(1.022, start.Tensors), "step out of tolerance"},
		{kept, func(x *checkpoint.Tensor) { x.Data[0] ^= 1 }, "step out of tolerance"},
	} {
		dir := borrow(t, "palette-unlearn")
		rewrite(t, filepath.Join(dir, expectedFile), edit("weights.denoise_fn."+row.key, row.change))
		table, _ := Check(dir, kernels.F32)
		for _, r := range table.Rows {
			if r.Name == "weights.denoise_fn."+row.key && r.Verdict != row.verdict {
				t.Errorf("%s is %q, want %q", r.Name, r.Verdict, row.verdict)
			}
		}
	}
}

func TestCheckWantsEveryTensor(t *testing.T) {
	dir := borrow(t, "forward-plain")
	rewrite(t, filepath.Join(dir, expectedFile), drop("pred"))
	var e *MismatchError
	if _, err := Check(dir, kernels.F32); !errors.As(err, &e) || e.Failed != 1 || !strings.HasPrefix(e.First, "pred") {
		t.Errorf("error is %v, want one about pred", err)
	}
}

// TestUnlearnKeepsWhatIsNotTrained: the decoder and the positions keep their
// bytes, and the first retain loss is exactly 0.
func TestUnlearnKeepsWhatIsNotTrained(t *testing.T) {
	dir := filepath.Join("testdata", "unlearn-adamw-clip")
	got, err := Run(dir, kernels.F32)
	if err != nil {
		t.Fatal(err)
	}
	start, err := checkpoint.Open(filepath.Join(dir, "checkpoint.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer start.Close()
	after := index(got)
	for _, before := range start.Tensors {
		trains := !strings.HasPrefix(before.Name, "decoder_") && before.Name != "mask_token" && before.Name != "pos_embed"
		if changed := !slices.Equal(after["weights."+before.Name].Data, before.Data); changed != trains {
			t.Errorf("%s: changed is %v, want %v", before.Name, changed, trains)
		}
	}
	retain, err := after["loss_retain"].Float32()
	if err != nil || math.Float32bits(retain[0]) != 0 || !(retain[1] > 0) {
		t.Errorf("retain losses are %v, %v, want exactly 0 first and more then", retain, err)
	}
}

func TestRunBitsDoNotDependOnWorkers(t *testing.T) {
	dir := filepath.Join("testdata", "unlearn-no-decay")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	want, err := Run(dir, kernels.F32)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GOMAXPROCS(2)
	got, err := Run(dir, kernels.F32)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		if got[i].Name != w.Name || !slices.Equal(got[i].Data, w.Data) {
			t.Errorf("%s differs between 1 and 2 workers", w.Name)
		}
	}
}

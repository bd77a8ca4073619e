package bench

import (
	"bytes"
	"strings"
	"testing"
)

// Each verdict that a row of products can have.
func TestVerdictsOfProducts(t *testing.T) {
	const all, share = "f32 GEMM, all of these shapes, best", "f32 GEMM, ViT-B and squares"
	ours := func(ns, peak float64) string { return gemm("avx512", "f32", "fwd", 1576, 768, 768, 1, ns, peak) }
	for name, c := range map[string]struct{ text, what, verdict, ratio string }{
		"faster than the best":       {ours(100, 95) + libraries(130, 120, 110), all, Ok, "1.100 (least 1.100)"},
		"slower than the best alone": {ours(115, 95) + libraries(130, 120, 110), all, Below, "0.957 (least 0.957)"},
		"no peer":                    {ours(100, 95), all, NotMeasured + "rows of mkl are missing", ""},
		"one peer missing": {ours(100, 95) + gemm("openblas", "f32", "fwd", 1576, 768, 768, 1, 130, 0), all,
			NotMeasured + "rows of mkl are missing", "1.300 (least 1.300)"},
		"one peer missing, below anyway": {ours(100, 95) + gemm("openblas", "f32", "fwd", 1576, 768, 768, 1, 90, 0), all, Below, "0.900 (least 0.900)"},
		"a shape below, the mean above": {ours(100, 95) + libraries(200, 200, 200) + gemm("avx512", "f32", "wgrad", 768, 768, 800, 1, 100, 95) +
			gemm("mkl", "f32", "wgrad", 768, 768, 800, 1, 96, 0) + gemm("onednn", "f32", "wgrad", 768, 768, 800, 1, 99, 0) +
			gemm("openblas", "f32", "wgrad", 768, 768, 800, 1, 99, 0), all, Below, "1.386 (least 0.960)"},
		"the share is reached":    {ours(100, 90), share, Ok, "0.90"},
		"the share is missed":     {ours(100, 89.9), share, Below, "0.90"},
		"few rows are not judged": {gemm("avx512", "f32", "fwd", 400, 768, 3072, 1, 100, 86), share, NotMeasured + "no rows of ours", ""},
		"few rows of their own":   {gemm("avx512", "f32", "fwd", 400, 768, 3072, 1, 100, 86), "f32 GEMM, 256³", Ok, "0.86"},
		"400 columns are no rows": {gemm("avx512", "f32", "wgrad", 768, 3072, 400, 1, 100, 86), share, Below, "0.86"},
		"800 is no width":         {gemm("avx512", "f32", "wgrad", 800, 768, 768, 1, 100, 86), share, NotMeasured + "no rows of ours", ""},
		"no AMX":                  {ours(100, 95), "bf16x3 GEMM", NotMeasured + "needs AMX, which this machine or build lacks (bf16x3 is avx512 f32)", ""},
		"AVX2 is another row":     {gemm("avx2", "f32", "fwd", 1576, 768, 768, 1, 200, 95), share, NotMeasured + "no rows of ours", ""},
	} {
		l := line(t, read(t, header+c.text), c.what, "1")
		if l.Verdict != c.verdict || l.Ratio != c.ratio {
			t.Errorf("%s: verdict %q, ratio %q; want %q, %q", name, l.Verdict, l.Ratio, c.verdict, c.ratio)
		}
	}
}

// Where products of pairs are there, bf16 has no excuse, and bf16x3 has.
func TestRowsWithPairs(t *testing.T) {
	text := "cpu: Some Processor\npath-bf16: avx512bf16 bf16, some convolutions avx512 f32 of operands rounded to bf16\npath-bf16x3: avx512 f32\n" + gemm("avx512bf16", "bf16", "fwd", 1576, 768, 768, 1, 100, 170) +
		gemm("onednn", "bf16", "fwd", 1576, 768, 768, 1, 110, 0) + gemm("avx512bf16", "f32", "fwd", 1576, 768, 768, 1, 200, 91)
	for what, want := range map[string]string{
		"bf16 GEMM, f32 operands":             Ok,
		"bf16 GEMM, weights packed":           NotMeasured + "no rows of ours",
		"bf16x3 GEMM":                         NotMeasured + "needs AMX, which this machine or build lacks (bf16x3 is avx512 f32)",
		"f32 GEMM, ViT-B and squares":         Ok,
		"peak memory of the ViT-B step, bf16": NotMeasured + "no rows of ours",
	} {
		if l := line(t, read(t, text), what, "1"); l.Verdict != want {
			t.Errorf("%s: %q, want %q", what, l.Verdict, want)
		}
	}
}

// With AMX a row that is missing is missing, and one that is there is judged.
func TestRowsWithAMX(t *testing.T) {
	text := "cpu: Some Processor\npath-bf16: amx bf16\n" + gemm("amx", "bf16x3", "fwd", 1576, 768, 768, 1, 50, 170)
	if l := line(t, read(t, text), "bf16x3 GEMM", "1"); l.Verdict != Ok {
		t.Error("bf16x3:", l.Verdict)
	}
	if l := line(t, read(t, text), "bf16 GEMM, f32 operands", "1"); l.Verdict != NotMeasured+"no rows of ours" {
		t.Error("bf16:", l.Verdict)
	}
}

func TestVerdictsOfSteps(t *testing.T) {
	step := func(who, prec, suffix string, ns, mib float64) string {
		isa := ""
		if who != "" {
			isa = "/isa=" + who
		}
		return fmtRow("BenchmarkUnlearnStep"+isa+"/net=mae_vit_base_patch16/prec="+prec+"/images=8+8"+suffix, ns, mib)
	}
	s := read(t, header+step("", "f32", "-2", 1e9, 2000)+step("torch", "f32", "-2", 1.5e9, 2700)+step("torch-last", "f32", "-2", 1.4e9, 2700)+step("torch-malloc", "f32", "-2", 3e9, 2300)+step("", "f32", "", 1.85e9, 2000))
	for _, c := range []struct{ what, threads, verdict, ratio string }{
		{"ViT-B/16 step, 8 + 8 images, f32 against", "2", Ok, "1.40"},
		{"ViT-B/16 step, 8 + 8 images, f32 against", "1", NotMeasured + "no rows of PyTorch", ""},
		{"peak memory of the ViT-B step, f32", "2", Below, "0.87"}, // of the 2300 that it needs as it comes
		{"ViT-B/16 step, f32, two threads over one", "2 / 1", Below, "1.85"},
		{"mae_tiny step, 64 + 64 images", "2", NotMeasured + "no rows of ours", ""},
	} {
		if l := line(t, s, c.what, c.threads); l.Verdict != c.verdict || l.Ratio != c.ratio {
			t.Errorf("%s, %s threads: verdict %q, ratio %q; want %q, %q", c.what, c.threads, l.Verdict, l.Ratio, c.verdict, c.ratio)
		}
	}
}

func fmtRow(name string, ns, mib float64) string {
	return name + " 3 " + trim(ns) + " ns/op " + trim(mib) + " peak-MiB\n"
}

func TestVerdictsOfOperations(t *testing.T) {
	const name = "LayerNorm/isa=%/prec=f32/op=fwd/r=1576/c=768 10 "
	ours := func(ns, triad string) string {
		return "Benchmark" + strings.Replace(name, "%", "avx512", 1) + ns + " ns/op " + triad + " %triad\n"
	}
	torch := "Benchmark" + strings.Replace(name, "%", "torch", 1) + "100 ns/op\n"
	for text, want := range map[string]string{
		ours("90", "91") + torch: Ok, ours("90", "89") + torch: Below, ours("110", "91") + torch: Below,
		ours("90", "91"): NotMeasured + "no rows of PyTorch", ours("90", "89"): Below, torch: NotMeasured + "no rows of ours",
	} {
		if l := line(t, read(t, header+text), "LayerNorm 1576×768, forward", "1"); l.Verdict != want {
			t.Errorf("%q: %q, want %q", text, l.Verdict, want)
		}
	}
}

func TestVerdictsOfNetworks(t *testing.T) {
	row := func(who string, ns float64) string {
		if who != "" {
			who = "/isa=" + who
		}
		return "BenchmarkFeatures" + who + "/net=CLIP-B-32/prec=f32/px=224/images=8-2 5 " + trim(ns) + " ns/op\n"
	}
	both := row("torch", 4e8) + row("torch-last", 3.5e8) + row("onnxruntime", 3e8)
	for text, want := range map[string][2]string{
		row("", 2.9e8) + both: {Ok, "1.03"},
		row("", 3.1e8) + both: {Below, "0.97"},
		row("", 2.9e8) + row("torch", 4e8) + row("torch-last", 3e8): {NotMeasured + "rows of onnxruntime are missing", "1.03"},
		row("", 3.1e8) + row("torch", 4e8) + row("torch-last", 3e8): {Below, "0.97"},
		row("", 2.9e8): {NotMeasured + "no rows of PyTorch and onnxruntime", ""},
		both:           {NotMeasured + "no rows of ours", ""},
	} {
		if l := line(t, read(t, header+text), "features of CLIP-B-32", "2"); l.Verdict != want[0] || l.Ratio != want[1] {
			t.Errorf("%q: %q, ratio %q; want %q", text, l.Verdict, l.Ratio, want)
		}
	}
}

// A value that is no number compares as false with every floor.
func TestNaNIsBelow(t *testing.T) {
	if got := atLeast(median(nil), 0); got != Below {
		t.Error("at least:", got)
	}
	if got := atMost(median(nil), 1); got != Below {
		t.Error("at most:", got)
	}
}

// What is not a measurement is refused with its place.
func TestReadRefuses(t *testing.T) {
	row := "BenchmarkGemm/isa=avx512/prec=f32/net=vit/op=fwd/m=8/n=8/k=8 1 "
	for name, text := range map[string]string{
		"NaN":                 header + row + "NaN ns/op\n",
		"infinite":            header + row + "1 ns/op +Inf GFLOP/s\n",
		"zero":                header + row + "0 ns/op\n",
		"negative":            header + row + "5 ns/op -1 %peak\n",
		"cut short":           header + row + "\n",
		"another processor":   header + row + "1 ns/op\ncpu: Another\n" + row + "1 ns/op\n",
		"a word for a number": header + row + "fast ns/op\n",
	} {
		if err := new(Set).Read(strings.NewReader(text), "file.txt"); err == nil || !strings.Contains(err.Error(), "file.txt:") {
			t.Errorf("%s: error %v, want one that names the line", name, err)
		}
	}
}

func TestWrite(t *testing.T) {
	s := read(t, header+strings.Repeat(gemm("avx512", "f32", "fwd", 1576, 768, 768, 1, 100, 80)+libraries(130, 120, 110), 3))
	var short, long bytes.Buffer
	if err := s.Write(&short, false); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(&long, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"cpu: Some Processor", "Medians of 3 measurements. Fewer than ten prove nothing", "| 80.0 % (least of 1) | FMA peak | 0.80 | ≥ 90 % of the FMA peak | – | **below** |"} {
		if !strings.Contains(short.String(), want) {
			t.Errorf("no %q in\n%s", want, short.String())
		}
	}
	if strings.Contains(short.String(), "1576×768×768") || !strings.Contains(long.String(), "| · fwd 1576×768×768 | 1 |") {
		t.Error("shapes are for detail alone:\n", long.String())
	}
	few, enough := fewNote(9), fewNote(10)
	if few == "" || enough != "" {
		t.Errorf("nine measurements: %q, ten: %q", few, enough)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.values, got, c.want)
		}
	}
}

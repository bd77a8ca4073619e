package bench

import (
	"strings"
	"testing"
)

// micro is the micro-kernel by itself, from the cache of that level.
func micro(who, prec, level, rate, share string) string {
	return "BenchmarkLimitMicroKernel/isa=" + who + "/prec=" + prec + "/level=" + level + " 10 1000 ns/op " + rate + " GFLOP/s " + share + " %peak\n"
}

// Limits stand beside the rows they are of: of the same precision, instruction set and threads, the
// better of both levels.
func TestLimitsOfProducts(t *testing.T) {
	text := header + gemm("avx512", "f32", "fwd", 1576, 768, 768, 1, 100, 80) + libraries(130, 120, 110) +
		micro("avx512", "f32", "1", "20000000", "88.2") + micro("avx512", "f32", "2", "18000000", "91") +
		micro("avx2", "f32", "2", "90000", "99") + micro("avx512", "bf16x3", "2", "90000", "190")
	for what, want := range map[string]string{
		"f32 GEMM, ViT-B and squares":            "91.0 %: micro-kernel alone",
		"f32 GEMM, all of these shapes, best of": "1.18: micro-kernel alone", // 20e6 over 2*1576*768*768/110
		"f32 GEMM, second operand packed before": "",
		"bf16x3 GEMM, shapes from 512":           "",
		"f32 convolution of the U-Net, forward":  "",
		"f32 GEMM, 256³ and 197 or 400 rows":     "",
	} {
		if l := line(t, read(t, text), what, "1"); l.Limit != want {
			t.Errorf("%s: limit %q, want %q", what, l.Limit, want)
		}
	}
}

// A step's limit is what its operations would take at the micro-kernel's rate, unless it is faster
// than they are counted.
func TestLimitsOfSteps(t *testing.T) {
	const name = "UnlearnStep%/net=mae_tiny/prec=f32/images=64+64-2 5 "
	step := func(rate string) string {
		return "Benchmark" + strings.Replace(name, "%", "", 1) + "100 ns/op " + rate + " GFLOP/s\n" +
			"Benchmark" + strings.Replace(name, "%", "/isa=torch", 1) + "140 ns/op\n"
	}
	kernel := strings.Replace(micro("avx2", "f32", "2", "160", "80"), "level=2", "level=2-2", 1)
	for text, want := range map[string]string{
		step("120") + kernel: "1.87: all at the micro-kernel's rate",
		step("170") + kernel: "",
		step("120"):          "",
	} {
		if l := line(t, read(t, header+text), "mae_tiny step, 64 + 64 images", "2"); l.Limit != want || l.Ratio != "1.40" {
			t.Errorf("%q: limit %q, ratio %q; want %q, 1.40", text, l.Limit, l.Ratio, want)
		}
	}
}

// An operation that is slower in the cache than a triad beyond it is held against that.
func TestLimitsOfOperations(t *testing.T) {
	const name = "Gelu/isa=%/prec=f32/op=grad/n=4841472 10 "
	ours := "Benchmark" + strings.Replace(name, "%", "avx2", 1) + "100 ns/op 60 %triad\n"
	torch := func(ns string) string { return "Benchmark" + strings.Replace(name, "%", "torch", 1) + ns + " ns/op\n" }
	cached := func(share string) string {
		return "BenchmarkLimitArithmetic/isa=avx2/prec=f32/kernel=Gelu/op=grad 10 1 ns/op " + share + " %triad\n" +
			"BenchmarkLimitArithmetic/isa=avx2/prec=f32/kernel=Gelu/op=fwd 10 1 ns/op 300 %triad\n"
	}
	for text, want := range map[string][2]string{
		ours + torch("120"):                 {Below, ""},
		ours + torch("120") + cached("66"):  {Ok, "66 % of the triad from the cache"},
		ours + torch("120") + cached("67"):  {Below, "67 % of the triad from the cache"},
		ours + torch("90") + cached("66"):   {Below, "66 % of the triad from the cache"},
		ours + torch("120") + cached("140"): {Below, "140 % of the triad from the cache"},
	} {
		if l := line(t, read(t, header+text), "GELU 1576×3072, gradient", "1"); l.Verdict != want[0] || l.Limit != want[1] {
			t.Errorf("%q: verdict %q, limit %q; want %q", text, l.Verdict, l.Limit, want)
		}
	}
}

// Two processes at once are what two threads can have, and no rows of their own.
func TestLimitsOfScaling(t *testing.T) {
	alone := gemm("avx512", "f32", "fwd", 1576, 768, 768, 1, 100, 80)
	once := strings.Replace(gemm("avx512", "f32", "fwd", 1576, 768, 768, 1, 110, 40), "/k=768", "/k=768/at=once", 1)
	two := gemm("avx512", "f32", "fwd", 1576, 768, 768, 2, 58, 78)
	s := read(t, header+alone+once+once+two)
	l := line(t, s, "f32 GEMM, all of these shapes, two threads over one", "2 / 1")
	if l.Ratio != "1.72" || l.Limit != "1.82: two processes at once" || l.Verdict != Below {
		t.Errorf("ratio %q, limit %q, verdict %q", l.Ratio, l.Limit, l.Verdict)
	}
	if l := line(t, s, "f32 GEMM, ViT-B and squares", "1"); l.Ours != "80.0 % (least of 1)" {
		t.Errorf("the row beside another process counts: %q", l.Ours)
	}
	narrow := func(s string) string { return strings.ReplaceAll(s, "isa=avx512", "isa=avx2") }
	if l := line(t, read(t, header+narrow(alone+two)), "f32 GEMM, all of these shapes, two threads over one", "2 / 1"); l.Ratio != "1.72" {
		t.Errorf("with AVX2 alone: ratio %q", l.Ratio)
	}
	if l := line(t, read(t, header+alone+two+narrow(alone+alone)+narrow(strings.ReplaceAll(two, " 58 ns", " 90 ns"))), "f32 GEMM, all of these shapes, two threads over one", "2 / 1"); l.Ratio != "1.72" {
		t.Errorf("with AVX2 beside: ratio %q", l.Ratio)
	}
	if l := line(t, read(t, header+alone+two), "f32 GEMM, all of these shapes, two threads over one", "2 / 1"); l.Limit != "" {
		t.Errorf("limit %q without one", l.Limit)
	}
}

package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func trim(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func TestMedians(t *testing.T) {
	s := read(t, "fma-peak: 200 GFLOP/s\nisa: avx512\nUnit GFLOP/s better=higher\n"+header+
		gemm("avx512", "f32", "fwd", 8, 8, 8, 1, 100, 50)+"fma-peak: 220 GFLOP/s\n"+gemm("avx512", "f32", "fwd", 8, 8, 8, 1, 300, 70)+
		"fma-peak: 210 GFLOP/s\nisa: avx2\n"+gemm("avx512", "f32", "fwd", 8, 8, 8, 1, 110, 60)+gemm("mkl", "f32", "fwd", 8, 8, 8, 1, 1, 0))
	var out bytes.Buffer
	if err := s.Medians(&out); err != nil {
		t.Fatal(err)
	}
	const want = `cpu: Some Processor
fma-peak: 210 GFLOP/s
goversion: go1.26
isa: avx512, avx2
path-bf16: avx512 f32 of operands rounded to bf16
path-bf16x3: avx512 f32
Unit GFLOP/s better=higher

BenchmarkGemm/isa=avx512/prec=f32/net=vit/op=fwd/m=8/n=8/k=8	3	1.1e-07 sec/op	9.3091 GFLOP/s	60 %peak
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	var again bytes.Buffer
	if err := read(t, out.String()).Medians(&again); err != nil {
		t.Fatal(err)
	}
	if strings.Replace(want, "\t3\t", "\t1\t", 1) != again.String() {
		t.Errorf("medians of medians are others:\n%s", again.String())
	}
}

// point is a file of the history with one row.
func point(t *testing.T, cpu, date, commit string, ns float64) *Set {
	return read(t, "commit: "+commit+"\ncommit-date: "+date+"\ncpu: "+cpu+"\n"+gemm("avx512", "f32", "fwd", 1576, 3072, 768, 1, ns, 50))
}

// The chart does not depend on the order of its files, but on their dates, and
// has a line for each processor.
func TestChart(t *testing.T) {
	a, b, c := point(t, "One", "2026-01-01T00:00:00Z", "fff", 3e7), point(t, "Two", "2026-01-02T00:00:00Z", "eee", 4e7), point(t, "One", "2026-01-03T00:00:00Z", "aaa", 2e7)
	first, err := Chart([]*Set{a, b, c})
	if err != nil {
		t.Fatal(err)
	}
	for _, order := range [][]*Set{{c, b, a}, {b, a, c}} {
		if again, err := Chart(order); err != nil || again != first {
			t.Errorf("another order of files gives another chart (%v)", err)
		}
	}
	if f, e, a := strings.Index(first, ">fff<"), strings.Index(first, ">eee<"), strings.Index(first, ">aaa<"); f < 0 || f > e || e > a {
		t.Errorf("commits stand at %d, %d, %d: not in the order of their dates", f, e, a)
	}
	for _, want := range []string{`class="line s0"`, `class="line s1"`, ">One</text>", ">Two</text>", "Gemm fwd 1576×3072×768</text>", ">GFLOP/s, f32, avx512, 1 thread</text>", "prefers-color-scheme:dark"} {
		if !strings.Contains(first, want) {
			t.Errorf("no %q in the chart", want)
		}
	}
	if _, err := Chart([]*Set{read(t, header+gemm("avx512", "f32", "fwd", 8, 8, 8, 1, 1, 1))}); err == nil {
		t.Error("a point without a commit was drawn")
	}
}

// The committed chart is what the committed history gives.
func TestCommittedChart(t *testing.T) {
	const folder = "../testdata/bench"
	files, err := filepath.Glob(filepath.Join(folder, "history", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var history []*Set
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := read(t, string(text))
		if name := filepath.Base(file); !strings.HasPrefix(name, strings.SplitN(s.value("commit-date"), "T", 2)[0]+"-"+s.value("commit")) {
			t.Errorf("%s is of commit %s of %s", name, s.value("commit"), s.value("commit-date"))
		}
		history = append(history, s)
	}
	want, err := Chart(history)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(folder, "history.svg"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("history.svg is not what the history gives: run make bench-chart")
	}
}

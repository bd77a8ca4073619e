package bench

import (
	"fmt"
	"strings"
	"testing"
)

const header = "cpu: Some Processor\ngoversion: go1.26\npath-bf16: avx512 f32 of operands rounded to bf16\npath-bf16x3: avx512 f32\n"

// read makes a set of a text.
func read(t *testing.T, text string) *Set {
	t.Helper()
	s := new(Set)
	if err := s.Read(strings.NewReader(text), "text"); err != nil {
		t.Fatal(err)
	}
	return s
}

// gemm is one row of a product; ns are of one run.
func gemm(who, prec, op string, m, n, k, threads int, ns, peak float64) string {
	suffix := ""
	if threads > 1 {
		suffix = fmt.Sprintf("-%d", threads)
	}
	line := fmt.Sprintf("BenchmarkGemm/isa=%s/prec=%s/net=vit/op=%s/m=%d/n=%d/k=%d%s 10 %g ns/op %g GFLOP/s", who, prec, op, m, n, k, suffix, ns,
		2*float64(m)*float64(n)*float64(k)/ns)
	if peak > 0 {
		line += fmt.Sprintf(" %g %%peak", peak)
	}
	return line + "\n"
}

// libraries is a row of each library for one product of 1576 tokens, the last the fastest.
func libraries(slow, middle, fast float64) string {
	return gemm("mkl", "f32", "fwd", 1576, 768, 768, 1, slow, 0) + gemm("onednn", "f32", "fwd", 1576, 768, 768, 1, middle, 0) +
		gemm("openblas", "f32", "fwd", 1576, 768, 768, 1, fast, 0)
}

// line finds the row of the table whose title begins so.
func line(t *testing.T, s *Set, what string, threads string) Line {
	t.Helper()
	for _, l := range s.Table() {
		if strings.HasPrefix(l.What, what) && (threads == "" || l.Threads == threads) {
			return l
		}
	}
	t.Fatalf("no row %q at %s threads", what, threads)
	return Line{}
}

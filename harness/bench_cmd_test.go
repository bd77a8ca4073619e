package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The three commands on one small file, and what they refuse.
func TestBench(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	const text = "cpu: Some\ncommit: abc\ncommit-date: 2026-01-01T00:00:00Z\n" +
		"BenchmarkUnlearnStep/net=mae_tiny/prec=f32/images=64+64 5 200 ns/op 7 GFLOP/s\n" +
		"BenchmarkUnlearnStep/isa=torch/net=mae_tiny/prec=f32/images=64+64 5 320 ns/op\n"
	good := write("good.txt", text)
	bad := write("bad.txt", strings.Replace(text, "200 ns/op", "NaN ns/op", 1))
	svg := filepath.Join(dir, "chart.svg")
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"bench", "table", good}, 0, "| mae_tiny step, 64 + 64 images, f32 against PyTorch f32 | 1 | 0.2 µs | 0.32 µs (torch) | 1.60 | ≥ 1.5 | – | ok |"},
		{[]string{"bench", "medians", good}, 0, "BenchmarkUnlearnStep/net=mae_tiny/prec=f32/images=64+64\t1\t2e-07 sec/op\t7 GFLOP/s"},
		{[]string{"bench", "chart", "--out", svg, good}, 0, ""},
		{[]string{"bench", "table", bad}, 1, "bad.txt:4"},
		{[]string{"bench", "table", filepath.Join(dir, "absent.txt")}, 1, "absent.txt"},
		{[]string{"bench", "table"}, 2, "files"},
	} {
		var out, errs bytes.Buffer
		if got := run(context.Background(), c.args, &out, &errs); got != c.status {
			t.Errorf("%v: status %d, want %d: %s", c.args, got, c.status, errs.String())
		}
		if !strings.Contains(out.String()+errs.String(), c.want) {
			t.Errorf("%v: no %q in\n%s%s", c.args, c.want, out.String(), errs.String())
		}
	}
	if drawn, err := os.ReadFile(svg); err != nil || !bytes.Contains(drawn, []byte("UnlearnStep mae_tiny")) {
		t.Errorf("the chart: %v\n%s", err, drawn)
	}
}

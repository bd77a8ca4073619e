package kernels

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// netShape is a matrix product that one of our networks performs.
type netShape struct {
	net, name, op string
	m, n, k       int
}

// netShapes reads the shape list of a network.
func netShapes(t testing.TB, net string) []netShape {
	f, err := os.Open(filepath.Join("testdata", "shapes", net+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var shapes []netShape
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		s := netShape{net: net}
		if _, err := fmt.Sscan(line, &s.name, &s.op, &s.m, &s.n, &s.k); err != nil {
			t.Fatalf("%s: %q: %v", net, line, err)
		}
		shapes = append(shapes, s)
	}
	if len(shapes) == 0 {
		t.Fatalf("%s has no shapes", net)
	}
	return shapes
}

// operands makes the operands of a shape, lying in memory as the operation has
// them, filled by next.
func (s netShape) operands(t testing.TB, next func() float32) (c, a, b Mat) {
	x, y := Slab(s.m*s.k), Slab(s.k*s.n)
	for i := range x {
		x[i] = next()
	}
	for i := range y {
		y[i] = next()
	}
	c = MatOf(Slab(s.m*s.n), s.m, s.n)
	switch s.op {
	case "fwd":
		return c, MatOf(x, s.m, s.k), MatOf(y, s.n, s.k).T()
	case "dgrad", "nn":
		return c, MatOf(x, s.m, s.k), MatOf(y, s.k, s.n)
	case "wgrad":
		return c, MatOf(x, s.k, s.m).T(), MatOf(y, s.k, s.n)
	}
	t.Fatalf("%s %s: no operation %q", s.net, s.name, s.op)
	return
}

package kernels

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// netConv is a convolution that one of our networks performs.
type netConv struct {
	net string
	s   ConvShape
}

// netConvs reads the list of convolutions.
func netConvs(t testing.TB) (list []netConv) {
	f, err := os.Open(filepath.Join("testdata", "shapes", "conv.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		var c netConv
		s := &c.s
		if _, err := fmt.Sscan(line, &c.net, &s.N, &s.Ci, &s.H, &s.W, &s.Co, &s.KH, &s.StrideH, &s.PadH); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		s.KW, s.StrideW, s.PadW = s.KH, s.StrideH, s.PadH
		list = append(list, c)
	}
	if len(list) == 0 {
		t.Fatal("the list of convolutions is empty")
	}
	return list
}

// BenchmarkConv2D counts 2*N*OutH*OutW*Co*KH*KW*Ci operations in each
// direction, those of taps that meet padding included.
func BenchmarkConv2D(b *testing.B) {
	for _, c := range netConvs(b) {
		s := c.s
		ny, nx, nw := s.sizes()
		flops := 2 * float64(ny) * float64(s.KH*s.KW*s.Ci)
		run := func(op string, body func()) {
			name := fmt.Sprintf("isa=%s/prec=f32/net=%s/op=%s/n=%d/ci=%d/h=%d/w=%d/co=%d/k=%d/s=%d",
				ISA(), c.net, op, s.N, s.Ci, s.H, s.W, s.Co, s.KH, s.StrideH)
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				body()
				peak := measuredPeak()
				for b.Loop() {
					body()
				}
				reportRate(b, flops, peak)
			})
		}
		x, w, y := randomSlice(nx), randomSlice(nw), randomSlice(ny)
		run("fwd", func() { Conv2D(y, x, w, s, ConvOptions{}) })
		dx, dw, dy := randomSlice(nx), randomSlice(nw), randomSlice(ny)
		run("dgrad", func() { Conv2DGradInput(dx, dy, w, s, ConvOptions{}) })
		run("wgrad", func() { Conv2DGradWeight(dw, dy, x, s, ConvOptions{}) })
	}
}

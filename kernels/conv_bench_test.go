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
// direction, those of taps that meet padding included, for every algorithm. The
// rows of Winograd's follow those of the direct one, where it applies.
func BenchmarkConv2D(b *testing.B) {
	for _, c := range netConvs(b) {
		s := c.s
		ny, nx, nw := s.sizes()
		flops := 2 * float64(ny) * float64(s.KH*s.KW*s.Ci)
		x, w, y := randomSlice(nx), randomSlice(nw), randomSlice(ny)
		dx, dw, dy := randomSlice(nx), randomSlice(nw), randomSlice(ny)
		run := func(op string, body func(o ConvOptions)) {
			name := fmt.Sprintf("isa=%s/prec=f32/net=%s/op=%s/n=%d/ci=%d/h=%d/w=%d/co=%d/k=%d/s=%d",
				ISA(), c.net, op, s.N, s.Ci, s.H, s.W, s.Co, s.KH, s.StrideH)
			for _, o := range []ConvOptions{{}, {Algorithm: ConvWinograd}} {
				if o.Algorithm != ConvDirect {
					name += "/alg=" + o.Algorithm.String()
					if !o.winograd(s) {
						continue
					}
				}
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					body(o)
					peak := measuredPeak()
					for b.Loop() {
						body(o)
					}
					reportRate(b, flops, peak)
				})
			}
		}
		run("fwd", func(o ConvOptions) { Conv2D(y, x, w, s, o) })
		run("dgrad", func(o ConvOptions) { Conv2DGradInput(dx, dy, w, s, o) })
		run("wgrad", func(o ConvOptions) { Conv2DGradWeight(dw, dy, x, s, o) })
	}
}

package kernels

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
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
// direction, those of taps that meet padding included, also where Winograd's
// algorithm takes fewer.
func BenchmarkConv2D(b *testing.B) { benchmarkConv(b, ConvWinograd) }

// BenchmarkConv2DDirect is BenchmarkConv2D without Winograd's algorithm.
func BenchmarkConv2DDirect(b *testing.B) { benchmarkConv(b, ConvDirect) }

func benchmarkConv(b *testing.B, algorithm ConvAlgorithm) {
	for _, c := range netConvs(b) {
		s := c.s
		ny, nx, nw := s.sizes()
		flops := 2 * float64(ny) * float64(s.KH*s.KW*s.Ci)
		operands := sync.OnceValue(func() (o [6][]float32) { // made if a row runs
			for i, n := range []int{nx, nw, ny, nx, nw, ny} {
				o[i] = randomSlice(n)
			}
			return o
		})
		run := func(op string, body func(x, w, y, dx, dw, dy []float32, o ConvOptions)) {
			for _, p := range benchPrecisions() {
				name := fmt.Sprintf("isa=%s/prec=%s/net=%s/op=%s/n=%d/ci=%d/h=%d/w=%d/co=%d/k=%d/s=%d",
					ISA(), p, c.net, op, s.N, s.Ci, s.H, s.W, s.Co, s.KH, s.StrideH)
				b.Run(name, func(b *testing.B) {
					v, o := operands(), ConvOptions{Precision: p, Algorithm: algorithm}
					step := func() { body(v[0], v[1], v[2], v[3], v[4], v[5], o) }
					b.ReportAllocs()
					step()
					peak := measuredPeak()
					for b.Loop() {
						step()
					}
					reportRate(b, flops, peak)
				})
			}
		}
		run("fwd", func(x, w, y, _, _, _ []float32, o ConvOptions) { Conv2D(y, x, w, s, o) })
		run("dgrad", func(_, w, _, dx, _, dy []float32, o ConvOptions) { Conv2DGradInput(dx, dy, w, s, o) })
		run("wgrad", func(x, _, _, _, dw, dy []float32, o ConvOptions) { Conv2DGradWeight(dw, dy, x, s, o) })
	}
}

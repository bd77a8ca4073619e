package kernels

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// measuredPeak is the FMA rate of one core now, in GFLOP/s: the best of a few
// loops of about 3 ms. The clock of a processor moves, so each benchmark
// measures it anew.
func measuredPeak() (best float64) {
	for range 5 {
		start := time.Now()
		flops := FMAPeak(1 << 17)
		best = max(best, float64(flops)/time.Since(start).Seconds()*1e-9)
	}
	return best
}

// reportRate reports GFLOP/s and the share of the peak that GOMAXPROCS cores
// had, measured before and after the loop, whichever is higher.
func reportRate(b *testing.B, flopsPerOp, peakBefore float64) {
	rate := flopsPerOp * float64(b.N) / b.Elapsed().Seconds() * 1e-9
	peak := max(peakBefore, measuredPeak()) * float64(runtime.GOMAXPROCS(0))
	b.ReportMetric(rate, "GFLOP/s")
	b.ReportMetric(100*rate/peak, "%peak")
}

// BenchmarkGemm multiplies in the shapes of our networks. A product of M, N and
// K counts 2*M*N*K operations. The peak is that of float32
// multiply-adds, so on tiles bf16 goes beyond it.
func BenchmarkGemm(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, p := range Precisions() {
		for _, net := range []string{"vit", "square", "unet"} {
			for _, s := range netShapes(b, net) {
				b.Run(fmt.Sprintf("isa=%s/prec=%s/net=%s/op=%s/m=%d/n=%d/k=%d", ISA(), p, net, s.op, s.m, s.n, s.k), func(b *testing.B) {
					c, x, y := s.operands(b, func() float32 { return rng.Float32()*2 - 1 })
					Gemm(c, x, y, GemmOptions{Precision: p})
					b.ReportAllocs()
					peak := measuredPeak()
					for b.Loop() {
						Gemm(c, x, y, GemmOptions{Precision: p})
					}
					reportRate(b, 2*float64(s.m)*float64(s.n)*float64(s.k), peak)
				})
			}
		}
	}
}

// BenchmarkGonum is the pure-Go peer of BenchmarkGemm, on three of its shapes.
func BenchmarkGonum(b *testing.B) {
	for _, s := range [][3]int{{800, 2304, 768}, {800, 768, 3072}, {1088, 384, 128}} {
		m, n, k := s[0], s[1], s[2]
		b.Run(fmt.Sprintf("isa=generic/prec=f32/net=vit/op=fwd/m=%d/n=%d/k=%d", m, n, k), func(b *testing.B) {
			x, w, y := gonumView(Slab(m*k), m, k), gonumView(Slab(n*k), n, k), gonumView(Slab(m*n), m, n)
			for i := range x.Data {
				x.Data[i] = float32(i%97) / 97
			}
			for i := range w.Data {
				w.Data[i] = float32(i%89) / 89
			}
			peak := measuredPeak()
			for b.Loop() {
				blas32.Gemm(blas.NoTrans, blas.Trans, 1, x, w, 0, y)
			}
			reportRate(b, 2*float64(m)*float64(n)*float64(k), peak)
		})
	}
}

// BenchmarkFork is the cost of sharing nothing: the dispatch and the join.
func BenchmarkFork(b *testing.B) {
	body := func(int) {}
	b.ReportAllocs()
	for b.Loop() {
		For(runtime.GOMAXPROCS(0), body)
	}
}

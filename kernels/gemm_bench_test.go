package kernels

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// benchPrecisions are the precisions that have instructions of their own here.
// One that float32 products stand in for would only measure those again; the
// header of a run says which path each of them takes.
func benchPrecisions() (out []Precision) {
	for _, p := range Precisions() {
		if p == F32 || p.Path() != F32.Path() {
			out = append(out, p)
		}
	}
	return out
}

// BenchmarkGemm multiplies in the shapes of our networks, and squares. A product
// of M, N and K counts 2*M*N*K operations.
func BenchmarkGemm(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, net := range []string{"vit", "unet", "square"} {
		for _, s := range netShapes(b, net) {
			for _, p := range benchPrecisions() {
				b.Run(fmt.Sprintf("isa=%s/prec=%s/net=%s/op=%s/m=%d/n=%d/k=%d", ISA(), p, net, s.op, s.m, s.n, s.k), func(b *testing.B) {
					c, x, y := s.operands(b, func() float32 { return rng.Float32()*2 - 1 })
					o := GemmOptions{Precision: p}
					Gemm(c, x, y, o)
					b.ReportAllocs()
					peak := measuredPeak()
					for b.Loop() {
						Gemm(c, x, y, o)
					}
					reportRate(b, 2*float64(s.m)*float64(s.n)*float64(s.k), peak)
				})
			}
		}
	}
}

// BenchmarkGemmPacked is BenchmarkGemm with a second operand that was packed before,
// as the weights of a model that does not learn, on the shapes of ViT and squares.
func BenchmarkGemmPacked(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, net := range []string{"vit", "square"} {
		for _, s := range netShapes(b, net) {
			for _, p := range benchPrecisions() {
				b.Run(fmt.Sprintf("isa=%s/prec=%s/net=%s/op=%s/m=%d/n=%d/k=%d", ISA(), p, net, s.op, s.m, s.n, s.k), func(b *testing.B) {
					c, x, y := s.operands(b, func() float32 { return rng.Float32()*2 - 1 })
					o := GemmOptions{Precision: p, Packed: PackB(y, p)}
					Gemm(c, x, y, o)
					b.ReportAllocs()
					peak := measuredPeak()
					for b.Loop() {
						Gemm(c, x, y, o)
					}
					reportRate(b, 2*float64(s.m)*float64(s.n)*float64(s.k), peak)
				})
			}
		}
	}
}

// BenchmarkGemmInTurn is BenchmarkGemm on twelve sets of operands in turn, which the
// second-level cache does not hold: so a training step of mae_tiny with 64 + 64
// images has them, where every layer has its own.
func BenchmarkGemmInTurn(b *testing.B) {
	const sets = 12
	rng := rand.New(rand.NewPCG(1, 2))
	for _, s := range []netShape{
		{op: "fwd", m: 2176, n: 384, k: 128}, {op: "fwd", m: 2176, n: 128, k: 512},
		{op: "wgrad", m: 384, n: 128, k: 2176}, {op: "wgrad", m: 512, n: 128, k: 2176}, {op: "wgrad", m: 128, n: 512, k: 2176},
	} {
		for _, p := range benchPrecisions() {
			b.Run(fmt.Sprintf("isa=%s/prec=%s/net=vit/op=%s/m=%d/n=%d/k=%d", ISA(), p, s.op, s.m, s.n, s.k), func(b *testing.B) {
				var c, x, y [sets]Mat
				for i := range sets {
					c[i], x[i], y[i] = s.operands(b, func() float32 { return rng.Float32()*2 - 1 })
				}
				o := GemmOptions{Precision: p}
				Gemm(c[0], x[0], y[0], o)
				b.ReportAllocs()
				peak := measuredPeak()
				for i := 0; b.Loop(); i++ {
					Gemm(c[i%sets], x[i%sets], y[i%sets], o)
				}
				reportRate(b, 2*float64(s.m)*float64(s.n)*float64(s.k), peak)
			})
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

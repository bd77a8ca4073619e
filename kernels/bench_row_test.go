package kernels

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// randomSlice is n numbers in [-1, 1) for a benchmark.
func randomSlice(n int) []float32 {
	rng := rand.New(rand.NewPCG(1, 2))
	x := Slab(n)
	for i := range x {
		x[i] = rng.Float32()*2 - 1
	}
	return x
}

// vectorSizes are a vector in the first-level cache, one in the second, and one
// as large as an activation of ViT-B (16 images of 50 tokens, 3072 channels).
var vectorSizes = []int{2048, 65536, 16 * 50 * 3072}

func BenchmarkVector(b *testing.B) {
	for _, n := range vectorSizes {
		x, y, z := randomSlice(n), randomSlice(n), randomSlice(n)
		for _, op := range []struct {
			name  string
			bytes int // per element
			run   func()
		}{
			{"Add", 12, func() { Add(z, x, y) }},
			{"Mul", 12, func() { Mul(z, x, y) }},
			{"Scale", 8, func() { Scale(z, 0.5, x) }},
			{"Axpy", 12, func() { Axpy(z, 1e-9, x) }},
			{"Fill", 4, func() { Fill(z, 1) }},
			{"Sum", 4, func() { Sum(x) }},
			{"Dot", 8, func() { Dot(x, y) }},
			{"SumSquares", 4, func() { SumSquares(x) }},
			{"SquaredDistance", 8, func() { SquaredDistance(x, y) }},
			{"AllFinite", 4, func() { AllFinite(x) }},
		} {
			b.Run(fmt.Sprintf("isa=%s/prec=f32/op=%s/n=%d", ISA(), op.name, n), func(b *testing.B) {
				perElement(b, n, n*op.bytes, op.run)
			})
		}
	}
}

// BenchmarkGelu is at the sizes of vectors, and at the activations of 8 images of
// 197 tokens in ViT-B.
func BenchmarkGelu(b *testing.B) {
	for _, n := range slices.Concat(vectorSizes, []int{1576 * 3072}) {
		x, y, z := randomSlice(n), randomSlice(n), randomSlice(n)
		b.Run(fmt.Sprintf("isa=%s/prec=f32/op=fwd/n=%d", ISA(), n), func(b *testing.B) {
			perElement(b, n, 8*n, func() { Gelu(z, x) })
		})
		b.Run(fmt.Sprintf("isa=%s/prec=f32/op=grad/n=%d", ISA(), n), func(b *testing.B) {
			perElement(b, n, 12*n, func() { GeluGrad(z, y, x) })
		})
	}
}

// adamLarge is as many weights as the encoder of ViT-B has.
const adamLarge = 86_000_000

// adamVectors are weights, two averages and gradients; those of adamLarge
// weights, 1.4 GB, are made once a process and only if that row runs.
var adamVectors = sync.OnceValue(func() [4][]float32 { return newAdamVectors(adamLarge) })

func newAdamVectors(n int) [4][]float32 {
	w, m, v, g := randomSlice(n), randomSlice(n), randomSlice(n), randomSlice(n)
	Mul(v, v, v)
	return [4][]float32{w, m, v, g}
}

// benchAdam is a step of AdamW as in unlearning.
var benchAdam = AdamParams{LR: 1e-5, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.05, BiasCorrection1: 0.1, BiasCorrection2: 0.05, GradScale: 1, Decoupled: true}

// BenchmarkAdam counts what has to move: four vectors in, three out. -short
// leaves the weights of ViT-B out.
func BenchmarkAdam(b *testing.B) {
	for _, n := range slices.Concat(vectorSizes, []int{adamLarge}) {
		b.Run(fmt.Sprintf("isa=%s/prec=f32/n=%d", ISA(), n), func(b *testing.B) {
			var s [4][]float32
			switch {
			case n < adamLarge:
				s = newAdamVectors(n)
			case testing.Short():
				b.Skip("a gigabyte of weights, and -short was given")
			default:
				s = adamVectors()
			}
			perElement(b, n, n*28, func() { Adam(s[0], s[1], s[2], s[3], benchAdam) })
		})
	}
}

// benchRows are rows and columns of activations: mae_tiny encoder and decoder,
// ViT-B with three quarters masked and with all tokens, and one in the
// first-level cache.
var benchRows = [][2]int{{4, 768}, {64 * 17, 128}, {64 * 65, 64}, {16 * 50, 768}, {8 * 197, 768}, {16 * 197, 512}}

func BenchmarkLayerNorm(b *testing.B) {
	for _, s := range benchRows {
		n := s[0] * s[1]
		x, y, dy := MatOf(randomSlice(n), s[0], s[1]), MatOf(randomSlice(n), s[0], s[1]), MatOf(randomSlice(n), s[0], s[1])
		gamma, beta := randomSlice(s[1]), randomSlice(s[1])
		keep := NormStats{Mean: randomSlice(s[0]), RStd: randomSlice(s[0])}
		grads := LayerNormGrads{DX: y, DGamma: randomSlice(s[1]), DBeta: randomSlice(s[1])}
		b.Run(fmt.Sprintf("isa=%s/prec=f32/op=fwd/r=%d/c=%d", ISA(), s[0], s[1]), func(b *testing.B) {
			perElement(b, n, 8*n, func() { LayerNorm(y, x, gamma, beta, 1e-6, keep) })
		})
		b.Run(fmt.Sprintf("isa=%s/prec=f32/op=grad/r=%d/c=%d", ISA(), s[0], s[1]), func(b *testing.B) {
			perElement(b, n, 12*n, func() { LayerNormGrad(grads, dy, x, gamma, keep) })
		})
		b.Run(fmt.Sprintf("isa=%s/prec=f32/op=columnsum/r=%d/c=%d", ISA(), s[0], s[1]), func(b *testing.B) {
			perElement(b, n, 4*n, func() { ColumnSum(gamma, x, ColumnSumOptions{}) })
		})
	}
}

// BenchmarkSoftmax is at rows of attention; the last are the scores of 8 images
// and 12 heads of ViT-B with all tokens.
func BenchmarkSoftmax(b *testing.B) {
	for _, s := range [][2]int{{40, 50}, {400, 197}, {4000, 197}, {8 * 12 * 197, 197}} {
		n := s[0] * s[1]
		x, y, dy := MatOf(randomSlice(n), s[0], s[1]), MatOf(randomSlice(n), s[0], s[1]), MatOf(randomSlice(n), s[0], s[1])
		b.Run(fmt.Sprintf("isa=%s/prec=f32/op=fwd/r=%d/c=%d", ISA(), s[0], s[1]), func(b *testing.B) {
			perElement(b, n, 8*n, func() { Softmax(y, x) })
		})
		b.Run(fmt.Sprintf("isa=%s/prec=f32/op=grad/r=%d/c=%d", ISA(), s[0], s[1]), func(b *testing.B) {
			perElement(b, n, 12*n, func() { SoftmaxGrad(dy, y, x) })
		})
	}
}

// benchAttention are the attentions of the models: batch, tokens, heads, width
// of a head.
var benchAttention = []attentionCase{
	{64, 17, 17, 4, 32, true},    // mae_tiny encoder, three quarters masked
	{64, 65, 65, 4, 16, true},    // mae_tiny decoder
	{16, 50, 50, 12, 64, true},   // ViT-B encoder, three quarters masked
	{16, 197, 197, 16, 32, true}, // ViT-B decoder
	{4, 197, 197, 12, 64, true},  // ViT-B encoder, all tokens
	{1, 1024, 1024, 2, 64, true},
}

// BenchmarkAttention counts 4*B*H*Tq*Tk*Dim floating-point operations forward
// and 10*B*H*Tq*Tk*Dim in the gradient: two and five matrix products.
func BenchmarkAttention(b *testing.B) {
	for _, n := range benchAttention {
		width := n.heads * n.dim
		buffer := func(tokens, parts int) Heads {
			return Heads{
				Data: randomSlice(n.batch * tokens * parts * width), Batch: n.batch, Tokens: tokens, Heads: n.heads, Dim: n.dim,
				BatchStride: tokens * parts * width, TokenStride: parts * width, HeadStride: n.dim,
			}
		}
		parts := func(h Heads) (q, k, v Heads) {
			q, k, v = h, h, h
			k.Data, v.Data = h.Data[width:], h.Data[2*width:]
			return q, k, v
		}
		a := AttentionArgs{Scale: 0.125, LSE: make([]float32, n.batch*n.heads*n.tq)}
		a.Q, a.K, a.V = parts(buffer(n.tq, 3))
		out, dout := buffer(n.tq, 1), buffer(n.tq, 1)
		var d AttentionGrads
		d.DQ, d.DK, d.DV = parts(buffer(n.tq, 3))
		products := float64(2 * n.batch * n.heads * n.tq * n.tk * n.dim)
		name := fmt.Sprintf("b=%d/h=%d/t=%d/d=%d", n.batch, n.heads, n.tq, n.dim)
		run := func(op string, flops float64, body func()) {
			b.Run(fmt.Sprintf("isa=%s/prec=f32/op=%s/%s", ISA(), op, name), func(b *testing.B) {
				b.ReportAllocs()
				body()
				peak := measuredPeak()
				for b.Loop() {
					body()
				}
				reportRate(b, flops, peak)
			})
		}
		run("fwd", 2*products, func() { Attention(out, a) })
		run("grad", 5*products, func() { AttentionGrad(d, dout, out, a) })
	}
}

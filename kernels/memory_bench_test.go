package kernels

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// triadRate is what memory gives GOMAXPROCS workers now, in GB/s: y += a*x on 256
// MiB each, three passes over memory, the best of a few runs.
func triadRate() (best float64) {
	const n = 1 << 26
	x, y := triadOperands.of(n)
	for range 4 {
		start := time.Now()
		Axpy(y, 1e-9, x)
		best = max(best, 12*float64(n)/time.Since(start).Seconds()*1e-9)
	}
	return best
}

// operands are two vectors that are made once: pages that nobody had before
// cost more than the pass itself.
type triadPair struct{ x, y []float32 }

var triadOperands triadPair

func (o *triadPair) of(n int) (x, y []float32) {
	if o.x == nil {
		o.x, o.y = randomSlice(n), randomSlice(n)
	}
	return o.x, o.y
}

// BenchmarkMemoryBound is what a step does beside its products, in the sizes of
// ViT-B with 8 images of 197 tokens, and AdamW on its 86 million weights. %triad
// counts each operand and result once, 4 bytes an element, and is against the triad
// of the same process.
func BenchmarkMemoryBound(b *testing.B) {
	const rows, width, hidden, weights = 1576, 768, 3072, 86_000_000
	run := func(op string, n, bytes int, body func()) {
		b.Run(fmt.Sprintf("isa=%s/prec=f32/op=%s/n=%d", ISA(), op, n), func(b *testing.B) {
			if n == weights && testing.Short() {
				b.Skip("1.4 GB, and -short was given")
			}
			body()
			triad := triadRate()
			perElement(b, n, n*bytes, body)
			rate := float64(n*bytes) * float64(b.N) / b.Elapsed().Seconds() * 1e-9
			b.ReportMetric(100*rate/triad, "%triad")
		})
	}
	x, y, d := MatOf(randomSlice(rows*width), rows, width), MatOf(randomSlice(rows*width), rows, width), MatOf(randomSlice(rows*width), rows, width)
	gamma, beta, keep := randomSlice(width), randomSlice(width), NormStats{Mean: randomSlice(rows), RStd: randomSlice(rows)}
	run("layernorm", rows*width, 8, func() { LayerNorm(y, x, gamma, beta, 1e-6, keep) })
	grads := LayerNormGrads{DX: y, DGamma: randomSlice(width), DBeta: randomSlice(width)}
	run("layernorm.grad", rows*width, 12, func() { LayerNormGrad(grads, d, x, gamma, keep) })
	h, z, dz := randomSlice(rows*hidden), randomSlice(rows*hidden), randomSlice(rows*hidden)
	run("gelu", rows*hidden, 8, func() { Gelu(z, h) })
	run("gelu.grad", rows*hidden, 12, func() { GeluGrad(z, dz, h) })
	s, p := MatOf(randomSlice(8*12*197*197), 8*12*197, 197), MatOf(randomSlice(8*12*197*197), 8*12*197, 197)
	run("softmax", 8*12*197*197, 8, func() { Softmax(p, s) })
	if !testing.Short() {
		w, m, v, g := randomSlice(weights), randomSlice(weights), randomSlice(weights), randomSlice(weights)
		Mul(v, v, v)
		adam := AdamParams{LR: 1e-5, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.05, BiasCorrection1: 0.1, BiasCorrection2: 0.05, GradScale: 1, Decoupled: true}
		run("adamw", weights, 28, func() { Adam(w, m, v, g, adam) })
	}
	runtime.KeepAlive(triadOperands)
}

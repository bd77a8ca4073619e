package kernels

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/cpuid/v2"
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

// triadVectors are three vectors of 64 MiB, far more than the second-level
// caches hold, made once a process.
var triadVectors = sync.OnceValue(func() [3][]float32 {
	var v [3][]float32
	for i := range v {
		v[i] = Slab(64 << 20 / 4)
		Fill(v[i], 1) // a page that was never written to is not memory
	}
	return v
})

// measuredTriad is the rate, in GB/s, at which GOMAXPROCS cores move three vectors
// through memory now: z = x + y, the traffic of STREAM's triad, and counted as
// there: 12 bytes an element, though the processor may read a line of z before
// it writes it. The best of three.
func measuredTriad() (best float64) {
	v := triadVectors()
	for range 3 {
		start := time.Now()
		Add(v[0], v[1], v[2])
		best = max(best, 12*float64(len(v[0]))/time.Since(start).Seconds()*1e-9)
	}
	return best
}

// beyondCache says whether that many bytes do not fit in the second-level
// caches of the cores in use, so that the rate of memory, or of a third level, is a bound.
func beyondCache(bytes int) bool {
	return bytes > 2*max(cpuid.CPU.Cache.L2, 1<<20)*runtime.GOMAXPROCS(0)
}

// perElement runs body and reports nanoseconds per element, GB/s of moved data
// and, where the data comes from beyond the caches, the share of the triad's
// rate, measured before and after, whichever is higher.
func perElement(b *testing.B, elements, bytes int, body func()) {
	b.ReportAllocs()
	body()
	triad := 0.0
	if beyondCache(bytes) {
		triad = measuredTriad()
	}
	for b.Loop() {
		body()
	}
	reportBytes(b, elements, bytes, triad)
}

// reportBytes reports nanoseconds per element, GB/s and, unless that is 0, the share of the triad's
// rate, which was measured before the loop and is once more.
func reportBytes(b *testing.B, elements, bytes int, triadBefore float64) {
	seconds := b.Elapsed().Seconds() / float64(b.N)
	rate := float64(bytes) / seconds * 1e-9
	b.ReportMetric(seconds*1e9/float64(elements), "ns/elem")
	b.ReportMetric(rate, "GB/s")
	if triadBefore > 0 {
		b.ReportMetric(100*rate/max(triadBefore, measuredTriad()), "%triad")
	}
}

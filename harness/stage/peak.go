package stage

import (
	"fmt"
	"time"

	"lethe/kernels"
)

// Peak is what the processor can do in float32, or in pairs of bf16, measured.
type Peak struct {
	GFLOPPerSecond float64 `json:"gflops"` // all threads together; 0 means unknown
	Threads        int     `json:"threads"`
	ISA            string  `json:"isa"`
	Of             string  `json:"of,omitempty"` // "bf16 in pairs"; "": float32
}

const (
	peakChunk  = 8 * time.Millisecond // work of one thread in one trial
	peakTrials = 5                    // the best counts: others only ever slow it down
	peakLimit  = 1 << 34              // iterations: beyond, the loop is not one
)

// MeasurePeak runs the multiply-add loop of the ISA in use on so many workers of
// the kernels' pool at once, for about a tenth of a second, and keeps the best of
// a few trials. The rate is 0, and percentages of it are left out, where the
// loop cannot count what it did.
//
// Units: GFLOP/s of float32, a multiply-add counted as two.
// Panics: threads below 1. Workers beyond GOMAXPROCS take turns, which measures
// no more than GOMAXPROCS of them can do.
func MeasurePeak(threads int) Peak {
	if threads < 1 {
		panic(fmt.Sprintf("stage: MeasurePeak: threads is %d, want at least 1", threads))
	}
	return Peak{
		GFLOPPerSecond: measurePeak(threads, kernels.FMAPeak, kernels.For, time.Now),
		Threads:        threads,
		ISA:            kernels.ISA(),
	}
}

// MeasurePairPeak is MeasurePeak for the units that multiply pairs of bf16, which
// products in bf16 have for a roof where there are such.
func MeasurePairPeak(threads int) Peak {
	if threads < 1 {
		panic(fmt.Sprintf("stage: MeasurePairPeak: threads is %d, want at least 1", threads))
	}
	return Peak{
		GFLOPPerSecond: measurePeak(threads, kernels.PairPeak, kernels.For, time.Now),
		Threads:        threads,
		ISA:            kernels.ISA(),
		Of:             "bf16 in pairs",
	}
}

// measurePeak finds how many iterations of loop fill peakChunk on the calling
// thread, then lets every thread do so many at once, and keeps the best trial.
// loop returns the operations that it did; 0 means it cannot say, and the peak
// is unknown.
func measurePeak(threads int, loop func(iterations int) int64, each func(int, func(int)), now func() time.Time) float64 {
	iterations := 1 << 10
	for {
		began := now()
		if loop(iterations) <= 0 {
			return 0
		}
		if now().Sub(began) >= peakChunk {
			break
		}
		if iterations *= 2; iterations > peakLimit {
			return 0
		}
	}
	best := 0.0
	done := make([]int64, threads)
	for range peakTrials {
		began := now()
		each(threads, func(i int) { done[i] = loop(iterations) })
		seconds := now().Sub(began).Seconds()
		var flops int64
		for _, d := range done {
			flops += d
		}
		best = max(best, ratio(float64(flops)/1e9, seconds))
	}
	return best
}

package stage

import (
	"time"

	"lethe/kernels"
)

const (
	triadElements = 1 << 25 // 128 MiB an array: three do not fit into a cache
	triadTrials   = 6       // the best counts; the first also brings the pages in
)

// MeasureTriad returns how fast the memory is read and written by all workers
// together: z = a*(x-y) over arrays that no cache holds, which are read and
// written once each. It takes 384 MiB and some tenths of a second.
//
// Units: 1e9 bytes a second, 12 bytes an element as STREAM counts its triad: what
// the processor reads to write a line is not counted.
// Source: McCalpin, STREAM, https://www.cs.virginia.edu/stream.
func MeasureTriad() float64 {
	z, x, y := make([]float32, triadElements), make([]float32, triadElements), make([]float32, triadElements)
	kernels.Fill(x, 3)
	kernels.Fill(y, 1)
	return measureTriad(len(z), func() { kernels.ScaledDiff(z, 0.5, x, y) }, time.Now)
}

// measureTriad times pass, which goes over three arrays of n elements.
func measureTriad(n int, pass func(), now func() time.Time) float64 {
	best := 0.0
	for range triadTrials {
		began := now()
		pass()
		best = max(best, ratio(12*float64(n)/1e9, now().Sub(began).Seconds()))
	}
	return best
}

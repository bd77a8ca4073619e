package stage

import (
	"fmt"
	"time"

	"lethe/kernels"
)

// Bandwidth is how fast all workers together read and write memory, in 1e9 bytes
// a second of what a program asks for; 0 means unknown.
type Bandwidth struct {
	// InPlace is that of z += a*x, which reads every line before it writes it.
	InPlace float64 `json:"in_place"`
	// Triad is that of z = a*(x-y), as STREAM counts it: 12 bytes an element. The
	// processor also reads each line of z before it writes it, which nobody
	// counts, so that it is the lower of the two.
	Triad float64 `json:"triad"`
}

// String says both in words.
func (b Bandwidth) String() string {
	if b.InPlace <= 0 {
		return "not measured"
	}
	return fmt.Sprintf("%.1f GB/s in place, %.1f as STREAM's triad", b.InPlace, b.Triad)
}

const (
	triadElements = 1 << 25 // 128 MiB an array: three do not fit into a cache
	triadTrials   = 6       // the best counts; the first also brings the pages in
)

// MeasureBandwidth goes over arrays that no cache holds. It takes 384 MiB and some
// tenths of a second.
//
// Source: McCalpin, STREAM, https://www.cs.virginia.edu/stream.
func MeasureBandwidth() Bandwidth {
	z, x, y := make([]float32, triadElements), make([]float32, triadElements), make([]float32, triadElements)
	kernels.Fill(x, 3)
	kernels.Fill(y, 1)
	return Bandwidth{
		Triad:   measureTriad(len(z), func() { kernels.ScaledDiff(z, 0.5, x, y) }, time.Now),
		InPlace: measureTriad(len(z), func() { kernels.Axpy(z, 0.5, x) }, time.Now),
	}
}

// measureTriad times pass, which moves three elements for each of n.
func measureTriad(n int, pass func(), now func() time.Time) float64 {
	best := 0.0
	for range triadTrials {
		began := now()
		pass()
		best = max(best, ratio(12*float64(n)/1e9, now().Sub(began).Seconds()))
	}
	return best
}

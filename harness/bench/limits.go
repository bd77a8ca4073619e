package bench

import (
	"fmt"
	"math"
	"strings"
)

// The limits beside the floors come from benchmarks of the same run that do nothing but
// the arithmetic (BenchmarkLimit... of package kernels), and from two processes of one thread at once.
// They say how far the machine would have gone at that hour, not what would do.

// atOnce marks the rows of a process that ran beside another one, each on a core of its own.
const atOnce = "/at=once"

// microKernel is the best median, in a unit, of the micro-kernel of a precision by itself; 0
// without.
func (t judge) microKernel(prec string, threads int, whos []string, unit string) (best float64) {
	for _, r := range t.of("LimitMicroKernel", prec, threads, whos, func(*row) bool { return true }) {
		if v := r.median(unit); v > best { // a NaN is not
			best = v
		}
	}
	return best
}

// limitOfShare is the share of the FMA peak that the micro-kernel alone has.
func (t judge) limitOfShare(prec string, threads int, whos []string) string {
	if share := t.microKernel(prec, threads, whos, "%peak"); share > 0 {
		return fmt.Sprintf("%.1f %%: micro-kernel alone", share)
	}
	return ""
}

// limitOfRate is the ratio of the micro-kernel's rate to a peer's.
func (t judge) limitOfRate(prec string, threads int, peer float64) string {
	if rate := t.microKernel(prec, threads, instructionSets, "GFLOP/s"); rate > 0 {
		return fmt.Sprintf("%.2f: micro-kernel alone", rate/peer)
	}
	return ""
}

// limitOfStep is the ratio of a step to a peer's if all its operations ran at the micro-kernel's
// rate and nothing else took any time. A step that computes convolutions by fewer products than are
// counted has none.
func (t judge) limitOfStep(ours, peer *row, threads int) string {
	rate, micro := ours.median("GFLOP/s"), t.microKernel(ours.label["prec"], threads, nil, "GFLOP/s")
	if math.IsNaN(rate) || rate >= micro {
		return ""
	}
	return fmt.Sprintf("%.2f: all at the micro-kernel's rate", peer.median("sec/op")/(ours.median("sec/op")*rate/micro))
}

// inCache is the share of the triad's rate, in percent, at which an operation runs on operands in
// the second-level cache; 0 if that was not measured.
func (t judge) inCache(what string, threads int) float64 {
	kernel, rest, _ := strings.Cut(what, "/")
	key := "LimitArithmetic/prec=f32/kernel=" + kernel
	for part := range strings.SplitSeq(rest, "/") {
		if strings.HasPrefix(part, "op=") {
			key += "/" + part
		}
	}
	r := t.ours(key, threads, instructionSets...)
	if r == nil || len(r.samples["%triad"]) == 0 {
		return 0
	}
	return r.median("%triad")
}

package bench

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// judge holds measurements against demands.
type judge struct{ *Set }

// number is a part of a name as a number, 0 without.
func (r *row) number(key string) int {
	n, _ := strconv.Atoi(r.label[key])
	return n
}

// title is what a row of a detail is called.
func (r *row) title() string {
	if r.number("m") > 0 {
		return fmt.Sprintf("%s %d×%d×%d", r.label["op"], r.number("m"), r.number("n"), r.number("k"))
	}
	if r.number("ci") > 0 {
		return fmt.Sprintf("%s %s×%s, n%s, %s→%s, %s×%s", r.label["op"], r.label["k"], r.label["k"], r.label["n"], r.label["ci"], r.label["co"], r.label["h"], r.label["w"])
	}
	return r.what
}

// of lists our rows of a benchmark in a precision that is accepts; whos are
// instruction sets, the first that was measured counts, none for any. What ran beside another process
// is a limit, not a row.
func (t judge) of(bench, prec string, threads int, whos []string, is func(*row) bool) (out []*row) {
	for _, r := range t.order {
		if r.bench == bench && r.label["prec"] == prec && r.threads == threads && !isPeer(r.who) && r.label["at"] == "" && is(r) && t.ours(r.what, threads, whos...) == r {
			out = append(out, r)
		}
	}
	return out
}

// share demands a share of the FMA peak of every product.
func (t judge) share(what string, threads int, prec string, whos []string, floor float64, is func(*row) bool) Line {
	return t.shareOf(what, threads, "Gemm", prec, whos, floor, is)
}

func (t judge) shareOf(what string, threads int, bench, prec string, whos []string, floor float64, is func(*row) bool) Line {
	l := Line{What: what, Threads: fmt.Sprint(threads), Floor: fmt.Sprintf("≥ %g %% of the FMA peak", floor), Verdict: Ok}
	rows := t.of(bench, prec, threads, whos, is)
	if len(rows) == 0 {
		l.Verdict = NotMeasured + "no rows of ours"
		return l
	}
	var shares []float64
	for _, r := range rows {
		v := r.median("%peak")
		shares = append(shares, v)
		verdict := atLeast(v, floor)
		l.Verdict = worse(l.Verdict, verdict)
		l.Details = append(l.Details, Line{What: r.title(), Threads: l.Threads, Ours: fmt.Sprintf("%.1f GFLOP/s", r.median("GFLOP/s")),
			Ratio: fmt.Sprintf("%.1f %%", v), Floor: l.Floor, Verdict: verdict})
	}
	l.Ours = fmt.Sprintf("%.1f %% (least of %d)", slices.Min(shares), len(shares))
	l.Peer, l.Ratio = "FMA peak", fmt.Sprintf("%.2f", slices.Min(shares)/100)
	l.Limit = t.limitOfShare(prec, threads, whos)
	return l
}

// against demands a ratio to the best of some peers in the geometric mean, and a
// lower one (none if 0) of every shape. theirs is the benchmark's name on the peers' side.
func (t judge) against(what string, threads int, bench, theirs, prec string, peers []string, mean, least float64, is func(*row) bool) Line {
	l := Line{What: what, Threads: fmt.Sprint(threads), Floor: fmt.Sprintf("≥ %g in the mean", mean), Verdict: Ok}
	if least > 0 {
		l.Floor += fmt.Sprintf(", ≥ %g each", least)
	}
	rows := t.of(bench, prec, threads, instructionSets, is)
	if len(rows) == 0 {
		l.Verdict = NotMeasured + "no rows of ours"
		return l
	}
	var ratios, rates, best []float64
	absent := map[string]bool{}
	for _, r := range rows {
		key := theirs + strings.TrimPrefix(r.what, r.bench)
		for _, p := range peers {
			absent[p] = absent[p] || t.rows[id{key, p, threads}] == nil
		}
		d := Line{What: r.title(), Threads: l.Threads, Ours: fmt.Sprintf("%.1f GFLOP/s", r.median("GFLOP/s")), Verdict: NotMeasured + "no peer"}
		if p := t.fastest(key, threads, "sec/op", peers...); p != nil {
			ratio := p.median("sec/op") / r.median("sec/op")
			ratios, rates, best = append(ratios, ratio), append(rates, r.median("GFLOP/s")), append(best, p.median("GFLOP/s"))
			d.Peer, d.Ratio = fmt.Sprintf("%.1f (%s)", p.median("GFLOP/s"), p.who), fmt.Sprintf("%.3f", ratio)
			d.Verdict = Ok
			if least > 0 {
				d.Floor, d.Verdict = fmt.Sprintf("≥ %g", least), atLeast(ratio, least)
				l.Verdict = worse(l.Verdict, d.Verdict)
			}
		}
		l.Details = append(l.Details, d)
	}
	if len(ratios) > 0 {
		l.Verdict = worse(l.Verdict, atLeast(geomean(ratios), mean))
		l.Ours, l.Peer = fmt.Sprintf("%.0f GFLOP/s (mean of %d)", geomean(rates), len(rates)), fmt.Sprintf("%.0f", geomean(best))
		l.Ratio = fmt.Sprintf("%.3f (least %.3f)", geomean(ratios), slices.Min(ratios))
		if theirs == "Gemm" {
			l.Limit = t.limitOfRate(prec, threads, geomean(best))
		}
	}
	for _, p := range peers {
		if absent[p] {
			l.Verdict = worse(l.Verdict, NotMeasured+"rows of "+p+" are missing")
		}
	}
	return l
}

// step demands a ratio of times.
func (t judge) step(title, what, theirs string, threads int, floor float64) Line {
	l := Line{What: title, Threads: fmt.Sprint(threads), Floor: fmt.Sprintf("≥ %g", floor)}
	ours, peer := t.ours(what, threads), t.fastest(theirs, threads, "sec/op", "torch", "torch-last", "torch-malloc")
	if why := t.absent(ours, peer, "sec/op", "PyTorch"); why != "" {
		l.Verdict = NotMeasured + why
		return l
	}
	ratio := peer.median("sec/op") / ours.median("sec/op")
	l.Ours, l.Peer = seconds(ours.median("sec/op")), seconds(peer.median("sec/op"))+" ("+peer.who+")"
	l.Ratio, l.Verdict = fmt.Sprintf("%.2f", ratio), atLeast(ratio, floor)
	l.Limit = t.limitOfStep(ours, peer, threads)
	return l
}

// features demands that a network measures at least as many images a second as by
// whichever peer is the fastest.
func (t judge) features(title, what string, threads, images int) Line {
	l := Line{What: title, Threads: fmt.Sprint(threads), Floor: "≥ 1"}
	ours, peer := t.ours(what, threads), t.fastest(what, threads, "sec/op", "torch", "torch-last", "onnxruntime")
	if why := t.absent(ours, peer, "sec/op", "PyTorch and onnxruntime"); why != "" {
		l.Verdict = NotMeasured + why
		return l
	}
	rate := func(r *row) string { return fmt.Sprintf("%.1f images/s", float64(images)/r.median("sec/op")) }
	ratio := peer.median("sec/op") / ours.median("sec/op")
	l.Ours, l.Peer = rate(ours), rate(peer)+" ("+peer.who+")"
	l.Ratio, l.Verdict = fmt.Sprintf("%.2f", ratio), atLeast(ratio, 1)
	for _, who := range []string{"torch", "torch-last", "onnxruntime"} {
		if p := t.rows[id{what, who, threads}]; p != nil {
			ratio := p.median("sec/op") / ours.median("sec/op")
			l.Details = append(l.Details, Line{What: who, Threads: l.Threads, Ours: rate(ours), Peer: rate(p), Ratio: fmt.Sprintf("%.2f", ratio), Floor: l.Floor, Verdict: atLeast(ratio, 1)})
		} else {
			l.Verdict = worse(l.Verdict, NotMeasured+"rows of "+who+" are missing")
		}
	}
	return l
}

// operation demands a share of its roof, and not to be slower than PyTorch. The roof is the triad's rate or, if its
// arithmetic allows less, what it has on operands in the cache.
func (t judge) operation(title, what string, threads int) Line {
	l := Line{What: title, Threads: fmt.Sprint(threads), Floor: "≥ 90 % of the lower roof, ≥ 1"}
	ours, peer := t.ours(what, threads, instructionSets...), t.fastest(what, threads, "sec/op", "torch")
	if ours == nil || len(ours.samples["%triad"]) == 0 {
		l.Verdict = NotMeasured + "no rows of ours"
		return l
	}
	l.Ours = fmt.Sprintf("%s, %.0f %% of the triad", seconds(ours.median("sec/op")), ours.median("%triad"))
	roof := 100.0
	if inCache := t.inCache(what, threads); inCache > 0 {
		l.Limit = fmt.Sprintf("%.0f %% of the triad from the cache", inCache)
		roof = min(roof, inCache)
	}
	l.Verdict = atLeast(ours.median("%triad")/roof*100, 90)
	if peer == nil {
		l.Verdict = worse(l.Verdict, NotMeasured+"no rows of PyTorch")
		return l
	}
	ratio := peer.median("sec/op") / ours.median("sec/op")
	l.Peer, l.Ratio = seconds(peer.median("sec/op"))+" ("+peer.who+")", fmt.Sprintf("%.2f", ratio)
	l.Verdict = worse(l.Verdict, atLeast(ratio, 1))
	return l
}

// twoOverOne demands nearly twice the speed of two threads, in the geometric mean.
func (t judge) twoOverOne(title string, is func(*row) bool) Line {
	l := Line{What: title + ", two threads over one", Threads: "2 / 1", Floor: "≥ 1.9"}
	var ratios, limits []float64
	for _, r := range t.order {
		two := t.rows[id{r.what, r.who, 2}]
		if r.threads != 1 || two == nil || isPeer(r.who) || !is(r) {
			continue
		}
		ratio := r.median("sec/op") / two.median("sec/op")
		ratios = append(ratios, ratio)
		if once := t.rows[id{r.what + atOnce, r.who, 1}]; once != nil {
			limits = append(limits, 2*r.median("sec/op")/once.median("sec/op"))
		}
		l.Details = append(l.Details, Line{What: r.title(), Threads: l.Threads, Ours: fmt.Sprintf("%s / %s", seconds(two.median("sec/op")), seconds(r.median("sec/op"))),
			Ratio: fmt.Sprintf("%.2f", ratio)})
	}
	if len(ratios) == 0 {
		l.Verdict = NotMeasured + "no rows at one and two threads"
		return l
	}
	l.Ours, l.Ratio, l.Verdict = fmt.Sprintf("mean of %d", len(ratios)), fmt.Sprintf("%.2f", geomean(ratios)), atLeast(geomean(ratios), 1.9)
	if len(limits) == len(ratios) {
		l.Limit = fmt.Sprintf("%.2f: two processes at once", geomean(limits))
	}
	return l
}

// absent says which side of a comparison is missing, or nothing.
func (t judge) absent(ours, peer *row, unit, peerName string) string {
	if ours == nil || len(ours.samples[unit]) == 0 {
		return "no rows of ours"
	}
	if peer == nil {
		return "no rows of " + peerName
	}
	return ""
}

// instructionSets are those whose rows count, the first that was measured before the
// others; of float32 all but the last two have the same kernels.
var instructionSets = []string{"amx", "avx512bf16", "avx512", "avx2", "generic"}

// own says of a row that was not measured because the machine lacks the instructions
// for the precision that this is the reason.
func (t judge) own(prec string, line Line) Line {
	paths := t.config["path-"+prec] // one for each instruction set, the widest first
	has := func(path string) bool {
		words := strings.Fields(strings.ReplaceAll(path, ",", " "))
		return len(words) > 1 && words[1] == prec
	}
	if len(paths) == 0 || slices.ContainsFunc(paths, has) || !strings.HasPrefix(line.Verdict, NotMeasured) {
		return line
	}
	needs := "AMX"
	if prec == "bf16" {
		needs = "AMX or products of pairs (AVX512-BF16)"
	}
	line.Verdict = NotMeasured + "needs " + needs + ", which this machine or build lacks (" + prec + " is " + paths[0] + ")"
	return line
}

// seconds prints a time with three digits.
func seconds(s float64) string {
	switch {
	case s >= 1:
		return fmt.Sprintf("%.3g s", s)
	case s >= 1e-3:
		return fmt.Sprintf("%.3g ms", s*1e3)
	}
	return fmt.Sprintf("%.3g µs", s*1e6)
}

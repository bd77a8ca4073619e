package stage

import (
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"lethe/kernels"
)

func TestOpsAddUp(t *testing.T) {
	h := &hand{at: time.Unix(1000, 0)}
	b := NewOps(OpsOptions{Now: func() time.Time { return h.at }})
	for range 2 {
		b.Begin("gelu")
		h.pass(time.Second)
		b.End(0, 3e9)
		h.pass(time.Minute) // in no op
		b.Begin("linear")
		h.pass(2 * time.Second)
		b.End(5e9, 1e9)
	}
	want := []Op{{"linear", 4, 2, 10, 2}, {"gelu", 2, 2, 0, 6}}
	got := b.Summary()
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("ops are %+v, want %+v", got, want)
	}
	if b.Reset(); len(b.Summary()) != 0 {
		t.Error("something is left after Reset")
	}
	panics(t, "an end without a beginning", func() { b.End(1, 1) })

	var nobody *Ops
	nobody.Begin("linear")
	nobody.End(1, 1)
	nobody.Stage(Loss)
}

func TestWriteBudget(t *testing.T) {
	ops := []Op{{"linear", 4, 20, 400, 20}, {"gelu", 2, 4, 0, 10}, {"empty", 0.5, 2, 0, 0}}
	roofs := Roofs{Peak: Peak{200, 2, "avx2", ""}, Memory: Bandwidth{InPlace: 20, Triad: 15}, Steps: 2, Seconds: 8}
	const want = `op               ms    step  calls    GFLOP  GFLOP/s  GB/s    roof  of roof
linear     2000.000  50.0 %     10  200.000    100.0   5.0     FMA   50.0 %
gelu       1000.000  25.0 %      2        -        -   5.0  memory   25.0 %
empty       250.000   6.2 %      1        -        -     -       -        -
elsewhere   750.000  18.8 %
step       4000.000                 200.000     50.0                 31.2 %
roofs: FMA 200.0 GFLOP/s f32 (avx2, 2 threads); memory 20.0 GB/s in place, 15.0 as STREAM's triad
`
	var b strings.Builder
	if err := WriteBudget(&b, ops, roofs); err != nil {
		t.Fatal(err)
	}
	if b.String() != want {
		t.Errorf("table is\n%s\nwant\n%s", b.String(), want)
	}
	b.Reset()
	roofs.Pairs = Peak{400, 2, "avx512bf16", "bf16 in pairs"}
	if err := WriteBudget(&b, append(ops, Op{"attention", 1, 2, 100, 1}), roofs); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		"linear     2000.000  50.0 %     10  200.000    100.0   5.0   pairs   25.0 %", "attention   500.000  12.5 %      1   50.000    100.0   1.0     FMA   50.0 %",
		"roofs: FMA 200.0 GFLOP/s f32 (avx2, 2 threads); pairs 400.0 GFLOP/s bf16 in pairs (avx512bf16, 2 threads); memory"} {
		if !strings.Contains(b.String(), row) {
			t.Errorf("in pairs the budget lacks %q:\n%s", row, b.String())
		}
	}
	b.Reset()
	if err := WriteBudget(&b, ops, Roofs{}); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); strings.Contains(s, "NaN") || !strings.Contains(s, "roofs: FMA not measured; memory not measured\n") {
		t.Errorf("without roofs: %s", s)
	}
}

func TestMeasureTriadArithmetic(t *testing.T) {
	h := &hand{at: time.Unix(1000, 0)}
	calls := 0
	got := measureTriad(1000, func() { calls++; h.pass(time.Duration(8-calls) * time.Microsecond) }, func() time.Time { return h.at })
	if want := 12e3 / 2e-6 / 1e9; !(math.Abs(got-want) <= 1e-9*want) || calls != triadTrials {
		t.Errorf("%v GB/s after %d passes, want %v, the best, after %d", got, calls, want, triadTrials)
	}
}

// TestWatch: the watcher hears of beginnings and ends, and its time is nobody's.
func TestWatch(t *testing.T) {
	h, c := newHand()
	heard := ""
	c.Watch(func(stage string) { heard += stage + ";"; h.pass(time.Hour) })
	stop := c.Start(Loss)
	h.pass(time.Second)
	stop(0)
	if s := c.Summary(Peak{}); heard != "loss;;" || s[0].Seconds != 1 {
		t.Errorf("heard %q, a stage of %g s, want loss;; and 1", heard, s[0].Seconds)
	}
}

// TestLabelsReachEveryWorker: the pool's workers are labelled too, those that were
// there before as well as the caller.
func TestLabelsReachEveryWorker(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	kernels.For(3, func(int) {}) // starts the pool without labels
	b := NewOps(OpsOptions{Labels: true})
	b.Stage(Loss)
	b.Begin("linear")
	labelled := labelledGoroutines(t, "loss", "linear")
	b.End(0, 0)
	if labelled != 3 {
		t.Errorf("%d goroutines have the labels, want 3", labelled)
	}
	b.Stage("")
	if n := labelledGoroutines(t, "loss", "linear"); n != 0 {
		t.Errorf("%d goroutines have the labels after the stage, want 0", n)
	}
}

// The same op in two stages is one line of the budget and two of the stages.
func TestOpsByStage(t *testing.T) {
	at := time.Unix(0, 0)
	b := NewOps(OpsOptions{Now: func() time.Time { at = at.Add(time.Second); return at }})
	for _, stage := range []string{"forward", "evaluation", "forward"} {
		b.Stage(stage)
		b.Begin("linear")
		b.End(1e9, 0)
	}
	by := b.ByStage()
	if len(by) != 2 || by["forward"][0].Seconds != 2 || by["evaluation"][0].Calls != 1 {
		t.Errorf("by stage: %+v", by)
	}
	if all := b.Summary(); len(all) != 1 || all[0].Seconds != 3 || all[0].GFLOPs != 3 {
		t.Errorf("in all: %+v", all)
	}
	if (*Ops)(nil).ByStage() != nil {
		t.Error("nobody's ops are some")
	}
}

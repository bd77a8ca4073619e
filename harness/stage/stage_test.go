package stage

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

// hand is a clock that only the test moves, and a memory that it sets.
type hand struct {
	at  time.Time
	mem Memory
}

func (h *hand) pass(d time.Duration) { h.at = h.at.Add(d) }

func newHand() (*hand, *Clock) {
	h := &hand{at: time.Unix(1000, 0)}
	return h, New(Options{Now: func() time.Time { return h.at }, Memory: func() Memory { return h.mem }})
}

func TestClockAddsStagesUp(t *testing.T) {
	h, c := newHand()
	h.mem = Memory{Resident: 50, Peak: 70}
	for range 2 {
		stop := c.Start(Backward)
		h.pass(2 * time.Second)
		stop(30)
	}
	h.mem = Memory{Resident: 90, Peak: 95}
	stop := c.Start(Optimizer)
	h.pass(time.Second)
	stop(0)
	h.pass(5 * time.Second) // in no stage
	h.mem = Memory{Resident: 20, Peak: 120}

	peak := Peak{GFLOPPerSecond: 60, Threads: 2, ISA: "avx2"}
	want := []Stage{
		{Name: Backward, Seconds: 4, Calls: 2, GFLOPs: 60, GFLOPPerSecond: 15, PercentPeak: 25, PercentTime: 40, RSSBytes: 50},
		{Name: Optimizer, Seconds: 1, Calls: 1, PercentTime: 10, RSSBytes: 90},
	}
	got := c.Summary(peak)
	if len(got) != len(want) {
		t.Fatalf("%d stages, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("stage %d is\n%+v, want\n%+v", i, got[i], want[i])
		}
	}
	totals := Totals{Seconds: 10, Untimed: 5, GFLOPs: 60, PeakRSSBytes: 120, Peak: peak}
	if got := c.Totals(peak); got != totals {
		t.Errorf("totals are %+v, want %+v", got, totals)
	}
}

// Without a peak, or without arithmetic, or without time, a percentage is 0 and
// never NaN: encoding/json refuses NaN, and the summary would be lost.
func TestSummaryIsAlwaysJSON(t *testing.T) {
	_, c := newHand()
	c.Start(Loss)(1)
	for _, peak := range []Peak{{}, {GFLOPPerSecond: math.NaN()}} {
		stages := c.Summary(peak)
		if stages[0].GFLOPPerSecond != 0 || stages[0].PercentPeak != 0 || stages[0].PercentTime != 0 {
			t.Errorf("a stage of no time has rates: %+v", stages[0])
		}
		text, err := json.Marshal(stages)
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{`"name":"loss"`, `"seconds":0`, `"calls":1`, `"gflops":0`, `"gflop_total":1`, `"percent_peak":0`} {
			if !strings.Contains(string(text), field) {
				t.Errorf("%s lacks %s", text, field)
			}
		}
	}
}

func TestStagesDoNotNest(t *testing.T) {
	_, c := newHand()
	stop := c.Start(Loss)
	message := panics(t, "a stage within a stage", func() { c.Start(Backward) })
	for _, name := range []string{Loss, Backward} {
		if !strings.Contains(message, name) {
			t.Errorf("%q does not name %q", message, name)
		}
	}
	stop(0)
	panics(t, "a stop without a start", func() { stop(0) })
	c.Start(Loss)(0) // and the clock is still usable
	if got := c.Summary(Peak{})[0].Calls; got != 2 {
		t.Errorf("%d calls, want 2", got)
	}
}

func panics(t *testing.T, what string, call func()) (message string) {
	t.Helper()
	defer func() {
		r := recover()
		if r == nil {
			t.Errorf("%s did not panic", what)
			return
		}
		message = r.(string)
	}()
	call()
	return ""
}

// A stage looks at the memory on its first call and then only now and then.
func TestMemoryIsSampledSeldom(t *testing.T) {
	h := &hand{at: time.Unix(1000, 0)}
	looks := 0
	c := New(Options{Now: func() time.Time { return h.at }, Memory: func() Memory { looks++; return Memory{Resident: int64(looks)} }})
	for range 1000 {
		stop := c.Start(Loss)
		h.pass(time.Millisecond)
		stop(0)
	}
	if looks < 5 || looks > 15 {
		t.Errorf("%d looks in 1000 calls over a second, want about 10", looks)
	}
	if got := c.Summary(Peak{})[0].RSSBytes; got != int64(looks) {
		t.Errorf("largest resident is %d, want %d", got, looks)
	}
}

func TestStartAllocatesNothing(t *testing.T) {
	h, c := newHand()
	c.Start(Loss)(0)
	if n := testing.AllocsPerRun(100, func() { stop := c.Start(Loss); h.pass(1); stop(1) }); n != 0 {
		t.Errorf("%v allocations a call, want 0", n)
	}
}

func TestReadMemory(t *testing.T) {
	m := ReadMemory()
	if m.Peak < 1<<20 || m.Peak < m.Resident {
		t.Errorf("memory is %+v, want a peak of at least 1 MiB and of what is resident", m)
	}
}

// meter imitates a processor: each iteration is two operations, and each call
// takes perIteration for each.
func meter(h *hand, perIteration time.Duration) func(int) int64 {
	return func(n int) int64 {
		h.pass(time.Duration(n) * perIteration)
		return 2 * int64(n)
	}
}

func TestMeasurePeakArithmetic(t *testing.T) {
	h := &hand{at: time.Unix(1000, 0)}
	now := func() time.Time { return h.at }
	together := func(items int, body func(int)) { // all at once: the time of one
		began := h.at
		for i := range items {
			h.at = began
			body(i)
		}
	}
	got := measurePeak(3, meter(h, 10*time.Nanosecond), together, now)
	if want := 3 * 2 / 10.0; !(math.Abs(got-want) <= 1e-9) {
		t.Errorf("peak of three threads is %v GFLOP/s, want %v", got, want)
	}
	alone := func(items int, body func(int)) {
		for i := range items {
			body(i)
		}
	}
	got = measurePeak(2, meter(h, 10*time.Nanosecond), alone, now)
	if want := 2 / 10.0; !(math.Abs(got-want) <= 1e-9) {
		t.Errorf("peak of two threads on one core is %v GFLOP/s, want %v", got, want)
	}
	if got := measurePeak(1, func(int) int64 { return 0 }, alone, now); got != 0 {
		t.Errorf("a loop that cannot count gives a peak of %v, want 0", got)
	}
	if got := measurePeak(1, func(n int) int64 { return int64(n) }, alone, now); got != 0 {
		t.Errorf("a loop that takes no time gives a peak of %v, want 0", got)
	}
}

func TestMeasurePeak(t *testing.T) {
	p := MeasurePeak(1)
	if !(p.GFLOPPerSecond > 0.01) || p.Threads != 1 || p.ISA == "" {
		t.Errorf("peak is %+v, want a rate, one thread and an ISA", p)
	}
	panics(t, "no threads", func() { MeasurePeak(0) })
	if p := MeasurePairPeak(1); !(p.GFLOPPerSecond > 0.001) || !strings.Contains(p.String(), "bf16 in pairs") {
		t.Errorf("peak of pairs is %s", p)
	}
	panics(t, "no threads", func() { MeasurePairPeak(0) })
}

func TestWriteTable(t *testing.T) {
	stages := []Stage{
		{Name: "student forward", Seconds: 12.4, Calls: 600, GFLOPs: 1660, GFLOPPerSecond: 133.9, PercentPeak: 55.5, PercentTime: 62, RSSBytes: 300 << 20},
		{Name: "decode", Seconds: 0.5, Calls: 1, PercentTime: 2.5},
	}
	totals := Totals{Seconds: 20, Untimed: 7.6, GFLOPs: 1660, PeakRSSBytes: 3 << 29, Peak: Peak{241.25, 1, "avx2", ""}}
	const want = `stage            seconds    time  calls   GFLOP  GFLOP/s  of peak   resident
student forward   12.400  62.0 %    600  1660.0    133.9   55.5 %  300.0 MiB
decode             0.500   2.5 %      1       -        -        -          -
untimed            7.600  38.0 %
total             20.000                 1660.0                      1.5 GiB
peak: 241.2 GFLOP/s f32 (avx2, 1 thread)
`
	var b strings.Builder
	if err := WriteTable(&b, stages, totals); err != nil {
		t.Fatal(err)
	}
	if b.String() != want {
		t.Errorf("table is\n%s\nwant\n%s", b.String(), want)
	}
}

func TestBytes(t *testing.T) {
	for _, c := range []struct {
		n    int64
		want string
	}{
		{0, "-"}, {-5, "-"}, {1, "1 B"}, {1023, "1023 B"}, {1024, "1.0 KiB"}, {1536, "1.5 KiB"},
		{1<<20 - 1, "1.0 MiB"}, {8 << 30, "8.0 GiB"}, {math.MaxInt64, "8.0 EiB"},
	} {
		if got := Bytes(c.n); got != c.want {
			t.Errorf("Bytes(%d) is %q, want %q", c.n, got, c.want)
		}
	}
}

package stage

import (
	"fmt"
	"sync"
	"time"
)

// The stages of a run. Any other name may be used too.
const (
	Decode          = "decode"
	Batch           = "batch"
	StudentForward  = "student forward"
	OriginalForward = "original forward"
	Loss            = "loss"
	Backward        = "backward"
	Optimizer       = "optimizer"
	Checkpoint      = "checkpoint"
	Evaluation      = "evaluation"
)

// memoryEvery is how often one stage looks at its resident memory: reading
// /proc costs microseconds, which a stage of microseconds must not pay per call.
const memoryEvery = 100 * time.Millisecond

// Options are what tests replace. The zero value is the real world.
type Options struct {
	Now    func() time.Time // nil means time.Now
	Memory func() Memory    // nil means ReadMemory
}

// Clock adds up stages. Safe for use by many goroutines, but only one stage
// runs at a time.
type Clock struct {
	now    func() time.Time
	memory func() Memory
	born   time.Time

	mu      sync.Mutex
	records []*record
	running *record
	peakRSS int64
	watch   func(stage string)
}

// record is one stage, in the order of first use.
type record struct {
	name     string
	spent    time.Duration
	calls    int64
	gflop    float64
	resident int64

	began  time.Time
	looked time.Time
	stop   func(gflop float64)
}

// New starts a clock.
func New(o Options) *Clock {
	c := &Clock{now: o.Now, memory: o.Memory}
	if c.now == nil {
		c.now = time.Now
	}
	if c.memory == nil {
		c.memory = ReadMemory
	}
	c.born = c.now()
	return c
}

// Watch has f hear of every stage that begins from now on, by its name, and of
// its end as "". f is called on the goroutine of the stage, outside of its time.
func (c *Clock) Watch(f func(stage string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watch = f
}

// Start begins a stage and returns the function that ends it, which takes the
// arithmetic done since, in GFLOP (0 when it is not counted). Nothing is
// allocated after the first call of a name.
//
// Panics: when another stage runs, and when the returned function is called
// while its stage does not run.
func (c *Clock) Start(name string) (stop func(gflop float64)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil {
		panic(fmt.Sprintf("stage: Start: %q begins while %q runs, want stages that follow one another", name, c.running.name))
	}
	r := c.find(name)
	c.running = r
	if c.watch != nil {
		c.watch(name)
	}
	r.began = c.now()
	return r.stop
}

func (c *Clock) find(name string) *record {
	for _, r := range c.records {
		if r.name == name {
			return r
		}
	}
	r := &record{name: name}
	r.stop = func(gflop float64) { c.end(r, gflop) }
	c.records = append(c.records, r)
	return r
}

func (c *Clock) end(r *record, gflop float64) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != r {
		panic(fmt.Sprintf("stage: %q ends but does not run, want one stop for each Start", r.name))
	}
	c.running = nil
	r.spent += now.Sub(r.began)
	r.calls++
	r.gflop += gflop
	c.look(r, now)
	if c.watch != nil {
		c.watch("")
	}
}

// look samples the memory for a stage, at most every memoryEvery.
func (c *Clock) look(r *record, now time.Time) {
	if r.calls > 1 && now.Sub(r.looked) < memoryEvery {
		return
	}
	r.looked = now
	m := c.memory()
	r.resident = max(r.resident, m.Resident)
	c.peakRSS = max(c.peakRSS, m.Peak, m.Resident)
}

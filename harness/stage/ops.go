package stage

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Op is what one op of a tape took: a line of the budget.
type Op struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	Calls   int64   `json:"calls"`
	// GFLOPs is the arithmetic of matrix products, in 1e9 operations.
	GFLOPs float64 `json:"gflop_total"`
	// GBytes is the size of all operands and results, in 1e9 bytes.
	GBytes float64 `json:"gbyte_total"`
}

// Ops adds up what the ops of a tape take; it is an autodiff.Meter. What is no
// op of a tape, such as the optimizer, may be told to it likewise. A nil *Ops
// hears nothing. Safe for use by many goroutines, but only one op runs at a time.
type Ops struct {
	now    func() time.Time
	labels *labels // nil: none are set

	mu      sync.Mutex
	records []*stagedOp
	running *stagedOp
	began   time.Time
	stage   string
}

// stagedOp is what an op took in one stage.
type stagedOp struct {
	Op
	stage string
}

// OpsOptions say what Ops does beside adding up.
type OpsOptions struct {
	Now func() time.Time // nil means time.Now
	// Labels sets the labels "stage" and "op" of runtime/pprof, on the calling
	// goroutine and on the workers of the kernels' pool. That costs some
	// microseconds an op, so it is for profiles, not for budgets.
	Labels bool
}

// NewOps returns an empty budget.
func NewOps(o OpsOptions) *Ops {
	b := &Ops{now: o.Now}
	if b.now == nil {
		b.now = time.Now
	}
	if o.Labels {
		b.labels = newLabels()
	}
	return b
}

// Begin begins an op.
func (b *Ops) Begin(op string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running = b.find(op)
	if b.labels != nil {
		b.labels.all(b.stage, op)
	}
	b.began = b.now()
}

// End ends the op that runs, which did so much.
func (b *Ops) End(flops, bytes float64) {
	if b == nil {
		return
	}
	took := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.running
	if r == nil {
		panic("stage: End: no op runs, want one Begin for each End")
	}
	b.running = nil
	r.Seconds += took.Sub(b.began).Seconds()
	r.Calls++
	r.GFLOPs += flops / 1e9
	r.GBytes += bytes / 1e9
	if b.labels != nil {
		b.labels.caller(b.stage)
	}
}

// Stage says which stage the next ops belong to, for the labels; "": none. It
// is meant for Clock.Watch.
func (b *Ops) Stage(name string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stage = name
	if b.labels != nil {
		b.labels.all(name, "")
	}
}

func (b *Ops) find(name string) *stagedOp {
	for _, r := range b.records {
		if r.Name == name && r.stage == b.stage {
			return r
		}
	}
	r := &stagedOp{Op{Name: name}, b.stage}
	b.records = append(b.records, r)
	return r
}

// Reset forgets what was added up.
func (b *Ops) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records = nil
}

// Summary lists the ops over all stages, the longest first.
func (b *Ops) Summary() []Op {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Op
	for _, r := range b.records {
		i := slices.IndexFunc(out, func(o Op) bool { return o.Name == r.Name })
		if i < 0 {
			i, out = len(out), append(out, Op{Name: r.Name})
		}
		out[i].Seconds += r.Seconds
		out[i].Calls += r.Calls
		out[i].GFLOPs += r.GFLOPs
		out[i].GBytes += r.GBytes
	}
	longestFirst(out)
	return out
}

// ByStage lists the ops of each stage, the longest first; ops outside of any
// stage are under "". A nil *Ops has none.
func (b *Ops) ByStage() map[string][]Op {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string][]Op{}
	for _, r := range b.records {
		out[r.stage] = append(out[r.stage], r.Op)
	}
	for _, ops := range out {
		longestFirst(ops)
	}
	return out
}

func longestFirst(ops []Op) {
	slices.SortStableFunc(ops, func(x, y Op) int { return cmp.Compare(y.Seconds, x.Seconds) })
}

package kernels

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// maxWorkers bounds the team, whatever GOMAXPROCS says.
const maxWorkers = 256

// job is work in numbered items. run is called once per item, from at most as
// many goroutines at a time as the call has workers; these have numbers from 0,
// the goroutine that called, and only what memory an item takes may depend on them.
type job interface{ run(worker, item int) }

// For runs body(0) ... body(items-1), each exactly once, on the calling
// goroutine and the persistent pool, and returns when all are done. Which
// worker runs which item, and in which order, is not defined: a result must
// not depend on it.
//
// A For inside a body, or beside another one, runs its items on its own
// goroutine: there is one pool.
//
// Panics: items is negative. A panic in body on a pool goroutine ends the
// process, as in any goroutine.
func For(items int, body func(item int)) {
	need("For", "items", items, 0)
	f := forJobs.get()
	f.body = body
	parallelFor(items, f)
	f.body = nil
	forJobs.put(f)
}

// forJob adapts a function to job.
type forJob struct{ body func(item int) }

func (f *forJob) run(_, item int) { f.body(item) }

var forJobs freeList[forJob]

// workers is how many goroutines a call may use now, the caller included.
func workers() int { return min(runtime.GOMAXPROCS(0), maxWorkers) }

// parallelFor runs every item of j and returns when all are done. It allocates
// nothing once the pool has started.
func parallelFor(items int, j job) {
	n := min(workers(), items)
	if n <= 1 || !pool.busy.CompareAndSwap(false, true) {
		for i := range items {
			j.run(0, i)
		}
		return
	}
	pool.lead(n, items, j)
}

// pool is the one team of the process.
var pool team

// team shares the items of one job at a time between the goroutine that calls
// (worker 0) and the members (workers 1, 2, ...).
//
// gate says what is going on, in one word, so that a member joins by a single
// compare-and-swap: the call's number, how many workers it wants, whether it
// is open, and how many members are inside. A member that comes late finds the
// gate closed and is not waited for, so a parked member never delays a call
// that finished without it.
type team struct {
	busy    atomic.Bool
	members []*member // written by the goroutine that holds busy
	parts   []itemRange
	job     job
	items   int

	_    [64]byte // the word below is polled: a cache line
	gate atomic.Uint64
	_    [56]byte
}

// itemRange is a worker's own part of the items, in cache lines of its own.
type itemRange struct {
	claims
	first, n int
	_        [104]byte
}

// Fields of team.gate, from the low end.
const (
	gateInside = 1       // one member inside; counts up to maxWorkers
	gateOpen   = 1 << 16 // members may enter
	gateLimit  = 1 << 17 // workers wanted, in 15 bits
	gateCall   = 1 << 32 // number of the call, wraps
)

func gateWanted(g uint64) int { return int(g / gateLimit & (1<<15 - 1)) }

// lead runs a job as worker 0. The caller has set busy.
func (t *team) lead(n, items int, j job) {
	for len(t.members) < n-1 {
		m := &member{id: len(t.members) + 1, wake: make(chan struct{}, 1)}
		t.members = append(t.members, m)
		go m.serve(t)
	}
	t.job, t.items = j, items
	t.share(n, items)
	call := t.gate.Load()/gateCall + 1
	t.gate.Store(call*gateCall + uint64(n)*gateLimit + gateOpen)
	defer t.finish() // also when an item panics: members must be out before that unwinds
	for _, m := range t.members[:n-1] {
		m.rouse()
	}
	t.work(0)
}

// share divides the items into a part for each of n workers.
func (t *team) share(n, items int) {
	if cap(t.parts) < n {
		t.parts = make([]itemRange, n)
	}
	t.parts = t.parts[:n]
	for w := range t.parts {
		p := &t.parts[w]
		p.first = items * w / n
		p.n = items*(w+1)/n - p.first
		p.reset()
	}
}

// finish closes the gate, waits until every member that entered has left, and
// frees the team.
func (t *team) finish() {
	for w := range t.parts {
		t.parts[w].end(t.items) // no effect unless an item panicked
	}
	t.gate.And(^uint64(gateOpen))
	for spins := 1; t.gate.Load()&(gateOpen-1) != 0; spins++ {
		if spins%spinRound == 0 {
			runtime.Gosched()
		}
	}
	t.job = nil
	t.busy.Store(false)
}

// work runs items, as one of the workers, until none is left: those of its own part in
// order, then the last ones of the others' parts.
func (t *team) work(worker int) {
	for i := range t.parts {
		p := &t.parts[(worker+i)%len(t.parts)]
		for {
			lo, hi := p.take(p.n, 1, 1, i > 0)
			if lo == hi {
				break
			}
			t.job.run(worker, p.first+lo)
		}
	}
}

// enter joins the open call unless it is the one numbered last or wants fewer
// workers. It returns the number of the call it joined.
func (t *team) enter(id int, last uint64) (call uint64, ok bool) {
	g := t.gate.Load()
	call = g / gateCall
	if g&gateOpen == 0 || call == last || id >= gateWanted(g) {
		return last, false
	}
	return call, t.gate.CompareAndSwap(g, g+gateInside)
}

// A member out of work polls the gate spinRounds times spinRound loads, about
// a millisecond, giving its processor away between rounds, and parks then. In
// a training step the next call comes within microseconds, and waking a parked
// goroutine costs 60 to 120 of them.
const (
	spinRound  = 64
	spinRounds = 4000
)

// member is a goroutine of the team, alive as long as the process.
type member struct {
	id     int
	parked atomic.Bool
	wake   chan struct{}
}

func (m *member) serve(t *team) {
	last := uint64(0)
	for {
		last = m.await(t, last)
		t.work(m.id)
		t.gate.Add(^uint64(0)) // one fewer inside
	}
}

// await returns once the member has entered a call other than last.
func (m *member) await(t *team, last uint64) uint64 {
	for {
		for range spinRounds {
			for range spinRound {
				if call, ok := t.enter(m.id, last); ok {
					return call
				}
			}
			runtime.Gosched()
		}
		m.parked.Store(true)
		if call, ok := t.enter(m.id, last); ok {
			m.unpark()
			return call
		}
		<-m.wake
	}
}

// rouse wakes the member if it is parked.
func (m *member) rouse() {
	if m.parked.CompareAndSwap(true, false) {
		m.wake <- struct{}{}
	}
}

// unpark takes the parked mark back, or the token of whoever was faster.
func (m *member) unpark() {
	if !m.parked.CompareAndSwap(true, false) {
		<-m.wake
	}
}

// freeList keeps objects for reuse, so that calls in flight at the same time
// have one each and calls one after another allocate nothing. It never shrinks.
type freeList[T any] struct {
	mu   sync.Mutex
	free []kept[T]
	made int
}

// kept is an object and the worker that had it last, in whose caches it may lie.
type kept[T any] struct {
	object *T
	worker int
}

// nobody had an object that is new.
const nobody = -1

// get is take for a goroutine that is no member of a team.
func (l *freeList[T]) get() *T { return l.take(0) }

// put gives back what get returned.
func (l *freeList[T]) put(x *T) { l.give(0, x) }

// take returns a used object, or a new zero one: that which the worker itself used
// last, or one that nobody did, or any. Memory that two workers pack by turns
// has to be fetched from the other's cache line by line: at two threads, 256x256x256 took
// 125 microseconds in place of 107 every other time.
func (l *freeList[T]) take(worker int) *T {
	l.mu.Lock()
	defer l.mu.Unlock()
	best := len(l.free) - 1
	if best < 0 {
		l.made++
		return new(T)
	}
	for i := best; i >= 0 && l.free[best].worker != worker; i-- {
		if w := l.free[i].worker; w == worker || w == nobody && l.free[best].worker != nobody {
			best = i
		}
	}
	x := l.free[best].object
	l.free = slices.Delete(l.free, best, best+1)
	return x
}

// reserve makes objects until there are n, in use or not. A call that will
// take up to n at the same time then never allocates later than its first time,
// however its goroutines happen to overlap.
func (l *freeList[T]) reserve(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ; l.made < n; l.made++ {
		l.free = append(l.free, kept[T]{new(T), nobody})
	}
}

// give returns x, which the worker took.
func (l *freeList[T]) give(worker int, x *T) {
	l.mu.Lock()
	l.free = append(l.free, kept[T]{x, worker})
	l.mu.Unlock()
}

package stage

import (
	"context"
	"runtime"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"lethe/kernels"
)

// labels sets the labels of runtime/pprof that tell the stages and ops of a
// profile apart.
//
// A label belongs to a goroutine, and a new one inherits it. The workers of the
// kernels' pool live as long as the process, so that they would keep for ever
// whatever ran when they were started, and never hear of a change: each has to
// set its own.
type labels struct{ contexts map[[2]string]context.Context }

func newLabels() *labels { return &labels{contexts: map[[2]string]context.Context{}} }

// context returns the labels of an op of a stage. "" leaves one out.
func (l *labels) context(stage, op string) context.Context {
	key := [2]string{stage, op}
	c, ok := l.contexts[key]
	if !ok {
		var pairs []string
		if stage != "" {
			pairs = append(pairs, "stage", stage)
		}
		if op != "" {
			pairs = append(pairs, "op", op)
		}
		c = pprof.WithLabels(context.Background(), pprof.Labels(pairs...))
		l.contexts[key] = c
	}
	return c
}

// caller labels the calling goroutine alone. A worker of the pool that looks for
// work until the next op keeps the label of the last one.
func (l *labels) caller(stage string) { pprof.SetGoroutineLabels(l.context(stage, "")) }

// meeting is how long a worker waits for the others: one that the system does
// not run in that time keeps its old label.
const meeting = 20 * time.Millisecond

// all labels the calling goroutine and every worker of the pool. A call of the
// pool gives each item to any worker, so each waits in its item until all have
// come: then every worker has had one.
func (l *labels) all(stage, op string) {
	c := l.context(stage, op)
	pprof.SetGoroutineLabels(c)
	n := int32(runtime.GOMAXPROCS(0))
	if n == 1 {
		return
	}
	var come atomic.Int32
	end := time.Now().Add(meeting)
	kernels.For(int(n), func(int) {
		pprof.SetGoroutineLabels(c)
		come.Add(1)
		for come.Load() < n && time.Now().Before(end) {
			runtime.Gosched()
		}
	})
}

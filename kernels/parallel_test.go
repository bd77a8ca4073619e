package kernels

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lethe/kernels/kerneltest"
)

func TestForRunsEveryItemOnce(t *testing.T) {
	for _, workers := range []int{1, 2, 3, 8} {
		useWorkers(t, workers)
		for _, items := range []int{0, 1, 2, 7, 1000} {
			for range 50 { // calls one after another reuse the gate
				ran := make([]atomic.Int32, items)
				For(items, func(i int) { ran[i].Add(1) })
				for i := range ran {
					if n := ran[i].Load(); n != 1 {
						t.Fatalf("%d workers, %d items: item %d ran %d times", workers, items, i, n)
					}
				}
			}
		}
	}
}

func TestForNested(t *testing.T) {
	useWorkers(t, 4)
	var total atomic.Int32
	For(10, func(int) { For(10, func(int) { total.Add(1) }) })
	if n := total.Load(); n != 100 {
		t.Errorf("%d items ran, want 100", n)
	}
}

func TestForConcurrent(t *testing.T) {
	useWorkers(t, 4)
	var total atomic.Int32
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 100 {
				For(16, func(int) { total.Add(1) })
			}
		})
	}
	callers.Wait()
	if n := total.Load(); n != 8*100*16 {
		t.Errorf("%d items ran, want %d", n, 8*100*16)
	}
}

// TestForAfterParking lets the pool park between calls.
func TestForAfterParking(t *testing.T) {
	useWorkers(t, 3)
	for range 3 {
		var total atomic.Int32
		For(100, func(int) { total.Add(1) })
		if n := total.Load(); n != 100 {
			t.Fatalf("%d items ran, want 100", n)
		}
		for deadline := 200; deadline > 0 && !allParked(); deadline-- {
			time.Sleep(5 * time.Millisecond)
		}
		if !allParked() {
			t.Fatal("the pool spins for a second without work")
		}
	}
}

func allParked() bool {
	for _, m := range pool.members {
		if !m.parked.Load() {
			return false
		}
	}
	return true
}

// TestForSurvivesPanic: a panic on the caller's own goroutine reaches the
// caller, and the pool works on.
func TestForSurvivesPanic(t *testing.T) {
	useWorkers(t, 1)
	if got := panicText(func() { For(3, func(int) { panic("item") }) }); got != "item" {
		t.Errorf("panic %q, want that of the item", got)
	}
	useWorkers(t, 2)
	got := panicText(func() {
		(&pool).lead(1, 3, jobFunc(func(int) { panic("item") }))
	})
	if got != "item" {
		t.Errorf("panic %q, want that of the item", got)
	}
	var total atomic.Int32
	For(10, func(int) { total.Add(1) })
	if total.Load() != 10 || pool.busy.Load() {
		t.Error("the pool does not work after a panic")
	}
}

// jobFunc adapts a function to job.
type jobFunc func(item int)

func (f jobFunc) run(_, item int) { f(item) }

// TestForKeepsToItsWorkers: members left over from a call that wanted more
// workers stay out.
func TestForKeepsToItsWorkers(t *testing.T) {
	for _, workers := range []int{8, 3, 2} {
		useWorkers(t, workers)
		var inside, crowded atomic.Int32
		for range 20 {
			For(100, func(int) {
				if inside.Add(1) > int32(workers) {
					crowded.Add(1)
				}
				runtime.Gosched()
				inside.Add(-1)
			})
		}
		if n := crowded.Load(); n != 0 {
			t.Errorf("%d items ran beside %d others or more", n, workers)
		}
	}
}

func TestForRejectsNegative(t *testing.T) {
	if got, want := panicText(func() { For(-1, nil) }), "kernels: For: items is -1, want at least 0"; got != want {
		t.Errorf("panic %q, want %q", got, want)
	}
}

func TestForAllocatesNothing(t *testing.T) {
	useWorkers(t, 3)
	body := func(int) {}
	if n := kerneltest.Allocations(100, func() { For(10, body) }); n != 0 {
		t.Errorf("%d allocations in 100 calls", n)
	}
}

// TestFreeListKeepsWorkersApart takes and gives as two workers do and wants each
// to get back what lies in its own cache, whoever gave last.
func TestFreeListKeepsWorkersApart(t *testing.T) {
	var l freeList[int]
	l.reserve(3)
	first, second := l.take(0), l.take(1)
	for range 3 {
		for _, order := range [][2]int{{0, 1}, {1, 0}} { // of giving, and of taking
			mine := [2]*int{first, second}
			for _, w := range order {
				l.give(w, mine[w])
			}
			for _, w := range order {
				if got := l.take(w); got != mine[w] {
					t.Fatalf("given and taken in the order %v, worker %d got what another had last", order, w)
				}
			}
		}
	}
	l.give(0, first)
	if got := l.take(2); got == first {
		t.Error("a worker got what another had last, though one is new")
	}
	if got := l.take(2); got != first {
		t.Error("what is left was not taken")
	}
	if l.take(0); l.made != 4 {
		t.Errorf("%d objects made, want 4: three ahead, one where none was left", l.made)
	}
}

// TestTeamKeepsParts: a worker runs its own part of the items in order, so that it meets
// in one call what it wrote in the one before, and then the others' from their ends.
func TestTeamKeepsParts(t *testing.T) {
	for _, test := range []struct {
		workers, items, worker int
		want                   []int
	}{
		{1, 3, 0, []int{0, 1, 2}},
		{2, 6, 0, []int{0, 1, 2, 5, 4, 3}},
		{2, 6, 1, []int{3, 4, 5, 2, 1, 0}},
		{3, 7, 1, []int{2, 3, 6, 5, 4, 1, 0}},
	} {
		var got []int
		one := team{items: test.items, job: jobFunc(func(i int) { got = append(got, i) })}
		one.share(test.workers, test.items)
		one.work(test.worker)
		if !slices.Equal(got, test.want) {
			t.Errorf("worker %d of %d, alone with %d items, runs %v, want %v", test.worker, test.workers, test.items, got, test.want)
		}
		got = nil
		for w := range test.workers {
			if one.work(w); got != nil {
				t.Errorf("worker %d of %d ran %v once more", w, test.workers, got)
			}
		}
	}
}

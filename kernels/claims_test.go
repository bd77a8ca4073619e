package kernels

import (
	"sync"
	"sync/atomic"
	"testing"
)

// TestClaimsGiveEachOnce takes from both ends at the same time.
func TestClaimsGiveEachOnce(t *testing.T) {
	const takers = 4
	for _, n := range []int{0, 1, 2, 5, 100, 1000} {
		for _, chunk := range [][2]int{{1, 1}, {1, 4}, {4, 9}} {
			var r claims
			taken := make([]atomic.Int32, n)
			var all sync.WaitGroup
			for i := range takers {
				all.Go(func() {
					for {
						lo, hi := r.take(n, chunk[0], chunk[1], i%2 == 1)
						if lo == hi {
							return
						}
						if hi-lo > chunk[1] {
							t.Errorf("%d at a time, want at most %d", hi-lo, chunk[1])
						}
						for p := lo; p < hi; p++ {
							taken[p].Add(1)
						}
					}
				})
			}
			all.Wait()
			if left := r.left(n); left != 0 {
				t.Errorf("%d things, %v at a time: %d are left", n, chunk, left)
			}
			for p := range taken {
				if got := taken[p].Load(); got != 1 {
					t.Errorf("%d things, %v at a time: number %d was taken %d times", n, chunk, p, got)
				}
			}
		}
	}
}

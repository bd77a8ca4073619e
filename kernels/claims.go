package kernels

import "sync/atomic"

// claims says what is taken of a range of n things, one after another from the front by
// the worker whose they are, and from the back by those who have none left. So each
// worker goes through the same part of a range in every call, as far as it comes: what
// it wrote in one call, it reads from its own cache in the next.
//
// The front is counted in the low half, the back in the high half.
type claims struct{ taken atomic.Uint64 }

// reset gives all back.
func (c *claims) reset() { c.taken.Store(0) }

// take returns half of those of the things [0,n) that are left, but at least least and
// at most most, from the front or from the back; lo == hi if there are none.
func (c *claims) take(n, least, most int, back bool) (lo, hi int) {
	for {
		v := c.taken.Load()
		front, end := int(uint32(v)), n-int(v>>32)
		some := min(end-front, most, max(least, (end-front+1)/2))
		switch {
		case some <= 0:
			return 0, 0
		case back:
			if c.taken.CompareAndSwap(v, v+uint64(some)<<32) {
				return end - some, end
			}
		default:
			if c.taken.CompareAndSwap(v, v+uint64(some)) {
				return front, front + some
			}
		}
	}
}

// left is how many of n things are.
func (c *claims) left(n int) int {
	v := c.taken.Load()
	return max(0, n-int(uint32(v))-int(v>>32))
}

// end takes all that are left of at most n things.
func (c *claims) end(n int) { c.taken.Store(uint64(n)) }

package autodiff

import (
	"cmp"
	"slices"
	"unsafe"

	"lethe/kernels"
)

// alignment is the rounding of float32 runs: 16 elements are one cache line and one
// AVX-512 register.
const alignment = 16

// floats is the tape's memory for numbers: a bump over kernels.Slab, and the spans
// of it that came back before the next release.
//
//	chunk 0 [####....##########..####]  chunk 1 [########..............]
//	             free[0]       free[1]           bump^
//
// Neighbours that are both free are one span, whatever they were taken for: what a
// block of a network kept is large enough for the gradients of the weights of the
// block that comes next in the backward pass, though no size is the same.
type floats struct {
	bump[float32]
	free []span // in increasing order, none adjacent to the next
}

// span is a free run of a chunk, in elements.
type span struct{ chunk, at, n int }

// newFloats makes chunks of up to 256 MiB: no more ends of chunks than there must be, and
// what is never touched takes no memory.
func newFloats() floats {
	return floats{bump: bump[float32]{starts: make([]int, 1), first: 1 << 14, limit: 1 << 26, make: kernels.Slab}}
}

// aligned is the room that a run of n elements takes.
func aligned(n int) int { return (n + alignment - 1) / alignment * alignment }

// fresh returns n elements, aligned to a cache line, that release takes back.
func (f *floats) fresh(n int) []float32 { return f.take(aligned(n))[:n:n] }

// reuse returns n elements: of the smallest free span that has room, of the last
// one if that can grow, or fresh ones.
func (f *floats) reuse(n int) []float32 {
	room := aligned(n)
	best := -1
	for i, s := range f.free {
		if s.n >= room && (best < 0 || s.n < f.free[best].n) {
			best = i
		}
	}
	if best < 0 {
		return f.grow(room)[:n:n]
	}
	s := &f.free[best]
	data := f.chunks[s.chunk][s.at : s.at+n : s.at+n]
	if s.at, s.n = s.at+room, s.n-room; s.n == 0 {
		f.free = slices.Delete(f.free, best, best+1)
	}
	return data
}

// grow takes a run that no free span has room for. The end of a chunk that is too
// short for it becomes free.
func (f *floats) grow(room int) []float32 {
	if last := len(f.free) - 1; last >= 0 && f.at < len(f.chunks) {
		s := f.free[last]
		if s.chunk == f.at && s.at+s.n == f.used && s.at+room <= len(f.chunks[f.at]) {
			f.used, f.free = s.at, f.free[:last]
		}
	}
	at, used := f.at, f.used
	data := f.take(room)
	if f.at != at && used < len(f.chunks[at]) {
		f.insert(span{at, used, len(f.chunks[at]) - used})
	}
	return data
}

// put takes back a buffer before the release does.
func (f *floats) put(data []float32) {
	if len(data) > 0 {
		f.insert(f.spanOf(data))
	}
}

// spanOf finds where a buffer lies.
func (f *floats) spanOf(data []float32) span {
	const size = unsafe.Sizeof(data[0])
	place := uintptr(unsafe.Pointer(unsafe.SliceData(data)))
	for i, c := range f.chunks {
		base := uintptr(unsafe.Pointer(unsafe.SliceData(c)))
		if at := int((place - base) / size); place >= base && at < len(c) {
			return span{i, at, aligned(len(data))}
		}
	}
	panic("autodiff: a buffer came back that is of another tape")
}

// insert adds a span to the free ones and joins it with its neighbours.
func (f *floats) insert(s span) {
	i, found := slices.BinarySearchFunc(f.free, s, span.compare)
	if found || i > 0 && f.free[i-1].meets(s) > 0 || i < len(f.free) && s.meets(f.free[i]) > 0 {
		panic("autodiff: a buffer came back twice")
	}
	before, after := i > 0 && f.free[i-1].meets(s) == 0, i < len(f.free) && s.meets(f.free[i]) == 0
	switch {
	case before && after:
		f.free[i-1].n += s.n + f.free[i].n
		f.free = slices.Delete(f.free, i, i+1)
	case before:
		f.free[i-1].n += s.n
	case after:
		f.free[i].at, f.free[i].n = s.at, f.free[i].n+s.n
	default:
		f.free = slices.Insert(f.free, i, s)
	}
}

// compare orders spans by place.
func (s span) compare(t span) int { return cmp.Or(s.chunk-t.chunk, s.at-t.at) }

// meets is by how much the end of s passes the start of the later span t: 0 where
// they are adjacent, negative where they are apart.
func (s span) meets(t span) int {
	if s.chunk != t.chunk {
		return -1
	}
	return s.at + s.n - t.at
}

// reset takes everything back.
func (f *floats) reset() {
	f.release(mark{})
	f.free = f.free[:0]
}

package kernels

import (
	"sync"
	"unsafe"
)

// Slab sizes, in float32 elements.
const (
	slabAlign = 64 / 4  // one cache line, one AVX-512 register
	slabChunk = 1 << 24 // 64 MiB, shared by many requests; what is not touched costs no memory
)

// slabPool hands out slabs from one chunk at a time. A region of its own for
// every matrix of a model would round each up to whole huge pages: 300 MB over
// the weights, gradients and moments of a ViT-B.
var slabPool struct {
	sync.Mutex
	rest []float32
}

// Slab returns n zeroed elements, 64-byte aligned, from memory that is
// huge-page advised where the operating system allows. It is never freed, so
// it suits arenas and buffers that live as long as the process.
//
// Panics: n is negative or more than memory can be. The process ends, as with
// make, where the system has none left.
func Slab(n int) []float32 {
	need("Slab", "n", n, 0)
	if n == 0 {
		return nil
	}
	if n > slabChunk {
		return region(n)[:n:n]
	}
	slabPool.Lock()
	defer slabPool.Unlock()
	if len(slabPool.rest) < n {
		slabPool.rest = region(slabChunk)
	}
	s := slabPool.rest[:n:n]
	slabPool.rest = slabPool.rest[min(roundUp(n, slabAlign), len(slabPool.rest)):]
	return s
}

// Pages returns n zeroed elements, 64-byte aligned, of Go's own memory, which ends
// when nothing refers to it, huge-page advised where the operating system takes
// advice. It suits what is large and lives as long as a model does.
//
// Panics: n is negative or more than memory can be.
func Pages(n int) []float32 {
	need("Pages", "n", n, 0)
	if n*4 < goPage { // smaller objects share pages and may begin anywhere
		return alignedHeap(n)
	}
	s := make([]float32, n)
	advise(s)
	return s
}

// goPage is more than the size from which Go gives an object pages of its own.
const goPage = 1 << 16

// roundUp rounds n up to a multiple of step.
func roundUp(n, step int) int { return (n + step - 1) / step * step }

// alignedHeap returns n zeroed elements of ordinary memory on a 64-byte
// boundary.
func alignedHeap(n int) []float32 {
	s := make([]float32, n+slabAlign)
	off := 0
	if r := uintptr(unsafe.Pointer(&s[0])) % 64; r != 0 {
		off = int(64-r) / 4
	}
	return s[off : off+n : off+n]
}

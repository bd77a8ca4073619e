package kernels

import (
	"runtime"
	"testing"
	"unsafe"
)

// TestSlab takes slabs of many sizes and checks that each is zero, aligned,
// exactly as long as asked, and no one else's.
func TestSlab(t *testing.T) {
	var slabs [][]float32
	for _, n := range []int{0, 1, 15, 16, 17, 1000, 1<<20 + 5, slabChunk + 1, 3, slabChunk / 2, slabChunk / 2, 7} {
		s := Slab(n)
		if len(s) != n || cap(s) != n {
			t.Errorf("Slab(%d) has length %d and capacity %d", n, len(s), cap(s))
		}
		if n > 0 && uintptr(unsafe.Pointer(&s[0]))%64 != 0 {
			t.Errorf("Slab(%d) is not aligned", n)
		}
		for i := range s {
			if s[i] != 0 {
				t.Fatalf("Slab(%d)[%d] is %g: not zero, or shared", n, i, s[i])
			}
			s[i] = float32(len(slabs) + 1)
		}
		slabs = append(slabs, s)
	}
	for k, s := range slabs {
		for i := range s {
			if s[i] != float32(k+1) {
				t.Fatalf("slab %d was overwritten at %d", k, i)
			}
		}
	}
}

func TestAlignedHeap(t *testing.T) {
	for n := 1; n < 100; n++ {
		if s := alignedHeap(n); len(s) != n || cap(s) != n || uintptr(unsafe.Pointer(&s[0]))%64 != 0 {
			t.Errorf("alignedHeap(%d): length %d, capacity %d, address %p", n, len(s), cap(s), &s[0])
		}
	}
}

// TestPages: zero, aligned, as long as asked, and gone when nobody has them: a
// process that makes one model after another holds one of them.
func TestPages(t *testing.T) {
	for _, n := range []int{0, 1, 17, goPage/4 - 1, goPage / 4, 100003, 1 << 20} {
		s := Pages(n)
		if len(s) != n {
			t.Errorf("Pages(%d) has length %d", n, len(s))
		}
		if n > 0 && uintptr(unsafe.Pointer(&s[0]))%64 != 0 {
			t.Errorf("Pages(%d) is not aligned", n)
		}
		for i := range s {
			if s[i] != 0 {
				t.Fatalf("Pages(%d)[%d] is %g", n, i, s[i])
			}
			s[i] = 1
		}
	}
	const models, size = 40, 4 << 20 // 640 MiB in all
	for range models {
		Pages(size)[size-1] = 1
	}
	runtime.GC()
	var m runtime.MemStats
	if runtime.ReadMemStats(&m); m.HeapAlloc > 4*size*models/4 {
		t.Errorf("%d MiB are in use after %d MiB were dropped", m.HeapAlloc>>20, 4*size*models>>20)
	}
}

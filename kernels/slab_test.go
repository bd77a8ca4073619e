package kernels

import (
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

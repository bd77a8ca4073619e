package rng

import "testing"

// The stored numbers are what makes an old run repeatable: they may never change.
func TestNewIsFixed(t *testing.T) {
	r := New(1, Mask, 2, 3)
	got := [3]uint64{r.Uint64(), r.Uint64(), r.Uint64()}
	want := [3]uint64{0x6ab888d36bdd875a, 0xfef95a929481859b, 0x609f360d2f6b5752}
	if got != want {
		t.Errorf("New(1, Mask, 2, 3) draws %#x, want %#x", got, want)
	}
}

func TestNewRepeats(t *testing.T) {
	a, b := New(7, Noise, 100, 5), New(7, Noise, 100, 5)
	for i := range 1000 {
		if x, y := a.Uint64(), b.Uint64(); x != y {
			t.Fatalf("draw %d is %#x and %#x", i, x, y)
		}
	}
}

func TestEveryKeyMatters(t *testing.T) {
	first := map[uint64][4]uint64{}
	for _, key := range [][4]uint64{
		{0, 0, 0, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1},
		{1 << 63, 0, 0, 0}, {0, 1 << 63, 0, 0}, {0, 0, 1 << 63, 0}, {0, 0, 0, 1 << 63}, // the highest bits count too
	} {
		v := New(key[0], Purpose(key[1]), key[2], key[3]).Uint64()
		if other, seen := first[v]; seen {
			t.Errorf("keys %v and %v draw the same", key, other)
		}
		first[v] = key
	}
}

func TestPurposesDiffer(t *testing.T) {
	seen := map[Purpose]bool{}
	for _, p := range []Purpose{Init, Shuffle, Mask, Augment, Noise, World, Eval, Split, Sample} {
		if seen[p] {
			t.Errorf("purpose %d is used twice", p)
		}
		seen[p] = true
	}
}

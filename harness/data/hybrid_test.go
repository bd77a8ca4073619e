package data

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestHybridMask: a hole of zeros and ones that leaves something to see, follows
// its generator, and is as large a part of a small image as of a large one.
func TestHybridMask(t *testing.T) {
	share := map[int]float64{}
	for _, size := range []int{32, 64, 256} {
		const draws = 60
		for seed := range uint64(draws) {
			mask := HybridMask(rand.New(rand.NewPCG(seed, 1)), size)
			if !slices.Equal(mask, HybridMask(rand.New(rand.NewPCG(seed, 1)), size)) {
				t.Fatal("a second draw differs")
			}
			ones := 0
			for _, v := range mask {
				if v != 0 && v != 1 {
					t.Fatalf("a value %g", v)
				}
				ones += int(v)
			}
			part := float64(ones) / float64(size*size)
			if least := 0.9 * (boxSide - boxShrink) * (boxSide - boxShrink) / (hybridSide * hybridSide); part < least || part > 0.9 {
				t.Errorf("size %d, seed %d: the hole is %.2f of the image, want %.2f to 0.9", size, seed, part, least)
			}
			share[size] += part / draws
		}
	}
	for _, size := range []int{32, 64} {
		if d := share[size] - share[256]; d < -0.05 || d > 0.05 {
			t.Errorf("the mean share is %.3f at %d pixels and %.3f at 256", share[size], size, share[256])
		}
	}
}

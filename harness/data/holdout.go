package data

import (
	"math"
	"slices"

	"lethe/layers/rng"
)

// HoldOut sets a share of the pictures aside, chosen by seed and stream: the
// rounded number of them, or none when that would leave one side empty, and
// aside is then nil. Both results keep the order and share loaded pixels.
func (s *Set) HoldOut(share float64, seed, stream uint64) (rest, aside *Set) {
	n := int(math.Round(share * float64(len(s.Items))))
	if n < 1 || n >= len(s.Items) {
		return s, nil
	}
	chosen := rng.New(seed, rng.Split, 2, stream).Perm(len(s.Items))[:n]
	slices.Sort(chosen)
	rest = &Set{Name: s.Name, skipBad: s.skipBad, size: s.size}
	aside = &Set{Name: s.Name, skipBad: s.skipBad, size: s.size}
	for i, it := range s.Items {
		if _, found := slices.BinarySearch(chosen, i); found {
			aside.Items = append(aside.Items, it)
		} else {
			rest.Items = append(rest.Items, it)
		}
	}
	rest.listClasses()
	aside.listClasses()
	return rest, aside
}

package data

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"strings"

	"lethe/layers/rng"
)

// SplitClasses chooses forget of the classes at random, by seed; both results
// are sorted. It does not depend on the order of classes.
//
// Errors: forget is not between 1 and len(classes)-1.
func SplitClasses(classes []string, forget int, seed uint64) (retained, forgotten []string, err error) {
	if forget < 1 || forget >= len(classes) {
		return nil, nil, fmt.Errorf("forget %d of %d classes: at least one must be forgotten and one retained", forget, len(classes))
	}
	all := slices.Clone(classes)
	sort.Strings(all)
	perm := rng.New(seed, rng.Split, 0, 0).Perm(len(all))
	for i, at := range perm {
		if i < forget {
			forgotten = append(forgotten, all[at])
		} else {
			retained = append(retained, all[at])
		}
	}
	sort.Strings(retained)
	sort.Strings(forgotten)
	return retained, forgotten, nil
}

// Subset keeps the pictures of the given classes. It shares loaded pixels.
//
// Errors: the set lacks one of the classes.
func (s *Set) Subset(classes []string) (*Set, error) {
	if err := needClasses(s.Classes, classes); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	out := &Set{Name: s.Name + " (" + strings.Join(classes, ", ") + ")", skipBad: s.skipBad, size: s.size}
	for _, it := range s.Items {
		if slices.Contains(classes, it.Class) {
			out.Items = append(out.Items, it)
		}
	}
	out.listClasses()
	return out, nil
}

// Join puts sets behind one another, as for proxy retain pictures. Paths are
// kept, so two items may have one path.
//
// Errors: no set, or sets loaded at different sizes.
func Join(sets ...*Set) (*Set, error) {
	if len(sets) == 0 {
		return nil, fmt.Errorf("join: no set")
	}
	out := &Set{size: sets[0].size, skipBad: true}
	var names []string
	for _, s := range sets {
		if s.size != out.size {
			return nil, fmt.Errorf("join: %s is loaded at %d pixels, %s at %d", sets[0].Name, out.size, s.Name, s.size)
		}
		names = append(names, s.Name)
		out.Items = append(out.Items, s.Items...)
		out.SideFiles += s.SideFiles
		out.warnings = append(out.warnings, s.warnings...)
		out.skipBad = out.skipBad && s.skipBad
	}
	out.Name = strings.Join(names, " + ")
	out.listClasses()
	return out, nil
}

// Shared is one content that two sets have in common.
type Shared struct{ A, B string } // paths of the first file with it in each set

// Overlap lists the contents, by SHA-256 of the files, that occur in both sets,
// ordered by the path in b.
func Overlap(a, b *Set) []Shared {
	inA := map[[32]byte]string{}
	for _, it := range a.Items {
		if _, ok := inA[it.Hash]; !ok {
			inA[it.Hash] = it.Path
		}
	}
	var out []Shared
	for _, it := range b.Items {
		if p, ok := inA[it.Hash]; ok {
			out = append(out, Shared{p, it.Path})
			delete(inA, it.Hash)
		}
	}
	return out
}

// NeedDisjoint checks that no picture is to be both retained and forgotten.
//
// Errors: they share a file by content; the error names the first pair.
func NeedDisjoint(retain, forget *Set) error {
	shared := Overlap(retain, forget)
	if len(shared) == 0 {
		return nil
	}
	return fmt.Errorf("retain and forget share %d pictures by content: %s in %s is the same as %s in %s; take them out of one of the two",
		len(shared), shared[0].A, retain.Name, shared[0].B, forget.Name)
}

// Manifest is the SHA-256, in hex, of the set's paths and hashes in order: two
// sets with one manifest hold the same pictures under the same names.
func (s *Set) Manifest() string {
	lines := make([]string, len(s.Items))
	for i, it := range s.Items {
		lines[i] = fmt.Sprintf("%x  %s\n", it.Hash, it.Path)
	}
	sort.Strings(lines)
	h := sha256.New()
	for _, l := range lines {
		h.Write([]byte(l))
	}
	return hex.EncodeToString(h.Sum(nil))
}

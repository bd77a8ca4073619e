package data

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"sort"
	"strconv"
	"strings"
)

// worldTestStart is the index of the first picture of world:test, beyond any
// that world:train draws.
const worldTestStart = 1 << 32

// worldSource is a picture of the procedural world.
type worldSource struct {
	seed  uint64
	class int
	index int
}

func (w worldSource) picture() (Image, string, error) {
	return World(w.seed, w.class, w.index), "", nil
}

// worldSpec is what follows "world:".
type worldSpec struct {
	seed     uint64
	start    int
	perClass int
	classes  []string
}

// parseWorld reads train or test, then options after a question mark.
func parseWorld(text string) (worldSpec, error) {
	split, query, _ := strings.Cut(text, "?")
	w := worldSpec{seed: 1}
	switch split {
	case "train":
		w.perClass = 1000
	case "test":
		w.start, w.perClass = worldTestStart, 100
	default:
		return w, fmt.Errorf("the world has the splits train and test, not %q", split)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return w, err
	}
	for key, v := range values {
		last := v[len(v)-1]
		switch key {
		case "seed":
			w.seed, err = strconv.ParseUint(last, 10, 64)
		case "per-class":
			w.perClass, err = strconv.Atoi(last)
			if err == nil && (w.perClass < 1 || w.perClass > 1<<24) {
				err = fmt.Errorf("want 1 to %d", 1<<24)
			}
		case "classes":
			w.classes = strings.Split(last, ",")
		default:
			err = fmt.Errorf("the world knows seed, per-class and classes")
		}
		if err != nil {
			return w, fmt.Errorf("world option %s=%s: %w", key, last, err)
		}
	}
	return w, nil
}

// openWorld fills the set from the procedural world.
func (s *Set) openWorld(text string, o Options) error {
	w, err := parseWorld(text)
	if err != nil {
		return err
	}
	if len(o.Classes) > 0 {
		if len(w.classes) > 0 {
			return fmt.Errorf("classes are given twice, in the name and as an option")
		}
		w.classes = o.Classes
	}
	if len(w.classes) == 0 {
		w.classes = WorldClasses[:]
	}
	if o.PerClass > 0 {
		w.perClass = o.PerClass
	}
	if err := needClasses(WorldClasses[:], w.classes); err != nil {
		return err
	}
	taken := map[string]bool{}
	for _, name := range w.classes {
		class, _ := WorldClass(name)
		if taken[name] {
			continue
		}
		taken[name] = true
		for i := range w.perClass {
			src := worldSource{w.seed, class, w.start + i}
			s.Items = append(s.Items, Item{
				Path:   fmt.Sprintf("%s/%07d", name, i),
				Class:  name,
				Hash:   sha256.Sum256(fmt.Appendf(nil, "lethe world seed %d class %s index %d", src.seed, name, src.index)),
				source: src,
			})
		}
	}
	sort.Slice(s.Items, func(i, j int) bool { return s.Items[i].Path < s.Items[j].Path })
	return nil
}

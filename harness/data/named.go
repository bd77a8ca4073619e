package data

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"lethe/layers/rng"
)

// NamedSplits are the names that Split takes, for messages.
const NamedSplits = "imagenet-paper, places-paper or random:SEED[:FORGET[:RETAIN]]"

// NamedSplit divides classes as a name says: imagenet-paper and places-paper by the
// class lists of the authors' code, random:SEED by a draw, half the classes
// forgotten, or FORGET of them, and RETAIN others, or all others, retained. The
// draw of random:SEED:FORGET is that of SplitClasses. Results are sorted.
//
// Errors: an unknown name, numbers that do not fit, or a class of a list that is
// not among classes. A class of Places may be spelled with / as - or _ (folders
// of classes cannot lie in one another).
func NamedSplit(name string, classes []string) (retained, forgotten []string, err error) {
	switch kind, arg, _ := strings.Cut(name, ":"); kind {
	case "imagenet-paper":
		return listedSplit(classes, imagenetRetain, imagenetForget)
	case "places-paper":
		return listedSplit(classes, placesRetain, placesForget)
	case "random":
		return randomSplit(arg, classes)
	}
	return nil, nil, fmt.Errorf("unknown split %q: want %s", name, NamedSplits)
}

// listedSplit looks the classes of two lists up.
func listedSplit(classes []string, retain, forget string) (retained, forgotten []string, err error) {
	var missing []string
	find := func(list string) (out []string) {
		for _, c := range strings.Fields(list) {
			i := slices.IndexFunc([]string{c, strings.ReplaceAll(c, "/", "-"), strings.ReplaceAll(c, "/", "_")}, func(s string) bool { return slices.Contains(classes, s) })
			switch i {
			case 0:
				out = append(out, c)
			case 1:
				out = append(out, strings.ReplaceAll(c, "/", "-"))
			case 2:
				out = append(out, strings.ReplaceAll(c, "/", "_"))
			default:
				missing = append(missing, c)
			}
		}
		sort.Strings(out)
		return out
	}
	retained, forgotten = find(retain), find(forget)
	if len(missing) > 0 {
		return nil, nil, fmt.Errorf("%d of the split's classes are not there: %s", len(missing), listed(missing))
	}
	return retained, forgotten, nil
}

// randomSplit reads SEED[:FORGET[:RETAIN]] and draws.
func randomSplit(arg string, classes []string) (retained, forgotten []string, err error) {
	parts := strings.Split(arg, ":")
	seed, err := strconv.ParseUint(parts[0], 10, 64)
	if err != nil || len(parts) > 3 {
		return nil, nil, fmt.Errorf("split random:%s: want random:SEED[:FORGET[:RETAIN]]", arg)
	}
	counts := []int{len(classes) / 2, 0}
	for i, p := range parts[1:] {
		if counts[i], err = strconv.Atoi(p); err != nil || counts[i] < 1 {
			return nil, nil, fmt.Errorf("split random:%s: %q is no number of classes", arg, p)
		}
	}
	if retained, forgotten, err = SplitClasses(classes, counts[0], seed); err != nil {
		return nil, nil, fmt.Errorf("split random:%s: %w", arg, err)
	}
	if counts[1] > len(retained) {
		return nil, nil, fmt.Errorf("split random:%s: %d of %d classes to forget leave %d, not %d, to retain", arg, counts[0], len(classes), len(retained), counts[1])
	}
	if counts[1] == 0 {
		return retained, forgotten, nil
	}
	perm := rng.New(seed, rng.Split, 4, 0).Perm(len(retained))[:counts[1]]
	slices.Sort(perm)
	for i, at := range perm {
		retained[i] = retained[at] // at >= i: sorted
	}
	return retained[:counts[1]], forgotten, nil
}

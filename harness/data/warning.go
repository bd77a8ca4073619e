package data

import (
	"fmt"
	"sort"
)

// warning is something that a person should know about one file.
type warning struct{ path, what string }

func (s *Set) warn(path, what string) { s.warnings = append(s.warnings, warning{path, what}) }

// Warnings are what opening and loading met and could deal with, one line for
// each kind, naming the first file of the kind; sorted.
func (s *Set) Warnings() []string {
	kinds := map[string][]string{}
	for _, w := range s.warnings {
		kinds[w.what] = append(kinds[w.what], w.path)
	}
	var out []string
	for _, what := range sortedKeys(kinds) {
		paths := kinds[what]
		sort.Strings(paths)
		line := fmt.Sprintf("%s: %s: %s", s.Name, paths[0], what)
		if len(paths) > 1 {
			line = fmt.Sprintf("%s: %s and %d more: %s", s.Name, paths[0], len(paths)-1, what)
		}
		out = append(out, line)
	}
	return out
}

package stage

import (
	"regexp"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
)

var count = regexp.MustCompile(`(?m)^(\d+) @`)

// labelledGoroutines counts the goroutines that have both labels now, after the
// text form of the goroutine profile: a paragraph for each stack.
func labelledGoroutines(t *testing.T, stage, op string) (n int) {
	t.Helper()
	var text strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&text, 1); err != nil {
		t.Fatal(err)
	}
	for _, stack := range strings.Split(text.String(), "\n\n") {
		if !strings.Contains(stack, `"stage":"`+stage+`"`) || !strings.Contains(stack, `"op":"`+op+`"`) {
			continue
		}
		m := count.FindStringSubmatch(stack)
		if m == nil {
			t.Fatalf("no count in %q", stack)
		}
		k, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		n += k
	}
	return n
}

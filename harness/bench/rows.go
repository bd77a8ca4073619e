package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// Rows are measurements by what was measured. The name of a benchmark is a path of
// key=value parts; isa= tells who measured ("avx512", "onednn", "torch", ...) and
// net= which list the shape came from, so neither is part of what.
type Rows struct {
	samples map[key]map[string][]float64 // by unit
	what    []string                     // in order of first sight
	CPU     string
}

// key is one line of a comparison.
type key struct {
	what, isa string
	threads   int
}

// Read adds the rows of a file in Go's benchmark format to r. The line
// "gomaxprocs: N" above a row says how many threads it had, if its name does not
// end in -N.
//
// Errors: a line of the format that cannot be read, a value that is not a
// positive finite number, and what in returns.
func (r *Rows) Read(in io.Reader, name string) error {
	reader := benchfmt.NewReader(in, name)
	for reader.Scan() {
		switch row := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			return fmt.Errorf("reading benchmarks: %w", row)
		case *benchfmt.Result:
			if err := r.add(row); err != nil {
				return err
			}
		}
	}
	return reader.Err()
}

func (r *Rows) add(row *benchfmt.Result) error {
	base, parts := row.Name.Parts()
	k := key{what: string(base), threads: 1}
	if n, err := strconv.Atoi(row.GetConfig("gomaxprocs")); err == nil {
		k.threads = n
	}
	for _, p := range parts {
		part := strings.TrimPrefix(string(p), "/")
		if n, ok := strings.CutPrefix(part, "-"); ok {
			k.threads, _ = strconv.Atoi(n) // the format's own: digits
			continue
		}
		if isa, ok := strings.CutPrefix(part, "isa="); ok {
			k.isa = isa
			continue
		}
		if strings.HasPrefix(part, "net=vit") || part == "net=square" || part == "net=unet" || part == "net=down" {
			continue
		}
		k.what += "/" + part
	}
	if cpu := row.GetConfig("cpu"); cpu != "" {
		r.CPU = cpu
	}
	if r.samples == nil {
		r.samples = map[key]map[string][]float64{}
	}
	if r.samples[k] == nil {
		r.samples[k] = map[string][]float64{}
	}
	if !slices.Contains(r.what, k.what) {
		r.what = append(r.what, k.what)
	}
	for _, v := range row.Values {
		if math.IsNaN(v.Value) || math.IsInf(v.Value, 0) || v.Value < 0 {
			return fmt.Errorf("%s: %v %s is no measurement", row.Name, v.Value, v.Unit)
		}
		r.samples[k][v.Unit] = append(r.samples[k][v.Unit], v.Value)
	}
	return nil
}

// median returns the median of what one side measured, and of how many.
func (r *Rows) median(what, isa string, threads int, unit string) (v float64, n int) {
	s := slices.Sorted(slices.Values(r.samples[key{what, isa, threads}][unit]))
	if len(s) == 0 {
		return 0, 0
	}
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2, len(s)
}

// matching are the names that have all of the parts.
func (r *Rows) matching(parts ...string) []string {
	var out []string
	for _, w := range r.what {
		if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(w+"/", p) }) {
			out = append(out, w)
		}
	}
	return out
}

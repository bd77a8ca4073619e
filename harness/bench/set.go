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

// Set is a number of measurements of one machine.
type Set struct {
	config map[string][]string // of the files; the values of a key as they came, repeated ones left out
	keys   []string            // of config, as they came
	units  []string            // lines that say which direction of a unit is better
	rows   map[id]*row
	order  []*row
}

// id tells rows apart.
type id struct {
	what    string // the name without isa= and threads, with prec=
	who     string // of isa=
	threads int
}

// row is what was measured again and again.
type row struct {
	id
	name    string // of the benchmark as it came, without "Benchmark"
	bench   string // the first part of it
	label   map[string]string
	samples map[string][]float64 // by unit
	unit    []string             // as they came
}

// peers are who is not ours.
func isPeer(who string) bool {
	switch who {
	case "mkl", "openblas", "onednn", "onednn-packed", "torch", "torch-last", "torch-malloc", "onnxruntime":
		return true
	}
	return false
}

// Read adds the measurements of a file. It refuses a value that is not finite
// or not above zero where that cannot be, a line that is not understood, and
// another processor than that of what was read before.
func (s *Set) Read(r io.Reader, file string) error {
	reader := benchfmt.NewReader(r, file)
	for reader.Scan() {
		switch rec := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			return rec
		case *benchfmt.UnitMetadata:
			if line := fmt.Sprintf("Unit %s %s=%s", rec.OrigUnit, rec.Key, rec.Value); !slices.Contains(s.units, line) {
				s.units = append(s.units, line)
			}
		case *benchfmt.Result:
			if err := s.add(rec); err != nil {
				file, line := rec.Pos()
				return fmt.Errorf("%s:%d: %w", file, line, err)
			}
		}
	}
	if err := reader.Err(); err != nil {
		return fmt.Errorf("reading measurements: %w", err)
	}
	return nil
}

func (s *Set) add(rec *benchfmt.Result) error {
	if s.rows == nil {
		s.rows, s.config = map[id]*row{}, map[string][]string{}
	}
	for _, c := range rec.Config {
		if !c.File {
			continue
		}
		value := strings.TrimSpace(string(c.Value))
		seen := s.config[c.Key]
		if c.Key == "cpu" && len(seen) > 0 && seen[0] != value {
			return fmt.Errorf("measured on %q, what is before on %q: two machines are never compared", value, seen[0])
		}
		if len(seen) == 0 {
			s.keys = append(s.keys, c.Key)
		}
		if !slices.Contains(seen, value) {
			s.config[c.Key] = append(seen, value)
		}
	}
	r := parse(rec.Name)
	if old := s.rows[r.id]; old != nil {
		r = old
	} else {
		s.rows[r.id] = r
		s.order = append(s.order, r)
	}
	for _, v := range rec.Values {
		if math.IsNaN(v.Value) || math.IsInf(v.Value, 0) || v.Value < 0 {
			return fmt.Errorf("%s is %v %s", rec.Name, v.Value, v.Unit)
		}
		if v.Value == 0 && v.Unit != "B/op" && v.Unit != "allocs/op" {
			return fmt.Errorf("%s is 0 %s", rec.Name, v.Unit)
		}
		if r.samples[v.Unit] == nil {
			r.unit = append(r.unit, v.Unit)
		}
		r.samples[v.Unit] = append(r.samples[v.Unit], v.Value)
	}
	return nil
}

// parse takes a name apart. A name without prec= is of f32.
func parse(name benchfmt.Name) *row {
	base, parts := name.Parts()
	r := &row{id: id{threads: 1}, name: string(name), bench: string(base), label: map[string]string{"prec": "f32"}, samples: map[string][]float64{}}
	var rest []string
	for _, part := range parts {
		text := string(part)
		if n, err := strconv.Atoi(strings.TrimPrefix(text, "-")); err == nil && text[0] == '-' {
			r.threads = n
			continue
		}
		key, value, _ := strings.Cut(strings.TrimPrefix(text, "/"), "=")
		switch key {
		case "isa":
			r.who = value
		case "prec":
			r.label[key] = value
		default:
			r.label[key] = value
			rest = append(rest, text)
		}
	}
	r.what = r.bench + "/prec=" + r.label["prec"] + strings.Join(rest, "")
	return r
}

// value is the last value of a key of the files' headers, or "".
func (s *Set) value(key string) string {
	if v := s.config[key]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

// threads lists the numbers of threads that were measured.
func (s *Set) threads() (out []int) {
	for _, r := range s.order {
		if !slices.Contains(out, r.threads) {
			out = append(out, r.threads)
		}
	}
	slices.Sort(out)
	return out
}

// ours finds our measurement of what; whos are the instruction sets that will
// do, the best first, none for any.
func (s *Set) ours(what string, threads int, whos ...string) *row {
	for _, r := range s.order {
		if len(whos) == 0 && r.what == what && r.threads == threads && !isPeer(r.who) {
			return r
		}
	}
	for _, who := range whos {
		if r := s.rows[id{what, who, threads}]; r != nil {
			return r
		}
	}
	return nil
}

// fastest is the peer, of those named, whose median is the lowest in a unit of
// which less is better; nil if none was measured.
func (s *Set) fastest(what string, threads int, unit string, whos ...string) (best *row) {
	for _, who := range whos {
		r := s.rows[id{what, who, threads}]
		if r != nil && len(r.samples[unit]) > 0 && (best == nil || r.median(unit) < best.median(unit)) {
			best = r
		}
	}
	return best
}

// median of the samples of a unit; NaN without any.
func (r *row) median(unit string) float64 { return median(r.samples[unit]) }

func median(samples []float64) float64 {
	n := len(samples)
	if n == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(samples))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// geomean of positive numbers; NaN without any.
func geomean(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sum := 0.0
	for _, v := range values {
		sum += math.Log(v)
	}
	return math.Exp(sum / float64(len(values)))
}

package metric

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"lethe/harness/metric/dense"
)

// ErrMismatch is wrapped by every error about two sets that cannot be compared:
// other features, or features of other networks or other preparation.
var ErrMismatch = errors.New("the sets do not match")

// ErrTooFew is wrapped by every error about a set with too few samples.
var ErrTooFew = errors.New("too few samples")

// Provenance says where the features of a set come from. Numbers of different
// provenance must not be compared, so it travels with every result.
type Provenance struct {
	Network string `json:"network,omitempty"` // name of the network
	SHA256  string `json:"sha256,omitempty"`  // of its weights
	Resizer string `json:"resizer,omitempty"` // how images were scaled to its input
	Decoder string `json:"decoder,omitempty"` // how files became pixels
}

// InceptionNetwork is the network whose Frechet distance may be called FID: the
// 2015 TensorFlow Inception with 1008 classes, not torchvision's.
const InceptionNetwork = "FID-Inception-v3"

// FrechetColumn names the Frechet distance over the features of a network: FID
// belongs to one network alone, any other is FD(its name).
func FrechetColumn(network string) string {
	return networkColumn("FID", "FD", network)
}

// networkColumn is canonical for features of the FID's Inception, otherwise
// general(network).
func networkColumn(canonical, general, network string) string {
	switch name := strings.TrimSpace(network); name {
	case InceptionNetwork:
		return canonical
	case "":
		return general + "(unnamed)"
	default:
		return general + "(" + name + ")"
	}
}

// Set is the features of a set of images.
type Set struct {
	N, D int
	Rows []float32 // [N,D]
	From Provenance
}

// Result is one number of one metric over sets.
type Result struct {
	Column   string     `json:"column"` // what to call it in a table
	Value    float64    `json:"value"`
	SD       *float64   `json:"sd,omitempty"` // spread, where the metric has one
	N        []int      `json:"n"`            // samples of each set
	From     Provenance `json:"from"`
	Warnings []string   `json:"warnings,omitempty"` // what makes the number doubtful, and what to do
}

func (s Set) check(op string) error {
	if s.N < 0 || s.D < 1 {
		panic(fmt.Sprintf("metric: %s: set is %dx%d, want at least 0x1", op, s.N, s.D))
	}
	needLen(op, "Rows", len(s.Rows), s.N*s.D)
	if s.N < 2 {
		return fmt.Errorf("metric: %s: a set has %d samples, need at least 2: give more images: %w", op, s.N, ErrTooFew)
	}
	for i, v := range s.Rows {
		if x := float64(v); math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("metric: %s: feature %d of sample %d is %v: look at that image and at the network's weights: %w", op, i%s.D, i/s.D, x, ErrNonFinite)
		}
	}
	return nil
}

// checkSets refuses two sets that cannot be compared.
func checkSets(op string, x, y Set) error {
	if err := x.check(op); err != nil {
		return err
	}
	if err := y.check(op); err != nil {
		return err
	}
	return checkFrom(op, x.D, y.D, x.From, y.From)
}

// checkFrom compares the number of features and where they come from. What one
// side does not say is not held against it.
func checkFrom(op string, d1, d2 int, a, b Provenance) error {
	if d1 != d2 {
		return fmt.Errorf("metric: %s: %d and %d features a sample: extract both sets with one network: %w", op, d1, d2, ErrMismatch)
	}
	for _, part := range []struct{ what, a, b, do string }{
		{"networks", a.Network, b.Network, "extract both sets with one network"},
		{"weights", a.SHA256, b.SHA256, "extract both sets with one file of weights"},
		{"resizers", a.Resizer, b.Resizer, "extract both sets with one resizer"},
		{"decoders", a.Decoder, b.Decoder, "decode both sets in one way"},
	} {
		if part.a != "" && part.b != "" && part.a != part.b {
			return fmt.Errorf("metric: %s: the %s differ, %s and %s: %s: %w", op, part.what, part.a, part.b, part.do, ErrMismatch)
		}
	}
	return nil
}

// centred is the set less the mean, in float64.
func (s Set) centred(mean []float64) dense.Matrix {
	m := dense.New(s.N, s.D)
	for i := range s.N {
		row := m.Row(i)
		for j, v := range s.Rows[i*s.D:][:s.D] {
			row[j] = float64(v) - mean[j]
		}
	}
	return m
}

// rows are samples [first,last), a view.
func (s Set) rows(first, last int) Set {
	return Set{N: last - first, D: s.D, Rows: s.Rows[first*s.D : last*s.D], From: s.From}
}

// mean is the mean of each feature.
func (s Set) mean() []float64 {
	out := make([]float64, s.D)
	for i := range s.N {
		for j, v := range s.Rows[i*s.D:][:s.D] {
			out[j] += float64(v)
		}
	}
	for j := range out {
		out[j] /= float64(s.N)
	}
	return out
}

// Comparable is nil when features of d1 numbers from p may be laid beside
// features of d2 numbers from q.
// Errors: ErrMismatch, saying what differs and what to do.
func (p Provenance) Comparable(d1, d2 int, q Provenance) error {
	return checkFrom("Comparable", d1, d2, p, q)
}

// pairResult begins a result over two sets: its column, and where it is from.
// What one set does not say is taken from the other, and a network that is
// taken on trust is warned of, since it names the column.
func pairResult(column func(network string) string, x, y Provenance, n ...int) Result {
	r := Result{N: n, From: x}
	for _, p := range []struct{ to, from *string }{
		{&r.From.Network, &y.Network}, {&r.From.SHA256, &y.SHA256}, {&r.From.Resizer, &y.Resizer}, {&r.From.Decoder, &y.Decoder},
	} {
		if *p.to == "" {
			*p.to = *p.from
		}
	}
	r.Column = column(r.From.Network)
	if (x.Network == "") != (y.Network == "") {
		silent := 1
		if y.Network == "" {
			silent = 2
		}
		r.Warnings = []string{fmt.Sprintf("set %d does not say which network made it; it is taken to be %s: extract both with lethe features to be sure", silent, r.From.Network)}
	}
	return r
}

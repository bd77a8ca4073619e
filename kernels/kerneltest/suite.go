package kerneltest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Suite counts the cases of one test. When the test ends having run none, it
// fails: a table that filters everything away proves nothing.
type Suite struct {
	t   testing.TB
	ran int
}

// New starts a suite that belongs to t.
func New(t testing.TB) *Suite {
	s := &Suite{t: t}
	t.Cleanup(func() {
		if err := s.verdict(); err != nil && !t.Skipped() {
			t.Error(err)
		}
	})
	return s
}

// verdict is the error of a suite that ran nothing.
func (s *Suite) verdict() error {
	if s.ran == 0 {
		return fmt.Errorf("kerneltest: %s ran no case", s.t.Name())
	}
	return nil
}

// Run runs one case and then checks that everything around its buffers is as it
// was. Failures name the case.
func (s *Suite) Run(name string, body func(c *Case)) {
	s.t.Helper()
	s.ran++
	c := &Case{TB: s.t, name: name, Rand: rand.New(rand.NewPCG(uint64(s.ran), 0x6c65746865))}
	defer c.finish()
	body(c)
	for _, b := range c.buffers {
		if err := b.intact(); err != nil {
			c.Fail("%v", err)
		}
	}
	if c.failed > maxReports {
		s.t.Errorf("%s: %d more failures", name, c.failed-maxReports)
	}
}

// maxReports is how many failures of one case are printed.
const maxReports = 5

// Case is one call of a kernel under test.
type Case struct {
	testing.TB
	Rand    *rand.Rand // seeded by the number of the case
	name    string
	buffers []*buffer
	release []func() // gives mapped memory back
	failed  int
}

func (c *Case) finish() {
	for _, f := range c.release {
		f()
	}
}

// Fail reports a failure of the case and goes on.
func (c *Case) Fail(format string, args ...any) {
	c.Helper()
	if c.failed++; c.failed <= maxReports {
		c.Errorf("%s: %s", c.name, fmt.Sprintf(format, args...))
	}
}

// Near fails the case unless got is within tolerance of want. NaN equals NaN
// only, and an infinity only itself.
func (c *Case) Near(what string, index int, got float32, want, tolerance float64) {
	c.Helper()
	if !near(got, want, tolerance) {
		c.Fail("%s[%d] is %g, want %g within %.3g", what, index, got, want, tolerance)
	}
}

// near accepts what it can prove, so that a NaN anywhere is a failure unless it
// is the expected result.
func near(got float32, want, tolerance float64) bool {
	switch {
	case math.IsNaN(want):
		return math.IsNaN(float64(got))
	case math.IsInf(want, 0):
		return float64(got) == want
	}
	return math.Abs(float64(got)-want) <= tolerance
}

// Same fails the case unless got and want have the same bits.
func (c *Case) Same(what string, got, want []float32) {
	c.Helper()
	if len(got) != len(want) {
		c.Fail("len(%s) is %d, want %d", what, len(got), len(want))
		return
	}
	for i := range got {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			c.Fail("%s[%d] is %x, want the bits %x", what, i, math.Float32bits(got[i]), math.Float32bits(want[i]))
		}
	}
}

// Bound is the largest error that a float32 sum of terms products can have, in
// any order, with or without fused operations:
//
//	g(terms) * magnitude, g(k) = k*u/(1-k*u), u = 2^-24
//
// magnitude is the sum of the absolute products. A product that underflows adds
// at most half the smallest float32 per term.
// Source: Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., ch. 3.
func Bound(terms int, magnitude float64) float64 {
	const u = 1.0 / (1 << 24)
	k := float64(terms) * u
	return k/(1-k)*magnitude + float64(terms)*math.SmallestNonzeroFloat32
}

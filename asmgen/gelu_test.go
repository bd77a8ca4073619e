package main

import (
	"math"
	"testing"
)

// TestGeluPolynomials holds the coefficients against the functions in float64: as near as their comments
// say, and cut off before geluMost, by more than float32 sums can be off.
func TestGeluPolynomials(t *testing.T) {
	const steps = 1 << 16
	cube := func(terms []float32, u float64) (p, p3 float64) {
		for i := len(terms) - 1; i >= 0; i-- {
			p = p*u + float64(terms[i])
		}
		return p, math.Pow(max(p, 0), 3)
	}
	tail := func(u float64) float64 { return math.Erfc(u/math.Sqrt2) / 2 }
	fall := func(u float64) float64 { return tail(u) - u*math.Exp(-u*u/2)/math.Sqrt(2*math.Pi) }

	var worst struct{ tail, value, fall float64 }
	for i := range steps {
		u := geluMost * float64(i) / steps
		_, tail3 := cube(geluTail[:], u)
		_, fall3 := cube(geluFall[:], u)
		worst.tail = max(worst.tail, math.Abs(tail3-tail(u)))
		worst.value = max(worst.value, u*math.Abs(tail3-tail(u)))
		worst.fall = max(worst.fall, math.Abs((geluRoot-u)*fall3-fall(u)))
	}
	for _, w := range []struct {
		name       string
		off, bound float64
	}{
		{"tail", worst.tail, 2.75e-8},
		{"u*tail", worst.value, 1.65e-8},
		{"fall", worst.fall, 3.85e-8},
		{"u*tail beyond geluMost", geluMost * tail(geluMost), 1.65e-8},
		{"fall beyond geluMost", math.Abs(fall(geluMost)), 3.85e-8},
		{"fall at geluRoot", math.Abs(fall(geluRoot)), 3.85e-8},
	} {
		if w.off > w.bound {
			t.Errorf("%s is %.3g off, at most %.3g", w.name, w.off, w.bound)
		}
	}
	for name, terms := range map[string][]float32{"geluTail": geluTail[:], "geluFall": geluFall[:]} {
		sum := 0.0
		for i, c := range terms {
			sum += math.Abs(float64(c)) * math.Pow(geluMost, float64(i))
		}
		if p, _ := cube(terms, geluMost); p > -sum*float64(len(terms))/(1<<24) {
			t.Errorf("%s has %.3g at geluMost, where roundings may be %.3g", name, p, sum*float64(len(terms))/(1<<24))
		}
	}
}

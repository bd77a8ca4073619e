package main

import (
	"math"
	"testing"
)

// TestGeluPieces holds the coefficients against the functions: each polynomial is the
// one through Chebyshev's points of its piece, but for the limits at both ends, and as near
// as its comment says.
func TestGeluPieces(t *testing.T) {
	cdf := func(x float64) float64 { return math.Erf(x/math.Sqrt2) / 2 }
	slope := func(x float64) float64 { return cdf(x) + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi) }
	for _, f := range []struct {
		piecewise
		at        func(float64) float64
		off, last float64
	}{{geluCDF, cdf, 4.5e-8, 4.5e-8}, {geluSlope, slope, 2.5e-8, 7e-8}} {
		for k, terms := range f.terms {
			want := throughChebyshev(func(u float64) float64 { return f.at((float64(k) + u) / geluRate) }, len(terms))
			if k == geluPieces-1 {
				want[0] = 0.5
			}
			for power, c := range terms {
				if k == 0 && power%2 == 0 {
					want[power] = 0
				}
				if math.Abs(float64(c)-want[power]) > 1e-7*math.Abs(want[power])+1e-11 {
					t.Errorf("%s, piece %d: the coefficient of u^%d is %g, want %g", f.name, k, power, c, want[power])
				}
			}
			most, off := 0.5, f.off
			if k == geluPieces-1 {
				most, off = 0, f.last
			}
			for u := max(-0.5, -float64(k)); u <= most; u += 1.0 / 512 {
				sum := 0.0
				for power := len(terms) - 1; power >= 0; power-- {
					sum = sum*u + float64(terms[power])
				}
				// The coefficient of u^0 is rounded, to half a unit of a number below 1.
				if err := math.Abs(sum - f.at((float64(k)+u)/geluRate)); err > off+3e-8 {
					t.Errorf("%s, piece %d: %g off at u = %g", f.name, k, err, u)
				}
			}
		}
	}
}

// throughChebyshev returns the coefficients, lowest power first, of the polynomial of n terms through
// f at Chebyshev's points of |u| <= 1/2.
func throughChebyshev(f func(float64) float64, n int) []float64 {
	u, divided := make([]float64, n), make([]float64, n)
	for i := range n {
		u[i] = math.Cos(math.Pi*(float64(i)+0.5)/float64(n)) / 2
		divided[i] = f(u[i])
	}
	for step := 1; step < n; step++ { // Newton's divided differences
		for i := n - 1; i >= step; i-- {
			divided[i] = (divided[i] - divided[i-1]) / (u[i] - u[i-step])
		}
	}
	terms := make([]float64, n)
	for i := n - 1; i >= 0; i-- { // terms = terms*(u-u[i]) + divided[i]
		for j := n - 1; j > 0; j-- {
			terms[j] = terms[j-1] - u[i]*terms[j]
		}
		terms[0] = divided[i] - u[i]*terms[0]
	}
	return terms
}

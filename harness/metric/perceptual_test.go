package metric

import (
	"errors"
	"math"
	"slices"
	"testing"
)

func TestLPIPSMatchesNumpy(t *testing.T) {
	var x, y []Activation
	var heads [][]float32
	for _, s := range [][3]int{{8, 5, 7}, {16, 3, 2}} {
		c, area := s[0], s[1]*s[2]
		a, b := Activation{c, s[1], s[2], features(c, area, 1).Rows}, Activation{c, s[1], s[2], features(c, area, 2).Rows}
		for k := range c {
			a.Data[k*area] = 0
		}
		x, y, heads = append(x, a), append(y, b), append(heads, features(1, c, 4).Rows)
	}
	want := readSets(t).LPIPS[0].Value
	if got, err := LPIPS(x, y, heads); err != nil || !near(got, want) {
		t.Errorf("LPIPS is %v, %v, want %v", got, err, want)
	}
	if got, err := LPIPS(x, x, heads); err != nil || got != 0 {
		t.Errorf("LPIPS of equal activations is %v, %v, want 0", got, err)
	}
	y[1].Data[3] = float32(math.Inf(1))
	if _, err := LPIPS(x, y, heads); !errors.Is(err, ErrNonFinite) {
		t.Errorf("an infinity gave %v", err)
	}
}

func TestIntegrity(t *testing.T) {
	values := []float64{0.1, 0.4, 0, 0.4, 0.1}
	r, err := Integrity("MSE", values, []float64{0.5, 0.3})
	if err != nil || !near(r.Mean, 0.2) || !near(*r.Relative, 0.5) || r.Max != 0.4 || !near(r.P95, 0.4) || r.N != 5 {
		t.Errorf("integrity is %+v, %v", r, err)
	}
	if !slices.Equal(r.Worst, []int{1, 3, 0, 4, 2}) || len(r.Warnings) != 1 {
		t.Errorf("worst are %v, warnings %q", r.Worst, r.Warnings)
	}
	if r, err := Integrity("MSE", values, nil); err != nil || r.Relative != nil {
		t.Errorf("without seeds it is %+v, %v", r, err)
	}
	if _, err := Integrity("MSE", nil, nil); !errors.Is(err, ErrEmpty) {
		t.Errorf("no image gave %v", err)
	}
	if _, err := Integrity("MSE", values, []float64{0, 0}); !errors.Is(err, ErrEmpty) {
		t.Errorf("equal seeds gave %v", err)
	}
	if _, err := Integrity("MSE", []float64{math.NaN()}, nil); !errors.Is(err, ErrNonFinite) {
		t.Errorf("a NaN gave %v", err)
	}
}

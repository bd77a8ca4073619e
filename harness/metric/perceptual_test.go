package metric

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"lethe/harness/checkpoint"
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

// TestLPIPSHeadsOfTheOriginal reads the published heads, where they are at hand:
// one a layer, as wide as the backbone's layers.
func TestLPIPSHeadsOfTheOriginal(t *testing.T) {
	shared := os.Getenv("LETHE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	folder := filepath.Join(shared, "data", "weights", "lpips_v0.1")
	if _, err := os.Stat(folder); err != nil {
		t.Skip("no published heads: ", err)
	}
	for name, want := range map[string][]int{
		"alex": {64, 192, 384, 256, 256}, "vgg": {64, 128, 256, 512, 512}, "squeeze": {64, 128, 256, 384, 384, 512, 512},
	} {
		f, err := checkpoint.Open(filepath.Join(folder, name+".safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		heads, err := LPIPSHeads(func(name string) ([]float32, bool) {
			tensor, ok := f.Get(name)
			if !ok {
				return nil, false
			}
			data, err := tensor.Float32()
			return slices.Clone(data), err == nil
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []int
		var x, y []Activation
		for l, h := range heads {
			got = append(got, len(h))
			x = append(x, Activation{len(h), 3, 3, features(len(h), 9, uint32(l+1)).Rows})
			y = append(y, Activation{len(h), 3, 3, features(len(h), 9, uint32(l+9)).Rows})
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: heads are %v wide, want %v", name, got, want)
		}
		if d, err := LPIPS(x, y, heads); err != nil || !(d > 0) {
			t.Errorf("%s: distance is %v, %v, want above 0", name, d, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	none := func(string) ([]float32, bool) { return nil, false }
	if _, err := LPIPSHeads(none); !errors.Is(err, ErrEmpty) {
		t.Errorf("no heads gave %v", err)
	}
}

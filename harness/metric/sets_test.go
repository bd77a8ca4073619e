package metric

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"lethe/harness/metric/dense"
)

//go:embed testdata/sets.json
var setsText []byte

type setsGolden struct {
	Frechet []struct {
		NX, NY, D int
		Value     float64
	}
	KID []struct {
		NX, NY, D, M int
		Mean, SD     float64
	}
	IS []struct {
		N, Classes, Splits int
		Mean, SD           float64
	}
	Cosine []struct {
		N, D          int
		Mean, SD, MSE float64
	}
	LPIPS  []struct{ Value float64 }
	Images []struct {
		C, H, W               int
		PSNR, SSIM, MSE, Hole float64
	}
}

func readSets(t *testing.T) setsGolden {
	t.Helper()
	var g setsGolden
	if err := json.Unmarshal(setsText, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Frechet) == 0 || len(g.KID) == 0 || len(g.IS) == 0 || len(g.Cosine) == 0 || len(g.LPIPS) == 0 || len(g.Images) == 0 {
		t.Fatal("sets.json lacks a metric")
	}
	return g
}

// features is features of testdata/sets.py; every step is exact.
func features(n, d int, seed uint32) Set {
	u, s := make([]float64, n*(d+1)), seed
	for i := range u {
		s = s*1664525 + 1013904223
		u[i] = float64(s>>16) / 65536
	}
	out := Set{N: n, D: d, Rows: make([]float32, n*d)}
	for i := range n {
		row := u[i*(d+1):][:d+1]
		for j := range d {
			out.Rows[i*d+j] = float32(0.5*row[j] + 0.25*row[j+1] + 0.125*float64(seed%7))
		}
	}
	return out
}

// close6 accepts what the reference's own route leaves open: a root of whole
// matrices, whose small eigenvalues carry the root of the rounding.
func close6(got, want float64) bool { return math.Abs(got-want) <= 1e-6*math.Abs(want) }

func TestFrechetMatchesScipy(t *testing.T) {
	for _, c := range readSets(t).Frechet {
		x, y := features(c.NX, c.D, 1), features(c.NY, c.D, 2)
		r, err := FrechetDistance(x, y)
		if err != nil || !close6(r.Value, c.Value) {
			t.Errorf("%d and %d of %d: distance is %v, %v, want %v", c.NX, c.NY, c.D, r.Value, err, c.Value)
		}
		if back, err := FrechetDistance(y, x); err != nil || !close6(back.Value, r.Value) {
			t.Errorf("%d and %d of %d: turned round it is %v, %v, want %v", c.NX, c.NY, c.D, back.Value, err, r.Value)
		}
		// The other route, whichever was taken: both must agree.
		a, _ := SetMoments(x)
		b, _ := SetMoments(y)
		if m, err := FrechetOfMoments(a, b); err != nil || !close6(m.Value, r.Value) {
			t.Errorf("%d and %d of %d: by moments it is %v, %v, want %v", c.NX, c.NY, c.D, m.Value, err, r.Value)
		}
	}
}

func TestFrechetOfASetWithItself(t *testing.T) {
	for _, n := range []int{20, 64, 65, 300} { // below, at and above the number of features
		x := features(n, 64, 1)
		r, err := FrechetDistance(x, x)
		if err != nil || !(math.Abs(r.Value) <= 1e-8) {
			t.Errorf("n=%d: distance of a set and itself is %v, %v, want 0", n, r.Value, err)
		}
		m, _ := SetMoments(x)
		m2, _ := SetMoments(x)
		if r, err := FrechetOfMoments(m, m2); err != nil || !(math.Abs(r.Value) <= 1e-6) {
			t.Errorf("n=%d: by moments it is %v, %v, want 0", n, r.Value, err)
		}
	}
}

// A constant added to one set moves the mean alone: the distance is its square.
func TestFrechetByHand(t *testing.T) {
	for _, n := range []int{10, 200} {
		x := features(n, 16, 1)
		y := Set{N: n, D: 16, Rows: slices.Clone(x.Rows)}
		for i := range y.Rows {
			y.Rows[i] += 0.5
		}
		if r, err := FrechetDistance(x, y); err != nil || !close6(r.Value, 16*0.25) {
			t.Errorf("n=%d: distance is %v, %v, want 4", n, r.Value, err)
		}
	}
	// One feature: (s1-s2)^2. The deviations of {0,2} and {0,6} are sqrt 2, sqrt 18; the means 1, 3.
	r, err := FrechetDistance(Set{N: 2, D: 1, Rows: []float32{0, 2}}, Set{N: 2, D: 1, Rows: []float32{0, 6}})
	if want := 4 + 2.0 + 18 - 2*6; err != nil || !near(r.Value, want) {
		t.Errorf("distance is %v, %v, want %v", r.Value, err, want)
	}
}

// rotate reflects every sample at one plane, in float64 rounded once.
func rotate(s Set, seed uint64) Set {
	rng := rand.New(rand.NewPCG(seed, 2))
	v := make([]float64, s.D)
	for i := range v {
		v[i] = rng.NormFloat64()
	}
	long := sumSquares(v)
	out := Set{N: s.N, D: s.D, Rows: slices.Clone(s.Rows)}
	for i := range s.N {
		row, along := out.Rows[i*s.D:][:s.D], 0.0
		for j, e := range row {
			along += float64(e) * v[j]
		}
		for j := range row {
			row[j] -= float32(2 * along / long * v[j])
		}
	}
	return out
}

// The float32 of the rotated features leave 6e-8 of them, and the distance is a
// small difference of traces, here a tenth of them.
func TestFrechetUnderRotation(t *testing.T) {
	for _, n := range []int{30, 200} {
		x, y := features(n, 48, 1), features(n+5, 48, 2)
		a, err := FrechetDistance(x, y)
		if err != nil {
			t.Fatal(err)
		}
		b, err := FrechetDistance(rotate(x, 3), rotate(y, 3))
		if err != nil || !close6(a.Value, b.Value) {
			t.Errorf("n=%d: rotated, the distance is %v, %v, want %v", n, b.Value, err, a.Value)
		}
	}
}

// Features that never change, or are copies of each other, take the rank away.
func TestFrechetOfDeadFeatures(t *testing.T) {
	x, y := features(200, 24, 1), features(180, 24, 2)
	want, err := FrechetDistance(x, y)
	if err != nil {
		t.Fatal(err)
	}
	widen := func(s Set) Set {
		out := Set{N: s.N, D: s.D + 3}
		for i := range s.N {
			out.Rows = append(append(out.Rows, 0, 7), s.Rows[i*s.D:][:s.D]...)
			out.Rows = append(out.Rows, 0)
		}
		return out
	}
	if r, err := FrechetDistance(widen(x), widen(y)); err != nil || !close6(r.Value, want.Value) {
		t.Errorf("with dead features the distance is %v, %v, want %v", r.Value, err, want.Value)
	}
}

func TestKIDMatchesScikitLearn(t *testing.T) {
	for _, c := range readSets(t).KID {
		x, y := features(c.NX, c.D, 1), features(c.NY, c.D, 2)
		var picks [][2][]int
		for s := range 5 {
			var p [2][]int
			for i := range c.M {
				p[0], p[1] = append(p[0], (i*7+s)%c.NX), append(p[1], (i*11+s)%c.NY)
			}
			picks = append(picks, p)
		}
		values, err := kidValues(context.Background(), x, y, picks)
		if err != nil {
			t.Fatal(err)
		}
		m := mean(values)
		if sd := deviation(values, m); !near(m, c.Mean) || !(math.Abs(sd-c.SD) <= 1e-9) {
			t.Errorf("KID is %v +- %v, want %v +- %v", m, sd, c.Mean, c.SD)
		}
		for i, p := range picks { // one at a time takes the route without shared matrices
			if one, err := kidValues(context.Background(), x, y, picks[i:i+1]); err != nil || !near(one[0], values[i]) {
				t.Errorf("subset %v alone gives %v, %v, want %v", p[0][:3], one, err, values[i])
			}
		}
	}
}

func TestKIDIsSeeded(t *testing.T) {
	ctx, x, y := context.Background(), features(80, 20, 1), features(90, 20, 2)
	a, err := KID(ctx, x, y, KIDOptions{Subsets: 7, Size: 30})
	if err != nil || a.SD == nil || !(*a.SD > 0) || len(a.Warnings) != 0 {
		t.Fatalf("KID is %+v, %v", a, err)
	}
	b, _ := KID(ctx, x, y, KIDOptions{Subsets: 7, Size: 30, Seed: 2020})
	c, _ := KID(ctx, x, y, KIDOptions{Subsets: 7, Size: 30, Seed: 1})
	if a.Value != b.Value || a.Value == c.Value {
		t.Errorf("seeds 0, 2020 and 1 gave %v, %v, %v: want the first two equal, the third another", a.Value, b.Value, c.Value)
	}
	same, _ := KID(ctx, x, x, KIDOptions{})
	if same.SD != nil || !(same.Value < 0) || len(same.Warnings) != 2 {
		t.Errorf("KID of a set and itself is %+v, want one subset, below 0, with two warnings", same)
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := KID(stopped, x, y, KIDOptions{Size: 30}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled KID gave %v", err)
	}
}

func TestInceptionScoreMatchesScipy(t *testing.T) {
	for _, c := range readSets(t).IS {
		x := features(c.N, c.Classes, 3)
		for i := range x.Rows {
			x.Rows[i] *= 16
		}
		r, err := InceptionScore(x.Rows, c.N, c.Classes, Provenance{}, ISOptions{Splits: c.Splits})
		if err != nil || !near(r.Value, c.Mean) {
			t.Errorf("score is %v, %v, want %v", r.Value, err, c.Mean)
			continue
		}
		switch {
		case (r.SD == nil) != (c.Splits == 1):
			t.Errorf("%d splits have the spread %v", c.Splits, r.SD)
		case r.SD != nil && !(math.Abs(*r.SD-c.SD) <= 1e-9*c.SD):
			t.Errorf("spread is %v, want %v", *r.SD, c.SD)
		}
	}
}

// Sharp classes, all alike often, score their number; equal logits score 1.
func TestInceptionScoreByHand(t *testing.T) {
	logits := make([]float32, 40*4)
	if r, err := InceptionScore(logits, 40, 4, Provenance{}, ISOptions{Splits: 2}); err != nil || !near(r.Value, 1) {
		t.Errorf("score of equal logits is %v, %v, want 1", r.Value, err)
	}
	for i := range 40 {
		logits[i*4+i%4] = 1e6 // exp overflows unless the largest is taken off first
	}
	if r, err := InceptionScore(logits, 40, 4, Provenance{}, ISOptions{Splits: 2, Seed: 0}); err != nil || !near(r.Value, 4) || !near(*r.SD+1, 1) {
		t.Errorf("score of sharp logits is %+v, %v, want 4", r, err)
	}
}

func TestCosineMatchesNumpy(t *testing.T) {
	for _, c := range readSets(t).Cosine {
		x, y := features(c.N, c.D, 1), features(c.N, c.D, 2)
		r, err := Cosine(x, y)
		if err != nil || !near(r.Value, c.Mean) || !near(*r.SD, c.SD) {
			t.Errorf("cosine is %+v, %v, want %v +- %v", r, err, c.Mean, c.SD)
		}
		mse, err := PairedMSE(x, y)
		if err != nil || !near(mean(mse), c.MSE) {
			t.Errorf("mean squared difference is %v, %v, want %v", mean(mse), err, c.MSE)
		}
	}
}

func TestImagesMatchSkimage(t *testing.T) {
	for _, c := range readSets(t).Images {
		x := Image{c.C, c.H, c.W, features(c.C, c.H*c.W, 1).Rows}
		y := Image{c.C, c.H, c.W, features(c.C, c.H*c.W, 2).Rows}
		psnr, err1 := PSNR(y, x)
		ssim, err2 := SSIM(y, x)
		mse, err3 := ImageMSE(y, x)
		removed := make([]float32, c.C*c.H)
		for i := range removed {
			removed[i] = float32(1 - i%2)
		}
		hole, err4 := HoleMSE(y.Pix, x.Pix, removed)
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			t.Fatal(err)
		}
		// SSIM may be near 0, a difference of terms of order 1.
		if !near(psnr, c.PSNR) || !(math.Abs(ssim-c.SSIM) <= 1e-11) || !near(mse, c.MSE) || !near(hole, c.Hole) {
			t.Errorf("PSNR, SSIM, MSE, hole MSE are %v %v %v %v, want %+v", psnr, ssim, mse, hole, c)
		}
	}
}

// Any number of workers gives the same bits, on either route.
func TestSetsOnAnyWorkers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var first []float64
	for _, workers := range []int{1, 2, 5} {
		runtime.GOMAXPROCS(workers)
		var all []float64
		for _, n := range []int{90, 260} {
			x, y := features(n, 130, 1), features(n+9, 130, 2)
			f, err1 := FrechetDistance(x, y)
			k, err2 := KID(context.Background(), x, y, KIDOptions{Subsets: 3, Size: 50})
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			all = append(all, f.Value, k.Value, *k.SD)
		}
		if first == nil {
			first = all
		}
		if !slices.Equal(all, first) {
			t.Errorf("%d workers gave %v, 1 gave %v", workers, all, first)
		}
	}
}

// TestColumns proves that FID names one network only.
func TestColumns(t *testing.T) {
	for network, want := range map[string]string{
		"FID-Inception-v3": "FID",
		"Inception-v3":     "FD(Inception-v3)", // torchvision's is another network
		"clip-vit-b32":     "FD(clip-vit-b32)",
		"fid-inception-v4": "FD(fid-inception-v4)",
		"":                 "FD(unnamed)",
	} {
		x, y := features(30, 8, 1), features(30, 8, 2)
		x.From.Network, y.From.Network = network, network
		r, err := FrechetDistance(x, y)
		if err != nil || r.Column != want || FrechetColumn(network) != want {
			t.Errorf("column of %q is %q and %q, %v, want %q", network, r.Column, FrechetColumn(network), err, want)
		}
		k, err := KID(context.Background(), x, y, KIDOptions{})
		if want := strings.NewReplacer("FID", "KID", "FD(", "KID(").Replace(want); err != nil || k.Column != want {
			t.Errorf("column of KID over %q is %q, %v, want %q", network, k.Column, err, want)
		}
	}
}

func TestFrechetWarnsOfFewSamples(t *testing.T) {
	x, y := features(2100, 4, 1), features(50, 4, 2)
	r, err := FrechetDistance(x, y)
	if err != nil || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "n = 50 ") || !strings.Contains(r.Warnings[0], "at least 2048 images") {
		t.Errorf("warnings are %q, %v, want one about n = 50", r.Warnings, err)
	}
	if r.Column != "FD(unnamed)" || !slices.Equal(r.N, []int{2100, 50}) {
		t.Errorf("result is %+v", r)
	}
}

func TestSetsRefuse(t *testing.T) {
	x, y := features(30, 8, 1), features(30, 8, 2)
	bad := Set{N: 30, D: 8, Rows: slices.Clone(x.Rows)}
	bad.Rows[17] = float32(math.NaN())
	endless := Set{N: 30, D: 8, Rows: slices.Clone(x.Rows)}
	endless.Rows[3] = float32(math.Inf(1))
	zero := Set{N: 30, D: 8, Rows: slices.Clone(x.Rows)}
	clear(zero.Rows[:8])
	from := func(p Provenance) Set { s := x; s.From = p; return s }
	for name, c := range map[string]struct {
		x, y Set
		want error
		text string // what to do
		also bool   // metrics of pairs only
	}{
		"one sample":   {x.rows(0, 1), y, ErrTooFew, "give more images", false},
		"NaN":          {x, bad, ErrNonFinite, "feature 1 of sample 2", false},
		"infinity":     {endless, y, ErrNonFinite, "feature 3 of sample 0", false},
		"features":     {x, features(30, 9, 2), ErrMismatch, "one network", false},
		"networks":     {from(Provenance{Network: "a"}), from(Provenance{Network: "b"}), ErrMismatch, "one network", false},
		"weights":      {from(Provenance{SHA256: "a"}), from(Provenance{SHA256: "b"}), ErrMismatch, "one file of weights", false},
		"resizers":     {from(Provenance{Resizer: "a"}), from(Provenance{Resizer: "b"}), ErrMismatch, "one resizer", false},
		"decoders":     {from(Provenance{Decoder: "a"}), from(Provenance{Decoder: "b"}), ErrMismatch, "one way", false},
		"unequal n":    {x, y.rows(0, 20), ErrMismatch, "same images", true},
		"no direction": {zero, y, ErrEmpty, "sample 0", true},
	} {
		_, frechet := FrechetDistance(c.x, c.y)
		_, kid := KID(context.Background(), c.x, c.y, KIDOptions{})
		_, cosine := Cosine(c.x, c.y)
		for _, err := range []error{frechet, kid, cosine}[map[bool]int{false: 0, true: 2}[c.also]:] {
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: %v, want %v and %q", name, err, c.want, c.text)
			}
		}
	}
	if _, err := InceptionScore(x.Rows, 30, 8, Provenance{}, ISOptions{Splits: 20}); !errors.Is(err, ErrTooFew) {
		t.Errorf("30 samples in 20 splits gave %v", err)
	}
	if _, err := InceptionScore(bad.Rows, 30, 8, Provenance{}, ISOptions{}); !errors.Is(err, ErrNonFinite) {
		t.Errorf("a NaN logit gave %v", err)
	}
	m := Moments{Mean: []float64{0}, Cov: dense.New(1, 1)}
	m.Cov.Data[0] = math.NaN()
	if _, err := FrechetOfMoments(m, m); !errors.Is(err, ErrNonFinite) {
		t.Errorf("a NaN covariance gave %v", err)
	}
}

// Half-known provenance is filled in from the other side, as a .npz has none.
func TestProvenanceTravels(t *testing.T) {
	x, y := features(30, 8, 1), features(30, 8, 2)
	y.From = Provenance{Network: InceptionNetwork, Resizer: "r"}
	x.From.Network, y.From.Network = "", InceptionNetwork
	if c, err := Cosine(x, y); err != nil || c.Column != "cosine("+InceptionNetwork+")" {
		t.Errorf("cosine over Inception is %+v, %v", c, err)
	}
	if r, err := FrechetDistance(x, y); err != nil || r.From != y.From || r.Column != "FID" || !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "set 1 does not say which network") }) {
		t.Errorf("result is %+v, %v", r, err)
	}
}

// BenchmarkFrechet covers both routes at the width of Inception's features.
func BenchmarkFrechet(b *testing.B) {
	for _, c := range []struct {
		name string
		n    int
	}{{"n=1000", 1000}, {"n=2000", 2000}, {"n=10000", 10000}} {
		b.Run(c.name, func(b *testing.B) {
			x, y := features(c.n, 2048, 1), features(c.n, 2048, 2)
			for b.Loop() {
				if _, err := FrechetDistance(x, y); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkKID(b *testing.B) {
	x, y := features(1000, 2048, 1), features(1000, 2048, 2)
	for b.Loop() {
		if _, err := KID(context.Background(), x, y, KIDOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

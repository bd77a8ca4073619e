package tsne

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"testing"
)

//go:embed testdata/golden.json
var goldenText []byte

// noise is noise of testdata/golden.py.
func noise(n int, seed uint32) []float64 {
	out := make([]float64, n)
	for i := range out {
		seed = seed*1664525 + 1013904223
		out[i] = float64(seed>>16) / 65536
	}
	return out
}

// points are the points of testdata/golden.py; every step is exact.
func points(n, d int) []float32 {
	x := make([]float32, n*d)
	for i, v := range noise(n*d, 1) {
		x[i] = float32(v)
	}
	for i := range n {
		x[i*d] += 2 * float32(i%3)
	}
	return x
}

func relative(got, want float64) float64 { return math.Abs(got-want) / math.Abs(want) }

func TestObjectiveMatchesScikitLearn(t *testing.T) {
	var g struct {
		N, D       int
		Perplexity map[string]struct {
			KL, Norm    float64
			P, Gradient []float64
		}
		Trust    float64
		Variance []float64
	}
	if err := json.Unmarshal(goldenText, &g); err != nil || len(g.Perplexity) == 0 {
		t.Fatal(err, g)
	}
	x, y := points(g.N, g.D), noise(2*g.N, 2)
	for i := range y {
		y[i] *= 4
	}
	for text, want := range g.Perplexity {
		perplexity, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		p := affinities(squaredDistances(toPoints(x, g.N, g.D)), perplexity)
		for j, v := range want.P {
			// Entropies end within 1e-10; small p magnify the width's error by their logarithm.
			if !(math.Abs(p[j+1]-v) <= 1e-8*v+1e-12) {
				t.Errorf("perplexity %s: p_0,%d is %g, want %g", text, j+1, p[j+1], v)
			}
		}
		if kl := divergence(p, y); !(relative(kl, want.KL) <= 1e-9) {
			t.Errorf("perplexity %s: KL is %v, want %v", text, kl, want.KL)
		}
		dy, norm := make([]float64, 2*g.N), 0.0
		gradient(dy, p, y, make([]float64, g.N), 1)
		for _, v := range dy {
			norm += v * v
		}
		if !(relative(math.Sqrt(norm), want.Norm) <= 1e-8) {
			t.Errorf("perplexity %s: gradient has length %v, want %v", text, math.Sqrt(norm), want.Norm)
		}
		for k, i := range []int{0, 7, 44} {
			for c := range 2 {
				if !(math.Abs(dy[2*i+c]-want.Gradient[2*k+c]) <= 1e-9*want.Norm) {
					t.Errorf("perplexity %s: gradient of %d is %v, want %v", text, i, dy[2*i+c], want.Gradient[2*k+c])
				}
			}
		}
	}
	if got := trustworthiness(x, g.N, g.D, y, 5); !(relative(got, g.Trust) <= 1e-12) {
		t.Errorf("trustworthiness is %v, want %v", got, g.Trust)
	}
	scores := principal(toPoints(x, g.N, g.D), 4, 1)
	for k, want := range g.Variance {
		sum := 0.0
		for i := range g.N {
			sum += scores.Data[i*4+k] * scores.Data[i*4+k]
		}
		if !(relative(sum, want) <= 1e-6) {
			t.Errorf("variance of component %d is %v, want %v", k, sum, want)
		}
	}
}

// TestGradientByDifferences holds the gradient against the objective itself,
// central differences of 1e-5: their error is about 1e-10 of the objective.
func TestGradientByDifferences(t *testing.T) {
	const n = 20
	p := affinities(squaredDistances(toPoints(points(n, 5), n, 5)), 4)
	y, dy := noise(2*n, 9), make([]float64, 2*n)
	gradient(dy, p, y, make([]float64, n), 1)
	for i := range y {
		const h = 1e-5
		was := y[i]
		y[i] = was + h
		up := divergence(p, y)
		y[i] = was - h
		down := divergence(p, y)
		y[i] = was
		if want := (up - down) / (2 * h); !(math.Abs(dy[i]-want) <= 1e-8) {
			t.Errorf("gradient[%d] is %v, differences give %v", i, dy[i], want)
		}
	}
}

// trustworthiness is 1 less the penalty for neighbours in the plane that are no
// neighbours among the points (Venna and Kaski, 2001).
func trustworthiness(x []float32, n, d int, y []float64, k int) float64 {
	d2 := squaredDistances(toPoints(x, n, d))
	penalty := 0
	for i := range n {
		order := func(far func(j int) float64) []int {
			var js []int
			for j := range n {
				if j != i {
					js = append(js, j)
				}
			}
			slices.SortStableFunc(js, func(a, b int) int {
				if far(a) < far(b) {
					return -1
				} else if far(a) > far(b) {
					return 1
				}
				return 0
			})
			return js
		}
		rank := make([]int, n)
		for r, j := range order(func(j int) float64 { return d2[i*n+j] }) {
			rank[j] = r + 1
		}
		for _, j := range order(func(j int) float64 { return math.Hypot(y[2*i]-y[2*j], y[2*i+1]-y[2*j+1]) })[:k] {
			penalty += max(rank[j]-k, 0)
		}
	}
	return 1 - 2*float64(penalty)/float64(n*k*(2*n-3*k-1))
}

// clusters are normal points around sets corners, 6 deviations apart.
func clusters(sets, each, d int) []float32 {
	rng := rand.New(rand.NewPCG(5, 5))
	x := make([]float32, sets*each*d)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
		if i%d == i/d/each {
			x[i] += 12
		}
	}
	return x
}

// TestClustersSeparate lays out four far clusters: nearest neighbours in the plane
// are of the same cluster, and KL falls. Places drawn from N(0,1), as the paper
// draws them, leave a few points stranded on the way through another cluster;
// places that begin close together leave none.
func TestClustersSeparate(t *testing.T) {
	const sets, each, d = 4, 50, 30
	n := sets * each
	x := clusters(sets, each, d)
	for name, c := range map[string]struct {
		pca, stranded int
		spread        float64
	}{"paper": {0, 0, 1}, "PCA": {10, 0, 1}, "close": {0, 0, 1e-4}} {
		o := Paper()
		o.Seed, o.PCA, o.InitSD = 3, c.pca, c.spread
		stranded := 0
		var kl []float64
		o.Progress = func(_ int, v float64) { kl = append(kl, v) }
		l, err := Run(context.Background(), x, n, d, o)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			best, at := math.Inf(1), -1
			for j := range n {
				if far := math.Hypot(l.Y[2*i]-l.Y[2*j], l.Y[2*i+1]-l.Y[2*j+1]); j != i && far < best {
					best, at = far, j
				}
			}
			if at/each != i/each {
				stranded++
			}
		}
		if stranded > c.stranded {
			t.Errorf("%s: %d of %d points lie by another cluster, want at most %d", name, stranded, n, c.stranded)
		}
		if trust := trustworthiness(x, n, d, l.Y, 10); !(trust >= 0.85) {
			t.Errorf("%s: trustworthiness is %v, want at least 0.85", name, trust)
		}
		first, last := kl[1], kl[len(kl)-1] // kl[1] is the end of the exaggeration
		if len(kl) != 20 || !(last < 0.9*first) || l.KL != last {
			t.Errorf("%s: KL went from %v to %v in %d reports, and ended as %v", name, first, last, len(kl), l.KL)
		}
	}
}

func TestLayoutIsSeededOnAnyWorkers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	x := clusters(3, 20, 12)
	o := Paper()
	o.Perplexity, o.Iterations, o.PCA = 10, 60, 5
	var first []float64
	for _, workers := range []int{1, 2, 5} {
		runtime.GOMAXPROCS(workers)
		l, err := Run(context.Background(), x, 60, 12, o)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = l.Y
		}
		if !slices.Equal(l.Y, first) {
			t.Errorf("%d workers gave other places than 1", workers)
		}
	}
	o.Seed = 1
	if l, err := Run(context.Background(), x, 60, 12, o); err != nil || slices.Equal(l.Y, first) {
		t.Errorf("another seed gave the same places, %v", err)
	}
}

func TestRunRefuses(t *testing.T) {
	x := points(40, 6)
	bad := slices.Clone(x)
	bad[8] = float32(math.NaN())
	ctx := context.Background()
	if _, err := Run(ctx, bad, 40, 6, Paper()); !errors.Is(err, ErrNonFinite) {
		t.Errorf("a NaN gave %v", err)
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Run(stopped, x, 40, 6, Paper()); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled run gave %v", err)
	}
	for name, change := range map[string]func(*Options){
		"perplexity": func(o *Options) { o.Perplexity = 39 },
		"iterations": func(o *Options) { o.Iterations = 0 },
		"rate":       func(o *Options) { o.LearningRate = math.NaN() },
		"run away":   func(o *Options) { o.LearningRate = 1e300 },
	} {
		o := Paper()
		o.Iterations = 20
		change(&o)
		if _, err := Run(ctx, x, 40, 6, o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Run(ctx, x[:18], 3, 6, Paper()); err == nil {
		t.Error("3 points gave no error")
	}
}

// Copies of one point have no distances to scale by.
func TestEqualPoints(t *testing.T) {
	o := Paper()
	o.Perplexity, o.Iterations = 5, 50
	if l, err := Run(context.Background(), make([]float32, 30*4), 30, 4, o); err != nil || math.IsNaN(l.KL) {
		t.Errorf("equal points gave KL %v, %v", l.KL, err)
	}
}

func BenchmarkRun(b *testing.B) {
	x := clusters(4, 250, 512)
	for b.Loop() {
		if _, err := Run(context.Background(), x, 1000, 512, Paper()); err != nil {
			b.Fatal(err)
		}
	}
}

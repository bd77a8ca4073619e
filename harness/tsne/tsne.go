package tsne

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"lethe/kernels"
)

// ErrNonFinite is wrapped by errors about a NaN or an infinity in the points.
var ErrNonFinite = errors.New("not a finite number")

// Options are the settings of a layout. Start from Paper.
type Options struct {
	Perplexity float64 // effective number of neighbours; below (n-1)/3 to mean anything
	Iterations int
	// LearningRate multiplies a quarter of the gradient, its sum without the factor
	// 4, as van der Maaten's implementation counts; scikit-learn's rate is a fourth
	// of this one for the same steps.
	LearningRate float64
	// Momentum is used before iteration SwitchAt, FinalMomentum from then on.
	Momentum, FinalMomentum float64
	SwitchAt                int
	// Exaggeration multiplies P before iteration ExaggerateFor, so that clusters
	// gather early.
	Exaggeration  float64
	ExaggerateFor int
	MinGain       float64 // floor of the gains that adapt each coordinate's rate
	// InitSD is the deviation of the normal initial places.
	InitSD float64
	PCA    int // components to keep before; 0: none, the points as they are
	Seed   uint64
	// Progress, if not nil, is told KL(P||Q) after every 50th iteration and the
	// last.
	Progress func(iteration int, kl float64)
}

// Paper is the settings of the paper's figure: perplexity 20, 1000 iterations at
// a rate of 500, momentum .5 until iteration 20 and .8 after, exaggeration 4
// until iteration 100, no PCA, places from N(0,1). The figure shows 4 x 50
// points of CLIP features, every 100th of 5,000.
//
// Source: the released evaluation of Li, Hsu, Chen, Marculescu, "Machine
// Unlearning for Image-to-Image Generative Models" (arXiv 2402.00351), whose
// loop is van der Maaten's reference implementation.
func Paper() Options {
	return Options{
		Perplexity: 20, Iterations: 1000, LearningRate: 500,
		Momentum: 0.5, FinalMomentum: 0.8, SwitchAt: 20,
		Exaggeration: 4, ExaggerateFor: 100, MinGain: 0.01, InitSD: 1,
	}
}

// Layout is the places of the points.
type Layout struct {
	N  int
	Y  []float64 // [N,2], centred
	KL float64   // KL(P||Q) at the end, in nats, without exaggeration; lower is truer
}

// Run lays out n points of d features.
//
// Shapes: x [n,d].
// Errors: fewer than 4 points, a perplexity that n points cannot have,
// ErrNonFinite, ctx, or a learning rate under which the places run away.
// Panics: a length that does not fit.
// Source: van der Maaten and Hinton, "Visualizing Data using t-SNE", JMLR 9,
// 2008, algorithm 1.
func Run(ctx context.Context, x []float32, n, d int, o Options) (Layout, error) {
	if err := o.check(x, n, d); err != nil {
		return Layout{}, err
	}
	points := toPoints(x, n, d)
	if o.PCA > 0 {
		points = principal(points, min(o.PCA, n, d), o.Seed)
	}
	p := affinities(squaredDistances(points), o.Perplexity)
	s := newState(n, o)
	for i := range o.Iterations {
		if err := ctx.Err(); err != nil {
			return Layout{}, err
		}
		exaggeration := 1.0
		if i < o.ExaggerateFor {
			exaggeration = o.Exaggeration
		}
		s.step(p, exaggeration, i, o)
		if o.Progress != nil && ((i+1)%50 == 0 || i+1 == o.Iterations) {
			o.Progress(i+1, divergence(p, s.y))
		}
	}
	out := Layout{N: n, Y: s.y, KL: divergence(p, s.y)}
	if math.IsNaN(out.KL) || math.IsInf(out.KL, 0) {
		return Layout{}, fmt.Errorf("tsne: the places ran away: use a learning rate below %g", o.LearningRate)
	}
	return out, nil
}

// check refuses what cannot be laid out.
func (o Options) check(x []float32, n, d int) error {
	if n < 0 || d < 1 || len(x) != n*d {
		panic(fmt.Sprintf("tsne: Run: len(x) is %d, want %d x %d", len(x), n, d))
	}
	if n < 4 {
		return fmt.Errorf("tsne: %d points, need at least 4", n)
	}
	if !(o.Perplexity >= 1 && o.Perplexity < float64(n-1)) {
		return fmt.Errorf("tsne: perplexity %g of %d points, want at least 1 and below %d: lower it, or give more points", o.Perplexity, n, n-1)
	}
	if o.Iterations < 1 || !(o.LearningRate > 0) || !(o.Exaggeration > 0) || !(o.InitSD > 0) || o.PCA < 0 {
		return fmt.Errorf("tsne: iterations %d, learning rate %g, exaggeration %g, initial deviation %g, want each above 0, and PCA %d not below",
			o.Iterations, o.LearningRate, o.Exaggeration, o.InitSD, o.PCA)
	}
	for i, v := range x {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("tsne: feature %d of point %d is %v: look at that image: %w", i%d, i/d, f, ErrNonFinite)
		}
	}
	return nil
}

// state is the moving places.
type state struct {
	y, dy, velocity, gain []float64 // [n,2]
	sums                  []float64 // [n]
}

func newState(n int, o Options) *state {
	s := &state{y: make([]float64, 2*n), dy: make([]float64, 2*n), velocity: make([]float64, 2*n), gain: make([]float64, 2*n), sums: make([]float64, n)}
	rng := rand.New(rand.NewPCG(o.Seed, 0x74534e45))
	for i := range s.y {
		s.y[i] = o.InitSD * rng.NormFloat64()
		s.gain[i] = 1
	}
	return s
}

// step moves every place against its gradient. Gains grow by 0.2 while gradient
// and velocity disagree in sign, which is while the place keeps its direction,
// and shrink to 0.8 of themselves otherwise.
func (s *state) step(p []float64, exaggeration float64, iteration int, o Options) {
	gradient(s.dy, p, s.y, s.sums, exaggeration)
	momentum := o.FinalMomentum
	if iteration < o.SwitchAt {
		momentum = o.Momentum
	}
	for i, g := range s.dy {
		if (g > 0) != (s.velocity[i] > 0) {
			s.gain[i] += 0.2
		} else {
			s.gain[i] *= 0.8
		}
		s.gain[i] = max(s.gain[i], o.MinGain)
		s.velocity[i] = momentum*s.velocity[i] - o.LearningRate/4*s.gain[i]*g
		s.y[i] += s.velocity[i]
	}
	centre(s.y)
}

// centre moves the mean place to the origin.
func centre(y []float64) {
	n := float64(len(y) / 2)
	mx, my := 0.0, 0.0
	for i := 0; i < len(y); i += 2 {
		mx += y[i]
		my += y[i+1]
	}
	for i := 0; i < len(y); i += 2 {
		y[i] -= mx / n
		y[i+1] -= my / n
	}
}

// gradient writes the gradient of KL(aP||Q), a the exaggeration:
//
//	dy_i = 4 sum_j (a p_ij - q_ij) (y_i-y_j) / (1+|y_i-y_j|^2)
//	q_ij = (1/(1+|y_i-y_j|^2)) / sum_{k!=l} 1/(1+|y_k-y_l|^2)
//
// Attraction and repulsion are summed apart, so that one pass over the pairs
// serves both the sum below q and the forces.
//
// Shapes: dy, y [n,2]; p [n,n]; sums [n], scratch.
func gradient(dy, p, y, sums []float64, exaggeration float64) {
	n := len(sums)
	repel := make([]float64, 2*n)
	blocks(n, func(i int) {
		row, xi, yi := p[i*n:][:n], y[2*i], y[2*i+1]
		var ax, ay, rx, ry, sum float64
		for j, pij := range row {
			dx, dz := xi-y[2*j], yi-y[2*j+1]
			near := 1 / (1 + dx*dx + dz*dz)
			sum += near
			pull, push := pij*near, near*near
			ax += pull * dx
			ay += pull * dz
			rx += push * dx
			ry += push * dz
		}
		sums[i] = sum - 1 // of itself
		dy[2*i], dy[2*i+1] = ax, ay
		repel[2*i], repel[2*i+1] = rx, ry
	})
	total := 0.0
	for _, s := range sums {
		total += s
	}
	for i, r := range repel {
		dy[i] = 4 * (exaggeration*dy[i] - r/total)
	}
}

// divergence is KL(P||Q) in nats.
func divergence(p, y []float64) float64 {
	n := len(y) / 2
	weights, own := make([]float64, n), make([]float64, n)
	blocks(n, func(i int) {
		row, xi, yi := p[i*n:][:n], y[2*i], y[2*i+1]
		for j, pij := range row {
			if j == i {
				continue
			}
			dx, dz := xi-y[2*j], yi-y[2*j+1]
			far := 1 + dx*dx + dz*dz
			weights[i] += 1 / far
			if pij > 0 {
				own[i] += pij * (math.Log(pij) + math.Log(far))
			}
		}
	})
	total, kl := 0.0, 0.0
	for i, w := range weights {
		total += w
		kl += own[i]
	}
	return kl + math.Log(total) // P sums to 1
}

// blocks runs body for 0 ... n-1, some at a time a worker.
func blocks(n int, body func(i int)) {
	const size = 16
	kernels.For((n+size-1)/size, func(b int) {
		for i := b * size; i < min((b+1)*size, n); i++ {
			body(i)
		}
	})
}

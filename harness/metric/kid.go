package metric

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"lethe/harness/metric/dense"
	"lethe/kernels"
)

// KIDOptions says how a KID is estimated. The zero value means the defaults of
// torch-fidelity: 100 subsets of 1000, seed 2020.
type KIDOptions struct {
	Subsets int    // 0 means 100
	Size    int    // samples of each set in a subset; 0 means 1000, less when a set is smaller
	Seed    uint64 // of the subsets; 0 means 2020
}

// gramLimit bounds the three matrices of kernel values, in numbers of 8 bytes;
// larger sets compute each subset's anew.
const gramLimit = 1 << 27

// KID is the kernel inception distance: the squared maximum mean discrepancy
// under the kernel k(x,y) = (x.y/D + 1)^3, unbiased,
//
//	sum_{i!=j} k(x_i,x_j)/(m(m-1)) + sum_{i!=j} k(y_i,y_j)/(m(m-1)) - 2 sum_{i,j} k(x_i,y_j)/m^2
//
// of random subsets of m samples drawn without replacement: the mean over the
// subsets, and as SD their population deviation, which is no confidence
// interval of the mean.
//
// Units: none, as printed by torch-fidelity (some papers print 1000 times as
// much); 0 in expectation for equal distributions, negative values do happen.
// Errors: ErrTooFew, ErrNonFinite, ErrMismatch; ctx.
// Source: Binkowski et al., "Demystifying MMD GANs" (arXiv 1801.01401).
func KID(ctx context.Context, x, y Set, o KIDOptions) (Result, error) {
	if err := checkSets("KID", x, y); err != nil {
		return Result{}, err
	}
	r := pairResult(kidColumn, x.From, y.From, x.N, y.N)
	if o.Subsets == 0 {
		o.Subsets = 100
	}
	if o.Size == 0 {
		o.Size = 1000
	}
	if o.Seed == 0 {
		o.Seed = 2020
	}
	if o.Subsets < 1 || o.Size < 2 {
		return Result{}, fmt.Errorf("metric: KID: %d subsets of %d samples, need at least 1 of at least 2", o.Subsets, o.Size)
	}
	if most := min(x.N, y.N); o.Size > most {
		r.Warnings = append(r.Warnings, fmt.Sprintf("n = %d is below the subset of %d: subsets hold %d samples; use more images for a smaller spread", most, o.Size, most))
		o.Size = most
	}
	if o.Size == x.N && o.Size == y.N {
		o.Subsets = 1 // every subset would be the sets themselves
		r.Warnings = append(r.Warnings, fmt.Sprintf("n = %d samples make one subset only, so the spread is unknown; use more images or smaller subsets", o.Size))
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0x4b4944))
	picks := make([][2][]int, o.Subsets)
	for i := range picks {
		picks[i] = [2][]int{rng.Perm(x.N)[:o.Size], rng.Perm(y.N)[:o.Size]}
	}
	values, err := kidValues(ctx, x, y, picks)
	if err != nil {
		return Result{}, err
	}
	r.Value = mean(values)
	if len(values) > 1 {
		sd := deviation(values, r.Value)
		r.SD = &sd
	}
	return r, nil
}

func kidColumn(network string) string { return networkColumn("KID", "KID", network) }

// deviation is the population standard deviation.
func deviation(values []float64, mean float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += (v - mean) * (v - mean)
	}
	return math.Sqrt(sum / float64(len(values)))
}

// kidValues is the discrepancy of each pair of picked subsets.
func kidValues(ctx context.Context, x, y Set, picks [][2][]int) ([]float64, error) {
	var all *kernelValues
	if total := x.N*x.N + y.N*y.N + x.N*y.N; total <= gramLimit && len(picks) > 1 {
		all = newKernelValues(x, y)
	}
	values := make([]float64, len(picks))
	for i, p := range picks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if all != nil {
			values[i] = all.discrepancy(p[0], p[1])
			continue
		}
		some := newKernelValues(x.pick(p[0]), y.pick(p[1]))
		every := make([]int, len(p[0]))
		for k := range every {
			every[k] = k
		}
		values[i] = some.discrepancy(every, every)
	}
	return values, nil
}

// pick is a set of some of the samples, copied.
func (s Set) pick(at []int) Set {
	out := Set{N: len(at), D: s.D, Rows: make([]float32, 0, len(at)*s.D), From: s.From}
	for _, i := range at {
		out.Rows = append(out.Rows, s.Rows[i*s.D:][:s.D]...)
	}
	return out
}

// kernelValues are k of all pairs within and across two sets.
type kernelValues struct{ xx, yy, xy dense.Matrix }

func newKernelValues(x, y Set) *kernelValues {
	zero := make([]float64, x.D)
	a, b := x.centred(zero), y.centred(zero)
	k := &kernelValues{dense.New(x.N, x.N), dense.New(y.N, y.N), dense.New(x.N, y.N)}
	scale := 1 / float64(x.D)
	dense.AddGram(k.xx, scale, a, a)
	dense.AddGram(k.yy, scale, b, b)
	dense.AddProduct(k.xy, scale, a, b)
	for _, m := range []dense.Matrix{k.xx, k.yy, k.xy} {
		kernels.For(m.Rows, func(i int) {
			row := m.Row(i)
			for j, v := range row {
				row[j] = (v + 1) * (v + 1) * (v + 1)
			}
		})
	}
	return k
}

// discrepancy is the unbiased estimate over picked rows, of which there are as
// many of x as of y.
func (k *kernelValues) discrepancy(px, py []int) float64 {
	m := len(px)
	within, across := make([]float64, m), make([]float64, m) // by row: one writer each
	kernels.For(m, func(i int) {
		xx, yy, xy := k.xx.Row(px[i]), k.yy.Row(py[i]), k.xy.Row(px[i])
		for j := range m {
			if j != i {
				within[i] += xx[px[j]] + yy[py[j]]
			}
			across[i] += xy[py[j]]
		}
	})
	in, out := 0.0, 0.0
	for i := range m {
		in += within[i]
		out += across[i]
	}
	return in/float64(m*(m-1)) - 2*out/float64(m*m)
}

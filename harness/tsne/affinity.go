package tsne

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"lethe/harness/metric/dense"
)

// toPoints is x in float64, less its mean: distances do not change, and their
// differences keep more digits.
func toPoints(x []float32, n, d int) dense.Matrix {
	m := dense.New(n, d)
	mean := make([]float64, d)
	for i, v := range x {
		mean[i%d] += float64(v)
	}
	for j := range mean {
		mean[j] /= float64(n)
	}
	for i, v := range x {
		m.Data[i] = float64(v) - mean[i%d]
	}
	return m
}

// squaredDistances is |x_i-x_j|^2 of all pairs, [n,n], by differences: the
// shorter way over products cancels for near duplicates, which decide most.
func squaredDistances(x dense.Matrix) []float64 {
	n := x.Rows
	out := make([]float64, n*n)
	blocks(n, func(i int) {
		a := x.Row(i)
		for j := range i {
			sum := 0.0
			for k, b := range x.Row(j) {
				d := a[k] - b
				sum += d * d
			}
			out[i*n+j] = sum
		}
	})
	for i := range n {
		for j := range i {
			out[j*n+i] = out[i*n+j]
		}
	}
	return out
}

// affinities are the joint probabilities of neighbourhood:
//
//	p(j|i) = exp(-b_i |x_i-x_j|^2) / sum_{k!=i} exp(-b_i |x_i-x_k|^2),  p_ij = (p(j|i)+p(i|j)) / 2n
//
// with b_i such that the entropy of p(.|i) is the logarithm of the perplexity,
// by bisection to 1e-10 nats. When more neighbours than that are at distance
// zero, no b fits, and the last one tried stands.
//
// d2 [n,n], overwritten with the result.
func affinities(d2 []float64, perplexity float64) []float64 {
	n := int(math.Round(math.Sqrt(float64(len(d2)))))
	out := make([]float64, n*n)
	blocks(n, func(i int) { conditional(out[i*n:][:n], d2[i*n:][:n], i, math.Log(perplexity)) })
	for i := range n {
		for j := range i {
			p := (out[i*n+j] + out[j*n+i]) / float64(2*n)
			out[i*n+j], out[j*n+i] = p, p
		}
	}
	return out
}

// conditional writes p(.|i).
func conditional(p, d2 []float64, i int, entropy float64) {
	least := math.Inf(1)
	total := 0.0
	for j, d := range d2 {
		if j != i {
			least = min(least, d)
			total += d
		}
	}
	lo, hi := 0.0, math.Inf(1)
	b := 1.0
	if total > 0 {
		b = float64(len(d2)-1) / total // the scale of the distances
	}
	for range 200 {
		sum, weighted := 0.0, 0.0
		for j, d := range d2 {
			p[j] = 0
			if j != i {
				p[j] = math.Exp(-b * (d - least))
				sum += p[j]
				weighted += p[j] * (d - least)
			}
		}
		for j := range p {
			p[j] /= sum
		}
		gap := math.Log(sum) + b*weighted/sum - entropy
		switch {
		case math.Abs(gap) <= 1e-10:
			return
		case gap > 0: // too many neighbours
			lo = b
			if math.IsInf(hi, 1) {
				b *= 2
				continue
			}
		default:
			hi = b
		}
		b = (lo + hi) / 2
	}
}

// principal is x in its first keep principal components, by iteration of a
// random subspace, with a few directions more than wanted.
//
// Numerics: iterated until the sum of the kept variances grows by less than
// 1e-9 of itself, 300 times at most; components of nearly equal variance may
// be mixed, which distances do not see.
// Source: Halko, Martinsson, Tropp, "Finding structure with randomness" (arXiv
// 0909.4061), algorithm 4.4.
func principal(x dense.Matrix, keep int, seed uint64) dense.Matrix {
	size := min(keep+10, x.Cols, x.Rows)
	rng := rand.New(rand.NewPCG(seed, 0x504341))
	basis := dense.New(size, x.Cols) // directions in rows
	for i := range basis.Data {
		basis.Data[i] = rng.NormFloat64()
	}
	orthonormal(basis)
	xt, before := x.T(), 0.0
	scores := dense.New(size, x.Rows)
	for range 300 {
		clear(scores.Data)
		dense.AddProduct(scores, 1, basis, x)
		kept := topVariance(scores, keep)
		if kept-before <= 1e-9*kept {
			break
		}
		before = kept
		clear(basis.Data)
		dense.AddProduct(basis, 1, scores, xt)
		orthonormal(basis)
	}
	return rotateScores(scores, keep)
}

// orthonormal makes the rows of m orthonormal by Gram-Schmidt, twice over. A row
// that depends on those before it becomes zero.
func orthonormal(m dense.Matrix) {
	for i := range m.Rows {
		row := m.Row(i)
		start := math.Sqrt(inner(row, row))
		for range 2 {
			for k := range i {
				other := m.Row(k)
				c := inner(row, other)
				for j, v := range other {
					row[j] -= c * v
				}
			}
		}
		long := math.Sqrt(inner(row, row))
		if !(long > 1e-12*start) {
			clear(row)
			continue
		}
		for j := range row {
			row[j] /= long
		}
	}
}

func inner(x, y []float64) float64 {
	sum := 0.0
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

// topVariance is the sum of the largest eigenvalues of the scores' products.
func topVariance(scores dense.Matrix, keep int) float64 {
	g := dense.New(scores.Rows, scores.Rows)
	dense.AddGram(g, 1, scores, scores)
	values, err := dense.Eigenvalues(g)
	if err != nil {
		return 0
	}
	sum := 0.0
	for _, v := range values[len(values)-keep:] {
		sum += v
	}
	return sum
}

// rotateScores turns the scores [size,n] to the axes of largest variance, and
// returns the first keep of them a point, [n,keep].
func rotateScores(scores dense.Matrix, keep int) dense.Matrix {
	size, n := scores.Rows, scores.Cols
	g := dense.New(size, size)
	dense.AddGram(g, 1, scores, scores)
	var e mat.EigenSym
	if !e.Factorize(mat.NewSymDense(size, g.Data), true) {
		return scores.T()
	}
	var vectors mat.Dense
	e.VectorsTo(&vectors)
	out := dense.New(n, keep)
	blocks(n, func(i int) {
		for k := range keep {
			for s := range size {
				out.Data[i*keep+k] += vectors.At(s, size-1-k) * scores.Data[s*n+i]
			}
		}
	})
	return out
}

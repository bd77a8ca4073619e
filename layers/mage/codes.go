package mage

import (
	"math"
	"math/rand/v2"

	"lethe/autodiff"
)

// Usage says how many of the n codes occur among tokens, and their perplexity:
// the number of codes that, used equally often, would have the same entropy.
//
// Panics: a token is no code.
func Usage(tokens []int32, n int) (used int, perplexity float64) {
	counts := make([]int, n)
	for _, token := range tokens {
		counts[token]++
	}
	var entropy float64
	for _, c := range counts {
		if c > 0 {
			used++
			p := float64(c) / float64(len(tokens))
			entropy -= p * math.Log(p)
		}
	}
	return used, math.Exp(entropy)
}

// Restart gives codes that no row of z is near a row of z drawn by r, each row
// at most once, and returns how many it moved. Such a code is nobody's nearest
// and farther from every row than the rows are from their codes on average: it
// would never be used or trained again. With all set it moves every code, which
// is how a codebook starts.
//
// Shapes: z [...,Z]; tokens as many as z has rows, from Nearest.
func (v *VQGAN) Restart(tp *autodiff.Tape, z *autodiff.Tensor, tokens []int32, all bool, r *rand.Rand) int {
	width := v.cfg.EmbedDim
	need("Restart", "len(tokens)", []int{len(tokens)}, z.Len()/width)
	row := func(i int32) []float32 { return z.Data[int(i)*width:][:width] }
	code := func(i int32) []float32 { return v.codes.Data[int(i)*width:][:width] }

	used := make([]bool, v.cfg.NEmbed)
	var mean float64
	for i, token := range tokens {
		used[token] = true
		mean += squaredDistance(row(int32(i)), code(token))
	}
	mean /= float64(len(tokens))
	closest := tp.NearestRows(v.codes, tp.Reshape(z, len(tokens), width))

	moved := 0
	order := r.Perm(len(tokens))
	for i, u := range used {
		lost := !u && squaredDistance(code(int32(i)), row(closest[i])) > mean
		if (lost || all) && moved < len(order) {
			copy(code(int32(i)), row(int32(order[moved])))
			moved++
		}
	}
	return moved
}

func squaredDistance(a, b []float32) (sum float64) {
	for i, v := range a {
		d := float64(v) - float64(b[i])
		sum += d * d
	}
	return sum
}

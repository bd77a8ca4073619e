package mage

import (
	"fmt"
	"math"
	"slices"
)

// Masking says which tokens of N images the encoder does not see. Every image
// has as many dropped tokens; how many of the others are masked may differ.
type Masking struct {
	N, L    int
	Kept    int       // tokens an image that are not dropped
	Dropped []float32 // [N,L] 1 where the token is absent from the encoder's sequence
	Masked  []float32 // [N,L] 1 where the token is to be predicted: dropped, or replaced by the mask word
}

// NewMasking checks masks [N,L] of 0 and 1 and joins them. It keeps the slices.
//
// Errors: a length is not n*l, a value is neither 0 nor 1, a dropped token is
// not masked, or the rows drop different numbers of tokens.
func NewMasking(dropped, masked []float32, n, l int) (Masking, error) {
	if len(dropped) != n*l || len(masked) != n*l {
		return Masking{}, fmt.Errorf("mage: the masks have %d and %d values, want %d each", len(dropped), len(masked), n*l)
	}
	m := Masking{N: n, L: l, Dropped: dropped, Masked: masked}
	for i := range n {
		kept := l
		for j, d := range dropped[i*l:][:l] {
			all := masked[i*l+j]
			switch {
			case d != 0 && d != 1 || all != 0 && all != 1:
				return Masking{}, fmt.Errorf("mage: the masks of token %d of image %d are %v and %v, want 0 or 1", j, i, d, all)
			case d > all:
				return Masking{}, fmt.Errorf("mage: token %d of image %d is dropped but not masked", j, i)
			}
			kept -= int(d)
		}
		if i > 0 && kept != m.Kept {
			return Masking{}, fmt.Errorf("mage: image %d keeps %d tokens, image 0 keeps %d", i, kept, m.Kept)
		}
		m.Kept = kept
	}
	return m, nil
}

// MaskFromNoise drops the dropped tokens with the smallest noise of each row of
// noise [N,L] and masks the masked ones with the smallest, those included. Equal
// values are taken in their order.
//
// Panics: len(noise) is not n*l, or not 0 <= dropped <= masked <= l.
func MaskFromNoise(noise []float32, n, l, dropped, masked int) Masking {
	if len(noise) != n*l || dropped < 0 || dropped > masked || masked > l {
		panic(fmt.Sprintf("mage: MaskFromNoise: %d values for %d images, %d dropped, %d masked of %d", len(noise), n, dropped, masked, l))
	}
	m := Masking{N: n, L: l, Kept: l - dropped, Dropped: make([]float32, n*l), Masked: make([]float32, n*l)}
	order := make([]int, l)
	for i := range n {
		row := noise[i*l:][:l]
		for j := range order {
			order[j] = j
		}
		slices.SortStableFunc(order, func(a, b int) int {
			switch {
			case row[a] < row[b]:
				return -1
			case row[a] > row[b]:
				return 1
			}
			return 0
		})
		for rank, j := range order[:masked] {
			m.Masked[i*l+j] = 1
			if rank < dropped {
				m.Dropped[i*l+j] = 1
			}
		}
	}
	return m
}

// Counts returns how many of l tokens training drops and how many it masks when
// the fraction ratio is masked: half of them, and ceil(l*ratio).
func Counts(l int, ratio float64) (dropped, masked int) {
	dropped = int(math.Ceil(float64(l) * dropRatio))
	return dropped, min(l, max(dropped, int(math.Ceil(float64(l)*ratio))))
}

// dropRatio is the smallest mask ratio, up to which masked tokens are dropped.
// Source: the reference code (mask_ratio_min 0.5).
const dropRatio = 0.5

// words returns the sequence [N,1+Kept] as rows of the word table and of the
// position table: the class word, then the kept tokens, masked ones as the mask
// word.
func (m Masking) words(c Config, tokens []int32) (words, positions []int32) {
	words, positions = make([]int32, 0, m.N*(1+m.Kept)), make([]int32, 0, m.N*(1+m.Kept))
	for i := range m.N {
		words, positions = append(words, c.ClassWord()), append(positions, 0)
		for j, token := range tokens[i*m.L:][:m.L] {
			if m.Dropped[i*m.L+j] != 0 {
				continue
			}
			if m.Masked[i*m.L+j] != 0 {
				token = c.MaskWord()
			}
			words, positions = append(words, token), append(positions, int32(1+j))
		}
	}
	return words, positions
}

// rows returns, for the decoder's sequence [N,1+L], the row of the latent
// [N*(1+Kept)] that each place starts from, the class token's where the token is
// dropped or masked, and its row in the position table.
func (m Masking) rows() (rows, positions []int32) {
	rows, positions = make([]int32, 0, m.N*(1+m.L)), make([]int32, 0, m.N*(1+m.L))
	for i := range m.N {
		class := int32(i * (1 + m.Kept))
		rows, positions = append(rows, class), append(positions, 0)
		next := class + 1
		for j := range m.L {
			row := class
			if m.Masked[i*m.L+j] == 0 {
				row = next
			}
			if m.Dropped[i*m.L+j] == 0 {
				next++
			}
			rows, positions = append(rows, row), append(positions, int32(1+j))
		}
	}
	return rows, positions
}

package mage

import (
	"slices"

	"lethe/autodiff"
	"lethe/layers"
)

// HeadWords is the key of the head's own copy of the word embedding. No
// checkpoint of the reference code has it; where it is absent the head reads
// the word embedding that the encoder reads.
const HeadWords = "mlm_layer.word_embeddings"

// Untie gives the head a copy of the word embedding as it now is, under the key
// HeadWords. The copy is Fixed: training the encoder then leaves every weight of
// the decoder alone. A head that has a copy keeps it.
func (m *Model) Untie() {
	if m.headWords != nil {
		return
	}
	m.headWords = &layers.Param{Name: HeadWords, Value: autodiff.New(m.words.Shape()...), Shape: m.words.Shape(), Fixed: true}
	copy(m.headWords.Value.Data, m.words.Data)
	m.params = append(slices.Clip(m.params), m.headWords)
}

// Tie makes the head read the word embedding that the encoder reads, as the
// reference code does, and drops the copy.
func (m *Model) Tie() {
	if m.headWords == nil {
		return
	}
	m.headWords, m.params = nil, m.set.Params()
}

// HeadDiffers reports whether the head reads other numbers than the encoder's
// word embedding, so that a checkpoint without HeadWords would be another model.
func (m *Model) HeadDiffers() bool {
	return m.headWords != nil && !slices.Equal(m.headWords.Value.Data, m.words.Data)
}

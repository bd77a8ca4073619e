package mage

import "lethe/autodiff"

// Loss returns the label-smoothed cross-entropy [1] of logits [N,1+L,V] at the
// masked places, a mean over them; only the n_embed codes can be right:
//
//	p    = softmax(logits[..., :n_embed])
//	each = -0.9 log p[token] - 0.1 mean(log p)
//
// When nothing is masked it is NaN, as 0/0 is in the reference.
//
// Panics: a shape does not fit the configuration and the mask.
func (m *Model) Loss(tp *autodiff.Tape, logits *autodiff.Tensor, tokens []int32, mk Masking) *autodiff.Tensor {
	return m.GroupLoss(tp, logits, tokens, mk, 0, mk.N)
}

// GroupLoss is Loss of the count images from first on.
//
// Panics: as Loss, or there are no such images.
func (m *Model) GroupLoss(tp *autodiff.Tape, logits *autodiff.Tensor, tokens []int32, mk Masking, first, count int) *autodiff.Tensor {
	m.needTokens("Loss", tokens, mk)
	need("Loss", "logits", logits.Shape(), mk.N, 1+mk.L, m.cfg.Vocabulary())
	var masked float32
	for _, v := range mk.Masked[first*mk.L : (first+count)*mk.L] {
		masked += v
	}
	rows := mk.N * (1 + mk.L)
	targets, weights := make([]int32, rows), make([]float32, rows)
	for i := range mk.N {
		at := i*(1+mk.L) + 1 // the class token is predicted by nobody
		copy(targets[at:], tokens[i*mk.L:][:mk.L])
		if i < first || i >= first+count {
			continue
		}
		for j, v := range mk.Masked[i*mk.L:][:mk.L] {
			weights[at+j] = v / masked
		}
	}
	return tp.CrossEntropy(tp.Reshape(logits, rows, m.cfg.Vocabulary()), targets, weights,
		autodiff.CrossEntropyOptions{Smoothing: Smoothing, Classes: m.cfg.VQGAN.NEmbed})
}

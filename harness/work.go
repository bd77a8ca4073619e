package main

import (
	"lethe/harness/family"
	"lethe/harness/stage"
)

// sampleWork is the arithmetic of a step for each sample, in GFLOP.
type sampleWork struct {
	Ours float64 `json:"gflop_a_sample"`
	// Authors is what the procedure of the authors' code takes for the same
	// sample, from the passes counted in this run.
	Authors float64 `json:"gflop_a_sample_authors"`
}

// work compares what the steps took with the authors' procedure; nil where none
// was released or the method runs another one. samples is how many the steps saw.
func work(original family.Model, stages []stage.Stage, samples int, tokens sampleWork) *sampleWork {
	authors := family.KindOf(original.Family()).Authors
	if authors == nil || samples == 0 {
		return nil
	}
	spent := map[string]float64{}
	for _, s := range stages {
		spent[s.Name] = s.GFLOPs / float64(samples)
	}
	student, teacher := spent[stage.StudentForward]+spent[stage.Backward], spent[stage.OriginalForward]
	w := sampleWork{Ours: student + teacher}
	// The tokenizer runs inside either forward pass, for both models at once.
	passes := student + teacher - tokens.Ours
	teacher -= tokens.Ours
	w.Authors = passes + float64(authors.Original-1)*teacher + float64(authors.Tokenizer)*tokens.Authors
	return &w
}

// tokenizerWork is the tokenizer's work for each of so many samples and for an image.
func tokenizerWork(m family.Model, samples int) sampleWork {
	c, ok := m.(family.TokenCounter)
	if !ok {
		return sampleWork{}
	}
	images, gflop := c.TokenizerWork()
	return sampleWork{Ours: gflop / float64(max(samples, 1)), Authors: gflop / float64(max(images, 1))}
}

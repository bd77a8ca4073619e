package data

import (
	"fmt"

	"lethe/layers/rng"
)

// Sampler deals the numbers 0..n-1 in batches, epoch after epoch, each epoch in
// its own order. Step s is a function of its arguments alone, so a resumed run
// goes on exactly where it stopped. A batch may span two epochs.
//
// Two samplers of one seed and different streams are independent: retain and
// forget members of a step come from streams 0 and 1, batch numbers each, so
// the smaller set is repeated and every step has both.
type Sampler struct {
	n, batch     int
	seed, stream uint64

	epoch int // whose order is at hand, -1 for none
	order []int
}

// NewSampler deals n pictures in batches of the given size.
//
// Panics: n or batch is below 1.
func NewSampler(n, batch int, seed, stream uint64) *Sampler {
	if n < 1 || batch < 1 {
		panic(fmt.Sprintf("data: NewSampler: n is %d, batch is %d, want at least 1", n, batch))
	}
	return &Sampler{n: n, batch: batch, seed: seed, stream: stream, epoch: -1}
}

// StepsPerEpoch is the number of steps in which every picture was dealt once,
// rounded up.
func (p *Sampler) StepsPerEpoch() int { return (p.n + p.batch - 1) / p.batch }

// Step writes the numbers of a step, counted from 0, to dst and returns it;
// dst is grown when it is too short. Steps may be asked for in any order, one
// goroutine at a time.
//
// Panics: step is negative.
func (p *Sampler) Step(dst []int, step int) []int {
	if step < 0 {
		panic(fmt.Sprintf("data: Sampler: step is %d, want at least 0", step))
	}
	dst = dst[:0]
	for i := range p.batch {
		at := step*p.batch + i
		dst = append(dst, p.shuffled(at / p.n)[at%p.n])
	}
	return dst
}

// shuffled returns the order of an epoch.
func (p *Sampler) shuffled(epoch int) []int {
	if epoch != p.epoch {
		if p.order == nil {
			p.order = make([]int, p.n)
		}
		for i := range p.order {
			p.order[i] = i
		}
		r := rng.New(p.seed, rng.Shuffle, uint64(epoch), p.stream)
		r.Shuffle(p.n, func(i, j int) { p.order[i], p.order[j] = p.order[j], p.order[i] })
		p.epoch = epoch
	}
	return p.order
}

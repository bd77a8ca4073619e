// Package rng is the one source of randomness: a generator for every
// (seed, purpose, step, sample), so that a draw depends on what it is for and
// never on what was drawn before it, on the order of work or on the number of
// workers.
//
// A run that is stopped and resumed at step 700 draws the same masks as one
// that was never stopped, because nothing has to be replayed.
//
//	r := rng.New(seed, rng.Mask, step, sample)
//	noise := r.Float32()
package rng

import (
	"encoding/binary"
	"math/rand/v2"
)

// Purpose separates the streams of one seed. The values are part of every
// stored result: a purpose keeps its number for ever, a new one gets a new
// number.
type Purpose uint64

// The purposes. Step and sample mean what the comment says; an unused one is 0.
const (
	Init    Purpose = 1  // initial weights; sample is the parameter's index
	Shuffle Purpose = 2  // order of an epoch; step is the epoch
	Mask    Purpose = 3  // patches removed from a sample at a step
	Augment Purpose = 4  // crop and flip of a sample at a step
	Noise   Purpose = 5  // Gaussian targets of a sample at a step
	World   Purpose = 6  // the procedural world; step is the class, sample the index
	Eval    Purpose = 7  // fixed masks of an evaluation; sample is the image's index
	Split   Purpose = 8  // choice of classes and images for retain and forget
	Sample  Purpose = 9  // draws of a generative sampler; step is its step
	Target  Purpose = 10 // Gaussian targets in several embedding spaces of a sample at a step
)

// New returns the generator of one (seed, purpose, step, sample). Two calls
// with equal arguments return generators that draw equal sequences; two calls
// that differ in any argument return independent ones.
//
// The four numbers, little-endian, are the 256-bit key of ChaCha8, whose output
// math/rand/v2 fixes for all Go versions and machines.
func New(seed uint64, purpose Purpose, step, sample uint64) *rand.Rand {
	var key [32]byte
	for i, word := range [4]uint64{seed, uint64(purpose), step, sample} {
		binary.LittleEndian.PutUint64(key[8*i:], word)
	}
	return rand.New(rand.NewChaCha8(key))
}

// Package unlearn holds the unlearning methods: what each one minimizes, over
// which tensors, with which defaults. One file is one method; a method
// registers itself and is found by its name.
//
// A method sees a Step: the student, the frozen original, and the batches of
// one micro-batch (family.Draw). It returns the loss of the retain group, the
// loss of the forget group and their sum. Data, clocks, optimizers and files
// are the trainer's.
package unlearn

// Package train is the step loop that pretraining and unlearning share.
//
// A step is a fixed tree over virtual micro-batches: each micro-batch computes
// its gradient from zero, and the gradients are added pairwise in an order that
// depends on their number alone. Neither the number of workers nor the memory
// at hand can change a bit of the result.
//
// The loop never applies a step whose loss or gradient is not finite, and it
// stops between steps when its context ends; both leave weights and optimizer
// state as the last whole step made them.
package train

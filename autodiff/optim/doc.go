// Package optim updates trainable tensors from their gradients: AdamW, Adam
// and SGD with the semantics of PyTorch 2.6, gradient clipping by global norm
// and learning-rate schedules.
//
// A parameter whose gradient is nil is left alone altogether: its bytes, its
// weight decay, its averages and its own step count stay as they are. So a
// part of a model that a loss does not reach is not touched by training.
//
// Units: learning rates in units of the weight per unit of normalized
// gradient; weight decay per step and unit of learning rate.
package optim

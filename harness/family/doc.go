// Package family adapts the generative models of layers to what the harness
// needs of any of them: batches prepared from decoded images, the feature maps
// that an encoder loss compares, the model's full output with its training
// loss, and named parameters.
//
// A family hides its own inputs (patch masks, token masks, noise levels) behind
// Batch, so that methods, trainer and evaluation are written once. A new family
// is a new file here that implements Model.
package family

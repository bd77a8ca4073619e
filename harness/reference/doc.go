// Package reference holds this engine against another implementation, tensor by
// tensor. A bundle is a directory with a description, every input of a
// computation (random numbers included) and what the other implementation
// computed:
//
//	bundle.json            format, task, model, config, checkpoint
//	inputs.safetensors     what goes in
//	expected.safetensors   what came out elsewhere
//
// Run computes the same tensors under the same names, Compare judges two files,
// Check does both. torch/ has a small PyTorch program that makes bundles, and
// testdata/ some that it made.
//
// A model joins by a file with its tasks and a line in runners.
//
// Errors: an *InputError when a bundle or a file cannot be used, a
// *MismatchError when it can but the tensors differ.
package reference

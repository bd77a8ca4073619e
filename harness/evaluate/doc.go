// Package evaluate completes held images with two models under fixed masks and
// measures both: the table of every run, and the samples of its pictures.
//
// The original and the unlearned model see the same images under the same
// masks, sample for sample, so that ratios are paired. Masks come from the
// seed, the group and the image's number, never from a clock.
package evaluate

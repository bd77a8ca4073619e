// Package unet is Palette's diffusion U-Net: the guided-diffusion network that
// predicts the noise in an image with a hole, its noise schedule, and the
// samplers that fill the hole.
//
// The network takes the condition image and the noisy image, six channels, and
// the noise level gamma in (0,1]. The down path and the middle block are its
// encoder: the outputs of every down block and of the middle are the feature maps
// that unlearning compares. The up path reads all of them but the last as skip
// connections.
//
// Feature maps are channels-last, [N,H,W,C]; images at the border are [N,C,H,W].
//
// Both paths take the embedding of the noise level from the same two layers,
// cond_embed, which belong to the encoder. Untie gives the up path a copy of its
// own, so that training the encoder leaves the decoder as it is; the reference
// code has no such copy.
//
// Source: the network of Palette (arXiv:2111.05826) as published with its
// unofficial implementation, after guided diffusion (arXiv:2105.05233).
package unet

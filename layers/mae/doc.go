// Package mae is the masked autoencoder: a vision transformer that sees the
// patches of an image that were not removed, and a smaller one that predicts the
// pixels of those that were.
//
//	images [N,C,H,W] -> Encode -> latent [N,1+keep,D] -> Decode -> pred [N,L,p*p*C]
//
// The encoder embeds only the visible patches; the class token stands first in
// every sequence. Parameters, keys and shapes are those of the reference
// implementation, so its checkpoints load as they are.
//
//	model, err := mae.New(cfg)
//	err = model.Load(tensors)
//	mask := mae.MaskFromNoise(noise, n, cfg.Patches(), 0.75)
//	latent := model.Encode(tape, images, mask)
//	pred := model.Decode(tape, latent, mask)
//	loss := model.Loss(tape, pred, model.Target(tape, images), mask)
//
// Units: images are normalized pixels, (value/255-mean)/deviation per channel,
// and so are predictions; with NormPixLoss a prediction is in deviations of its
// own patch instead.
//
// Source: He et al. 2022 (arXiv:2111.06377); keys, masking and loss as in the
// authors' released code.
package mae

// Package mage is MAGE: a masked transformer over the tokens of an image, with
// the VQGAN that makes tokens of images and images of tokens.
//
//	images [N,3,H,W] -> Tokens -> indices [N,L] -> Encode -> latent [N,1+kept,D] -> Decode -> logits [N,1+L,V]
//	indices [N,L] -> Image -> images [N,3,H,W]
//
// A token is the number of the code, of n_embed, that is nearest to what the
// VQGAN's encoder makes of a patch. Encode hides some tokens (they become the
// mask token) and drops others altogether; Decode predicts all of them. Tokens
// are an argument of Encode, so that they are computed once however many models
// look at an image: the VQGAN never trains here.
//
// Parameters, keys and shapes are those of the reference implementation, so its
// checkpoints load as they are, with the parameters that nothing uses.
//
//	model, err := mage.New(cfg)
//	err = model.Load(tensors)
//	tokens := model.Tokens(tape, images)
//	latent := model.Encode(tape, tokens, mask)
//	logits := model.Decode(tape, latent, mask)
//	loss := model.Loss(tape, logits, tokens, mask)
//
// The head multiplies with the word embedding that the encoder reads. Untie
// gives it a copy that never trains, under the key HeadWords: then training the
// encoder cannot change the decoder.
//
// A VQGAN is also a model of its own, so that a small one can be trained.
//
// Units: images are pixels in [0,1], without mean and deviation; pixels of a
// decoded image may lie a little outside.
//
// Source: Li et al. 2023 (arXiv:2211.09117); keys, masking and loss as in the
// authors' released code.
package mage

// Package feature runs networks that measure images: it opens one from a file
// of weights, whose keys and shapes say which it is, prepares images as that
// network wants them, and gives features, logits and intermediate activations.
//
//	n, err := feature.Open("pt_inception-2015-12-05.pth")
//	f, err := n.Extract(ctx, images, feature.Options{Batch: 16, Cache: "cache"})
//	f.Rows // [f.N,f.D]
//
// Only the network named FID-Inception-v3 gives a FID; a Fréchet distance of
// another one's features bears that one's name.
//
// Results are bit-identical for any number of threads and any batch, and come
// with what they depend on: the weights' SHA-256, the resizer, the decoder.
// Cached ones lie under the hash of network, pixels, preparation and instruction
// set, one file an image, with a checksum: a damaged file is computed again.
//
// Errors name the file, the key and the way out.
package feature

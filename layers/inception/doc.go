// Package inception is Inception-v3 in its two forms: torchvision's, and the
// port of the 2015 TensorFlow graph with which the FID is defined. They share
// keys and shapes except for the number of classes, 1000 and 1008, by which
// Identify tells them apart, and differ in their pools: the FID network's
// average pools do not count padding, and its last block takes a maximum.
//
//	cfg, ok := inception.Identify(shapes)
//	net, err := inception.New(cfg, tensors)
//	features, logits := net.Forward(tape, x) // x [N,H,W,3] in [-1,1]
//
// The auxiliary head (AuxLogits.*) is not read. Forward only.
//
// Source: Szegedy et al. 2015 (arXiv:1512.00567); torchvision
// models/inception.py; pytorch-fid, weights pt_inception-2015-12-05.
package inception

// Package squeezenet is SqueezeNet 1.0, with the keys of its authors (conv1,
// fire2/squeeze1x1, ..., conv10) or of torchvision (features.N, classifier.1),
// and torchvision's SqueezeNet 1.1, the backbone of LPIPS "squeeze". Beside
// features and logits it gives seven activations on the way. Forward only.
//
//	cfg, ok := squeezenet.Identify(shapes)
//	net, err := squeezenet.New(cfg, tensors)
//	features, logits := net.Forward(tape, x) // x [N,H,W,3]
//	taps := net.Taps(tape, x)                // seven, [N,H',W',C] each
//
// Source: Iandola et al. 2016 (arXiv:1602.07360); torchvision
// models/squeezenet.py; Zhang et al. 2018 (arXiv:1801.03924) for the taps.
package squeezenet

// Package pretrained holds what networks share that are loaded, frozen and used
// to measure: the look-up of weights by key and shape, with everything that is
// wrong collected before anything is refused, and batch norm folded into the
// convolution in front of it.
//
//	w := pretrained.Of(tensors)
//	stem := w.ConvNorm("conv1", "bn1", pretrained.ConvShape{Out: 64, In: 3, KH: 7, KW: 7}, 1e-5, autodiff.ConvOptions{StrideH: 2, StrideW: 2, PadH: 3, PadW: 3})
//	if err := w.Err("ResNet-50", nil); err != nil { ... }
//
// A network is built by one function from a Weights. Record gives a Weights
// that has every key; building from it lists the keys and shapes of the network,
// which are therefore written once.
package pretrained

// Package resnet is residual networks that classify: torchvision's with
// bottleneck blocks (ResNet-50 on ImageNet or Places365) and the small ones for
// 32x32 images (ResNet-20, ResNet-56), whose shortcuts either drop pixels and
// add zero channels or are convolutions of one pixel. Identify reads which from
// keys and shapes. Forward only; batch norms are folded into the convolutions.
//
//	cfg, ok := resnet.Identify(shapes)
//	net, err := resnet.New(cfg, tensors)
//	features, logits := net.Forward(tape, x) // x [N,H,W,3]
//
// Source: He et al. 2015 (arXiv:1512.03385); torchvision models/resnet.py;
// akamaster/pytorch_resnet_cifar10; chenyaofo/pytorch-cifar-models.
package resnet

// Package clip is the image tower of CLIP: OpenAI's ViT-B/32 and its relatives,
// with QuickGELU, and OpenCLIP's ViT-H/14, with the exact GELU. Identify reads
// the configuration from shapes, of a whole checkpoint (keys visual.*, the text
// tower is not read) or of the tower alone. Forward only.
//
//	cfg, ok := clip.Identify(shapes)
//	net, err := clip.New(cfg, tensors)
//	embedding := net.Forward(tape, x) // x [N,S,S,3]; [N,Embed], not normalized
//
// Shapes do not tell the activation: a tower of 768 channels and patches of 32
// pixels is taken for OpenAI's, though OpenCLIP has trained the same shape with
// the exact GELU. Config.Exact overrides.
//
// Source: Radford et al. 2021 (arXiv:2103.00020), openai/CLIP model.py;
// mlfoundations/open_clip transformer.py.
package clip

package kernels

// ConvAlgorithm is how Conv2D, Conv2DGradInput and Conv2DGradWeight compute.
type ConvAlgorithm uint8

const (
	// ConvDirect sums the products of the definition.
	ConvDirect ConvAlgorithm = iota

	// ConvWinograd computes tiles of 4x4 outputs, and gradients of filters, by
	// Winograd's F(4x4,3x3) and its transposes, where that pays: kernels of 3x3,
	// strides 1, no tiles (AMX) that compute it faster, at least 16 input and output channels, and
	// outputs of at least 36 pixels that fill half of their tiles or more.
	// Everything else is computed as by ConvDirect. The number of images does not
	// matter.
	//
	// It multiplies a quarter as often. What it reads and writes is the same;
	// between, it uses memory for 36/16 of the elements of some tiles and 4 times
	// those of the filters. In BF16 operands are rounded on the way in, and what follows is F32:
	// a quarter of the products beats pairs, which are twice as fast (Zen 4, two threads,
	// 3x3, 64 to 512 channels, four images: 1.1 to 1.9 times, BenchmarkConv2D).
	//
	// Numerics: with points 0, a, -a, b, -b and infinity, a = 5/8, b = 3/2, and the
	// matrices A^T, G and B^T of internal/generic/winograd.go, for every tile of y
	//
	//	|error| <= g(Ci+26) * |A^T| ( sum over c of (|G||w||G^T|) * (|B^T||x||B|) ) |A| + g(2) * (|bias|+|y|)
	//
	// where the inner product goes element by element and g is as in Gemm. That is
	// at most 564*g(Ci+26)*Ci*max|x|*max|w|; the bound of ConvDirect has 9 in
	// the place of 564. Conv2DGradInput: the same, with Co for Ci. Conv2DGradWeight:
	//
	//	|error| <= g(tiles+28) * |G^T| ( sum over tiles of (|A||dy||A^T|) * (|B^T||x||B|) ) |G| + g(2) * |dw|
	//
	// Measured on normally distributed operands, on the shapes of a U-Net, 64 to 512
	// channels: relative error in the Frobenius norm 0.8e-6 to 1.1e-6 of y and dx
	// (direct 0.4e-6 to 0.5e-6), 0.5e-6 to 1.1e-6 of dw (0.3e-6 to 0.4e-6); largest
	// error over largest element 1.2e-6 to 2.4e-6 of y and dx (0.5e-6 to 1.0e-6), 0.7e-6 to
	// 1.7e-6 of dw (0.4e-6 to 0.7e-6).
	//
	// Sums over channels go in pieces of 128, those over tiles in chunks of 64 to
	// 256; both depend on the filters' shape alone. So the bits are the same for
	// any number of workers and, but for those of dw, of images, and for AVX2
	// and AVX-512. A number that is not finite may spoil every output of the tiles that
	// see it, not only those that it reaches in the sum.
	//
	// Source: Lavin, Gray 2015 (arXiv:1509.09308). Points: the least error of a
	// dozen sets tried on random data; the classical 0, 1, -1, 2, -2 have twice the
	// error. On what the error depends: Barabasz, Anderson, Soodhalter, Gregg 2018 (arXiv:1803.10986).
	ConvWinograd

	// convWinogradAlways is ConvWinograd where it is possible and does not pay:
	// tests of edges are small.
	convWinogradAlways

	// convGathered is ConvDirect whose tiles are all gathered: what tests compare
	// those with that are read where they are.
	convGathered
)

// convAlgorithms names every public ConvAlgorithm; index is ConvAlgorithm.
var convAlgorithms = [...]string{ConvDirect: "direct", ConvWinograd: "winograd"}

// String returns "direct" or "winograd".
func (a ConvAlgorithm) String() string { return convAlgorithms[a] }

// winograd says whether a convolution, or its gradient with respect to its input, is
// computed by Winograd's algorithm. Tiles are faster, but those of BF16x3 not always.
func (o ConvOptions) winograd(s ConvShape) bool {
	if o.Precision.tiled() && (o.Precision != BF16x3 || min(s.Ci, s.Co) < winogradOverTiles) {
		return false
	}
	return o.winogradAsked(s)
}

// winogradWeight says it of the gradient of the filters.
func (o ConvOptions) winogradWeight(s ConvShape) bool { return !o.tapsOnTiles(s) && o.winogradAsked(s) }

// winogradAsked says whether the algorithm is wanted and can compute s.
func (o ConvOptions) winogradAsked(s ConvShape) bool {
	switch o.Algorithm {
	case ConvWinograd:
		return s.winogradFits() && s.winogradPays()
	case convWinogradAlways:
		return s.winogradFits()
	}
	return false
}

// Direct says whether Conv2D of that shape computes the sum of the definition in
// F32, and so reads a Packed.
func (s ConvShape) Direct(o ConvOptions) bool {
	s.StrideH, s.StrideW = max(1, s.StrideH), max(1, s.StrideW)
	return o.Precision.floats() && !o.winograd(s)
}

// floats says whether products of p are those of F32.
func (p Precision) floats() bool { return !p.rounds() && !p.tiled() }

// winogradOverTiles is how many input and output channels there are at least where BF16x3 is
// computed by Winograd's algorithm in F32 although there are tiles, forward and for the input: what it
// multiplies is a quarter, and three products in one take as long. Palette's step at 64 pixels, 4 images,
// two threads, medians of ten in turn: all on tiles 337 ms (in the best minutes 226), from 512 channels on by Winograd's 267
// (219), from 256 on 238 (220), from 128 on 246 (215), F32 292 (242). By themselves tiles
// were 1.1 to 1.5 times as fast as it with 64 and 128 channels where nobody else was on the cores, and 0.7 to 0.8 times
// where somebody was; with 256 channels 0.9 to 1.3 and 0.7 to 0.9, with 512 0.6 to 1.1 and 0.6. Gradients of filters are 0.85 to 1.4 times as fast on tiles, and stay there
// (Xeon of the Emerald Rapids class, November 2026; asmgen/tiles_ask.go has the two states of its cores).
const winogradOverTiles = 256

// winogradFits says whether the algorithm can compute s.
func (s ConvShape) winogradFits() bool {
	return s.KH == 3 && s.KW == 3 && s.StrideH == 1 && s.StrideW == 1 && s.Ci > 0 && s.Co > 0
}

// winogradPays says whether it is quicker than the direct sum. Times the speed of
// that, forward and gradients. One image, one core: 64x64 pixels of 8 channels 0.5 to 1.3,
// of 16 channels 1.4 to 1.7; 12x12 pixels of 64 to 512 channels 1.2 to 1.6, of 16 channels
// 0.8 to 0.95; 16x16 1.6 to 2.4; 8x8 0.8 to 1.0 (Xeon with AVX-512, November 2026). 7x7
// pixels of 512 channels, forward, two cores: one image 0.8, two 1.35, four 1.4, eight 1.7
// (the same). 8x8 pixels of 512 channels: one image 1.05 to 1.4 on one core and 0.9 to 1.1
// on two, two 1.2 to 2.1, four 1.9 to 2.4, eight 2.0 to 2.8; 64 channels, 64 images, 1.8 to 2.0; in
// BF16, one core, one image 0.7, two 1.0 to 1.2, four 1.3, eight 1.4 (Zen 4; BenchmarkConv2D,
// net=deep, has these). So batches gain more than single small images lose; the number
// of images must not decide, or it would show in the bits.
func (s ConvShape) winogradPays() bool {
	const channels, pixels = 16, 36
	outH, outW := s.OutH(), s.OutW()
	tiles := ceilDiv(outH, winogradStep) * ceilDiv(outW, winogradStep)
	return min(s.Ci, s.Co) >= channels && outH*outW >= max(pixels, tiles*winogradStep*winogradStep/2)
}

// compute runs the call.
func (c *convCall) compute(s ConvShape, o ConvOptions) {
	if c.accumulate {
		c.base = c.out
	}
	c.gathers = o.Algorithm == convGathered
	if o.winograd(s) {
		c.planes = 0
		c.runWinograd()
		return
	}
	c.run()
}

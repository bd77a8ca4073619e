package kernels

// ConvAlgorithm is how Conv2D, Conv2DGradInput and Conv2DGradWeight compute.
type ConvAlgorithm uint8

const (
	// ConvDirect sums the products of the definition.
	ConvDirect ConvAlgorithm = iota

	// ConvWinograd computes tiles of 4x4 outputs, and gradients of filters, by
	// Winograd's F(4x4,3x3) and its transposes, where that pays: kernels of 3x3,
	// strides 1, no tiles (AMX) that compute it, at least 16 input and output channels, and
	// outputs of at least 144 pixels that fill half of their tiles or more.
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

	// ConvWinogradBatch is ConvWinograd for batches of images: it computes outputs of
	// 36 pixels and more so. The filters, which it transforms in every call, have four
	// times the size of w, so a single small image is quicker with ConvWinograd.
	ConvWinogradBatch

	// convWinogradAlways is ConvWinograd where it is possible and does not pay:
	// tests of edges are small.
	convWinogradAlways
)

// convAlgorithms names every public ConvAlgorithm; index is ConvAlgorithm.
var convAlgorithms = [...]string{ConvDirect: "direct", ConvWinograd: "winograd", ConvWinogradBatch: "winograd-batch"}

// String returns "direct", "winograd" or "winograd-batch".
func (a ConvAlgorithm) String() string { return convAlgorithms[a] }

// winograd says whether a convolution, or its gradient with respect to its input, is
// computed by Winograd's algorithm. Tiles are faster.
func (o ConvOptions) winograd(s ConvShape) bool { return !o.Precision.tiled() && o.winogradWeight(s) }

// winogradWeight says it of the gradient of the filters, which no tiles compute.
func (o ConvOptions) winogradWeight(s ConvShape) bool {
	switch o.Algorithm {
	case ConvWinograd:
		return s.winogradFits() && s.winogradPays(144)
	case ConvWinogradBatch:
		return s.winogradFits() && s.winogradPays(36)
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

// winogradFits says whether the algorithm can compute s.
func (s ConvShape) winogradFits() bool {
	return s.KH == 3 && s.KW == 3 && s.StrideH == 1 && s.StrideW == 1 && s.Ci > 0 && s.Co > 0
}

// winogradPays says whether it is quicker than the direct sum, for outputs of at
// least some pixels. Times the speed of
// that, one image, forward and gradients: 64x64 pixels of 8 channels 0.5 to 1.3, of
// 16 channels 1.4 to 1.7; 64 to 512 channels of 8x8 pixels 0.8 to 1.0, of 12x12
// 1.2 to 1.6, of 16x16 1.6 to 2.4; 16 channels of 12x12 pixels, the corner of the
// rule, 0.8 to 0.95 (one core, AVX-512 server, November 2026). Forward with two workers,
// 7x7 pixels of 512 channels: one image 0.8, two 1.35, four 1.4, eight 1.7; 8x8 pixels
// of 448 channels, eight images, 1.9. The number of
// images must not decide, or it would show in the bits.
func (s ConvShape) winogradPays(pixels int) bool {
	const channels = 16
	outH, outW := s.OutH(), s.OutW()
	tiles := ceilDiv(outH, winogradStep) * ceilDiv(outW, winogradStep)
	return min(s.Ci, s.Co) >= channels && outH*outW >= max(pixels, tiles*winogradStep*winogradStep/2)
}

// compute runs the call.
func (c *convCall) compute(s ConvShape, o ConvOptions) {
	if c.accumulate {
		c.base = c.out
	}
	if o.winograd(s) {
		c.runWinograd()
		return
	}
	c.run()
}

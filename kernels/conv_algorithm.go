package kernels

// ConvAlgorithm is how a convolution and its gradients are computed.
type ConvAlgorithm uint8

const (
	// ConvDirect sums all products of a patch.
	ConvDirect ConvAlgorithm = iota

	// ConvWinograd takes 36 products for a tile of 4x4 outputs in place of 144 where the
	// filters are 3x3 and the strides 1, and else is ConvDirect; so it is with
	// operands that are rounded. The sums of a tile mix 6x6 pixels: a pixel or a filter
	// that is not finite spreads over the tile. Over random operands the relative error in
	// the Frobenius norm is twice that of ConvDirect: 7e-7 forward, 6e-7 in the gradients.
	// |error| <= 2*g(terms+2)*(terms+2) * max|x| * max|w|, tested in winograd_test.go.
	ConvWinograd

	// ConvAuto is ConvWinograd where that is faster by measurement, ConvDirect elsewhere.
	// It depends on shapes alone.
	ConvAuto
)

// algorithms names every ConvAlgorithm; index is ConvAlgorithm.
var algorithms = [...]string{ConvDirect: "direct", ConvWinograd: "winograd", ConvAuto: "auto"}

// String returns "direct", "winograd" or "auto".
func (a ConvAlgorithm) String() string { return algorithms[a] }

// ConvAlgorithms returns every ConvAlgorithm there is.
func ConvAlgorithms() []ConvAlgorithm { return []ConvAlgorithm{ConvDirect, ConvWinograd, ConvAuto} }

// What ConvAuto wants before it takes Winograd's algorithm: channels on both
// sides, which the transforms are shared by, and tiles, which those of the filters are.
// On a Xeon with AVX-512 (November 2026, one thread, best of six in turn) it was 1.6 to 2.6 times as fast
// as the direct sum on the shapes of the U-Net that have both, and 0.7 to 1.1 times
// on a single image of 16x16 with 512 channels, which has 16 tiles.
const (
	winogradChannels = 32
	winogradFewTiles = 64
)

// winograd reports whether the algorithm takes Winograd's way for s.
func (a ConvAlgorithm) winograd(s ConvShape) bool {
	if a == ConvDirect || s.KH != 3 || s.KW != 3 || s.StrideH != 1 || s.StrideW != 1 || s.Ci == 0 || s.Co == 0 {
		return false
	}
	tiles := s.N * ceilDiv(s.OutH(), winogradStep) * ceilDiv(s.OutW(), winogradStep)
	return a == ConvWinograd || min(s.Ci, s.Co) >= winogradChannels && tiles >= winogradFewTiles
}

// compute runs a convolution, or its gradient by x, of the shape s.
func (c *convCall) compute(s ConvShape, o ConvOptions) {
	if o.Algorithm.winograd(s) && !c.round && !o.Precision.tiled() {
		c.runWinograd()
		return
	}
	c.run()
}

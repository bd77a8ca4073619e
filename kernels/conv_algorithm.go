package kernels

// ConvAlgorithm is how a convolution is computed.
type ConvAlgorithm uint8

const (
	ConvDirect ConvAlgorithm = iota
	ConvWinograd
)

func (s ConvShape) winograd() bool {
	return s.KH == 3 && s.KW == 3 && s.StrideH == 1 && s.StrideW == 1
}

func (c *convCall) compute(s ConvShape, o ConvOptions) {
	if o.Algorithm == ConvWinograd && s.winograd() && c.channels > 0 {
		c.runWinograd()
		return
	}
	c.run()
}

// Package kerneltest holds what every kernel test needs to be strict: buffers
// between guard bands or flush against unreadable memory, the sizes at which
// edges appear, the error bound that a float32 sum must keep, comparisons that
// NaN fails, and a count that fails a suite which ran nothing. Only tests
// import it.
//
//	suite := kerneltest.New(t)
//	for _, n := range kerneltest.Lengths(lanes) {
//		suite.Run(fmt.Sprintf("n=%d", n), func(c *kerneltest.Case) {
//			x := c.Input(n, 0)    // random values, NaN around
//			z := c.Output(n, 0)   // NaN inside, a sentinel around
//			kernels.Gelu(z, x)
//			for i := range z {
//				c.Near("z", i, z[i], want(x[i]), tolerance(x[i]))
//			}
//		})                       // guard bands are checked here
//	}
package kerneltest

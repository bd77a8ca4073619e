package kernels

import (
	"testing"

	"lethe/kernels/kerneltest"
)

// TestItemsOverlapWithoutAllocating: after one call there is memory for every
// worker to be inside an item at the same time, whether or not they were.
func TestItemsOverlapWithoutAllocating(t *testing.T) {
	const workers = 5
	useWorkers(t, workers)
	kerneltest.New(t).Run("operations", func(c *kerneltest.Case) {
		o := newOperands(c, attentionCase{3, 70, 70, 4, 24, true})
		x, y := randomMat(c, 300, 100, 0), emptyMat(c, 300, 100, 0)
		for _, op := range []struct {
			name string
			need int // elements of an item
			run  func()
		}{
			{"Softmax", 2 * rowGroup(100), func() { Softmax(y, x) }},
			{"Attention", attentionScratch(70, o.args.K.at(0, 0)), func() { Attention(o.out, o.args) }},
			{"AttentionGrad", attentionGradScratch(70, o.args.K.at(0, 0)), func() { AttentionGrad(o.grads, o.dout, o.out, o.args) }},
		} {
			itemScratches = freeList[scratch]{}
			op.run()
			if n := len(itemScratches.free); n != workers || itemScratches.made != workers {
				c.Fail("%s: %d of %d scratches are free, want %d", op.name, n, itemScratches.made, workers)
			}
			for i, s := range itemScratches.free {
				if len(s.object.data) < op.need {
					c.Fail("%s: scratch %d has %d elements, want at least %d", op.name, i, len(s.object.data), op.need)
				}
			}
		}
	})
}

package unet

import (
	"runtime"
	"testing"
	"time"

	"lethe/autodiff"
)

// TestForwardMemory bounds the arena of a forward pass: the maps that the up path
// reads, and at the full size of the image what its widest block holds at once: 128
// channels that come from below, 192 after the concatenation and again after the
// normalization, five of 64 inside the block (832 of the published network, half
// of that here), and a quarter for the embedding, the edges of buffers and gaps that
// suit nobody. A network that kept every block's input to the end would take half as
// much again.
func TestForwardMemory(t *testing.T) {
	const side = 32
	c, err := Preset("palette_inpainting_places2")
	if err != nil {
		t.Fatal(err)
	}
	c.UNet.InnerChannel = 32
	m := drawn(t, c, 1)
	tp := autodiff.NewTape()
	tp.Frozen(func() *autodiff.Tensor {
		return m.Decode(tp, m.Encode(tp, Input(1, side, side, 6), []float32{0.5}))
	})
	maps := 22282240 / 2 * side * side / (256 * 256)
	if got, most := tp.Memory().Peak, (maps+side*side*832/2)*5/4; got > most {
		t.Errorf("%d elements, want at most %d", got, most)
	}
}

// TestInputIsGarbage: the memory of a batch that nobody holds goes back. A slab
// would not: the finalizer of one ends the test binary.
func TestInputIsGarbage(t *testing.T) {
	gone := make(chan struct{})
	x := Input(1, 512, 512, 1) // from this size on, the memory of weights is a slab
	runtime.SetFinalizer(&x.Data[0], func(*float32) { close(gone) })
	runtime.KeepAlive(x)
	for range 10 {
		runtime.GC()
		select {
		case <-gone:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Error("the memory is held")
}

package reference

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"lethe/kernels"
)

// TestVQVAE: a trained tokenizer of CIFAR images. The codes and errors are those
// of an independent implementation.
func TestVQVAE(t *testing.T) {
	n := openNet(t, "weights/vqvae_cifar/vqvae_cifar.safetensors")
	pixels := sheet(t, "cifar10/lossless/cifar10_batch_0.png", 4, 3)
	x := newMaps(4, 32, 32, 3)
	for i, p := range slices.Concat(pixels...) {
		x.data[i] = float32(p)/255 - 0.5
	}

	codes, z := n.vqvaeCodes(x)
	if want := []int32{497, 307, 505, 481, 278, 155, 268, 393}; !slices.Equal(codes[:8], want) {
		t.Errorf("the first codes are %v, want %v", codes[:8], want)
	}
	table, shape := n.tensor("vq_vae.codebook.weight")
	for i, code := range codes {
		copy(z.data[i*z.c:][:z.c], table[int(code)*shape[1]:])
	}
	y := n.vqvaeImages(z)
	for i, want := range []float64{0.0048, 0.0088, 0.0030, 0.0020} {
		one := 32 * 32 * 3
		mse := kernels.SquaredDistance(y.data[i*one:][:one], x.data[i*one:][:one]) / float64(one)
		if !(math.Abs(mse-want) <= 0.00005+1e-9) { // given to four places
			t.Errorf("the error of image %d is %.5f, want %.4f", i, mse, want)
		}
	}
}

// vqvaeCodes returns the nearest codes of images and the encoder's vectors.
func (n net) vqvaeCodes(x maps) ([]int32, maps) {
	x = n.conv(x, "encoder._blocks.conv_1", convOf{stride: 2, pad: 1}).relu()
	x = n.conv(x, "encoder._blocks.conv_2", convOf{stride: 2, pad: 1}).relu()
	x = n.vqvaeResidual(n.conv(x, "encoder._blocks.conv_3", convOf{pad: 1}), "encoder")
	z := n.conv(x, "pre_vq_conv", convOf{})
	table, s := n.tensor("vq_vae.codebook.weight")
	codes := make([]int32, z.n*z.h*z.w)
	kernels.NearestRow(codes, kernels.MatOf(z.data, len(codes), z.c), kernels.MatOf(table, s[0], s[1]))
	return codes, z
}

// vqvaeImages returns the images that codes stand for.
func (n net) vqvaeImages(z maps) maps {
	x := n.vqvaeResidual(n.conv(z, "decoder._blocks.conv_1", convOf{pad: 1}), "decoder")
	x = n.convT(x, "decoder._blocks.conv_t_1", convOf{stride: 2, pad: 1}).relu()
	return n.convT(x, "decoder._blocks.conv_t_2", convOf{stride: 2, pad: 1})
}

// vqvaeResidual applies two residual blocks, whose first activation is what the
// skip connection carries, and an activation.
func (n net) vqvaeResidual(x maps, half string) maps {
	for i := range 2 {
		key := fmt.Sprintf("%s._blocks.residual.residual_blocks.residual_%d._block.conv_", half, i)
		h := x.relu()
		y := n.conv(h, key+"1", convOf{pad: 1, noBias: true}).relu()
		x = h.plus(n.conv(y, key+"2", convOf{noBias: true}))
	}
	return x.relu()
}

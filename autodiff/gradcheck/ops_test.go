package gradcheck

import (
	"math/rand/v2"

	"lethe/autodiff"
)

type (
	tape    = autodiff.Tape
	tensor  = autodiff.Tensor
	forward = func(tp *tape, in []*tensor) *tensor
)

// row is one op under one wiring.
type row struct {
	op        string // the method of Tape
	wiring    string // what is particular about the row
	inputs    [][]int
	frozen    []int // inputs that do not train
	roundings int
	magnitude float64
	forward   forward
}

// inputs draws the tensors of a row on a grid of 2^-10 in [-2,2), so that
// adding the step is exact.
func (r row) tensors(rng *rand.Rand) []*tensor {
	var in []*tensor
	for _, shape := range r.inputs {
		t := autodiff.New(shape...)
		for i := range t.Data {
			t.Data[i] = float32(rng.IntN(4096)-2048) / 1024
		}
		t.SetTrainable(true)
		in = append(in, t)
	}
	for _, i := range r.frozen {
		in[i].SetTrainable(false)
	}
	return in
}

// Inputs are below 2 in magnitude, so a sum of n products is below 4n in the
// magnitudes of its terms. Roundings counts those of the op: a product and an addition per
// term of a sum; 16 for the polynomials of exp and erf, whose kernels are
// good to a few ulp, and their surroundings.
var rows = []row{
	// Linear: three dimensions in, every subset of trainable inputs, views as weights.
	{op: "Linear", wiring: "all train", inputs: [][]int{{2, 3, 5}, {4, 5}, {4}}, roundings: 11, magnitude: 22, forward: linear},
	{op: "Linear", wiring: "no bias", inputs: [][]int{{3, 5}, {4, 5}}, roundings: 10, magnitude: 20,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.Linear(in[0], in[1], nil) }},
	{op: "Linear", wiring: "frozen x", inputs: [][]int{{3, 5}, {4, 5}, {4}}, frozen: []int{0}, roundings: 11, magnitude: 22, forward: linear},
	{op: "Linear", wiring: "frozen w and b", inputs: [][]int{{3, 5}, {4, 5}, {4}}, frozen: []int{1, 2}, roundings: 11, magnitude: 22, forward: linear},
	{op: "Linear", wiring: "frozen w, b trains", inputs: [][]int{{3, 5}, {4, 5}, {4}}, frozen: []int{0, 1}, roundings: 11, magnitude: 22, forward: linear},
	{op: "Linear", wiring: "weights used twice", inputs: [][]int{{3, 4}, {4, 4}, {4}}, roundings: 18, magnitude: 80,
		forward: func(tp *tape, in []*tensor) *tensor {
			// Halved in between, so that the second product stays below the bound: |y1| <= 18/2, times 2, times 4, plus 2.
			return tp.Linear(tp.Scale(tp.Linear(in[0], in[1], in[2]), 0.5), in[1], in[2])
		}},
	{op: "Linear", wiring: "x used twice", inputs: [][]int{{3, 4}, {2, 4}, {2, 4}}, roundings: 17, magnitude: 32,
		forward: func(tp *tape, in []*tensor) *tensor {
			return tp.Add(tp.Linear(in[0], in[1], nil), tp.Linear(in[0], in[2], nil))
		}},
	{op: "Linear", wiring: "view of a weight with four dimensions", inputs: [][]int{{3, 8}, {4, 2, 2, 2}}, roundings: 16, magnitude: 32,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.Linear(in[0], tp.Reshape(in[1], 4, 8), nil) }},
	{op: "Linear", wiring: "two row ranges of one weight", inputs: [][]int{{3, 4}, {7, 4}}, roundings: 17, magnitude: 32,
		forward: func(tp *tape, in []*tensor) *tensor {
			return tp.Add(tp.Linear(in[0], tp.Rows(in[1], 1, 4), nil), tp.Linear(in[0], tp.Rows(in[1], 3, 6), nil))
		}},

	{op: "LinearAdd", wiring: "all train", inputs: [][]int{{2, 3, 5}, {4, 5}, {4}, {2, 3, 4}}, roundings: 12, magnitude: 24,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.LinearAdd(in[0], in[1], in[2], in[3]) }},
	{op: "LinearAdd", wiring: "added to its input", inputs: [][]int{{3, 4}, {4, 4}}, roundings: 10, magnitude: 18,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.LinearAdd(in[0], in[1], nil, in[0]) }},

	// MLP: hidden sums of 3 terms, scaled so that their GELU stays below 3.5, then 4 of those.
	{op: "MLP", wiring: "all train", inputs: [][]int{{2, 3, 3}, {4, 3}, {4}, {2, 4}, {2}, {2, 3, 2}}, roundings: 34, magnitude: 32, forward: mlp},
	{op: "MLP", wiring: "no biases, added to nothing", inputs: [][]int{{3, 3}, {4, 3}, {2, 4}}, roundings: 32, magnitude: 28,
		forward: func(tp *tape, in []*tensor) *tensor {
			return tp.MLP(tp.Scale(in[0], 0.25), in[1], nil, in[2], nil, nil)
		}},
	{op: "MLP", wiring: "frozen second layer", inputs: [][]int{{3, 3}, {4, 3}, {4}, {2, 4}, {2}, {3, 2}}, frozen: []int{3, 4}, roundings: 34, magnitude: 32, forward: mlp},
	{op: "MLP", wiring: "only the second layer trains", inputs: [][]int{{3, 3}, {4, 3}, {4}, {2, 4}, {2}, {3, 2}}, frozen: []int{0, 1, 2, 5}, roundings: 34, magnitude: 32, forward: mlp},

	// Conv2D: a patch of KH*KW*Ci terms. The convolutions that are plain products take their own way.
	{op: "Conv2D", wiring: "3x3, all train", inputs: [][]int{{2, 4, 3, 2}, {3, 3, 3, 2}, {3}}, roundings: 38, magnitude: 74, forward: conv(1, 1)},
	{op: "Conv2D", wiring: "3x3, stride 2", inputs: [][]int{{1, 5, 4, 2}, {3, 3, 3, 2}, {3}}, roundings: 38, magnitude: 74, forward: conv(2, 1)},
	{op: "Conv2D", wiring: "4x4, stride 2", inputs: [][]int{{1, 4, 6, 1}, {2, 4, 4, 1}, {2}}, roundings: 34, magnitude: 66, forward: conv(2, 1)},
	{op: "Conv2D", wiring: "1x1, no bias", inputs: [][]int{{2, 2, 3, 5}, {4, 1, 1, 5}}, roundings: 11, magnitude: 22,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.Conv2D(in[0], in[1], nil, autodiff.ConvOptions{}) }},
	{op: "Conv2D", wiring: "strides and padding differ, frozen x", inputs: [][]int{{1, 5, 6, 2}, {2, 1, 3, 2}, {2}}, frozen: []int{0}, roundings: 14, magnitude: 26,
		forward: func(tp *tape, in []*tensor) *tensor {
			return tp.Conv2D(in[0], in[1], in[2], autodiff.ConvOptions{StrideH: 3, StrideW: 2, PadH: 1, PadW: 2})
		}},
	{op: "Conv2D", wiring: "frozen w", inputs: [][]int{{1, 3, 3, 2}, {2, 3, 3, 2}, {2}}, frozen: []int{1}, roundings: 38, magnitude: 74, forward: conv(1, 1)},
	{op: "Conv2D", wiring: "frozen b", inputs: [][]int{{1, 3, 3, 2}, {2, 3, 3, 2}, {2}}, frozen: []int{2}, roundings: 38, magnitude: 74, forward: conv(1, 1)},
	{op: "Conv2D", wiring: "x and weights used twice", inputs: [][]int{{1, 3, 3, 2}, {2, 3, 3, 2}, {2}}, roundings: 39, magnitude: 222,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 2) // its gradient is pooled
			return tp.Add(conv(1, 1)(tp, in), tp.Conv2D(x, in[1], in[2], autodiff.ConvOptions{PadH: 1, PadW: 1}))
		}},

	// LayerNorm: |y| <= sqrt(C)*|gamma|+|beta| < 8 for C = 6. Spread inputs keep the deviation near 1.
	{op: "LayerNorm", wiring: "all train", inputs: [][]int{{2, 3, 6}, {6}, {6}}, roundings: 24, magnitude: 8, forward: layerNorm},
	{op: "LayerNorm", wiring: "frozen x", inputs: [][]int{{4, 6}, {6}, {6}}, frozen: []int{0}, roundings: 24, magnitude: 8, forward: layerNorm},
	{op: "LayerNorm", wiring: "frozen gamma and beta", inputs: [][]int{{4, 6}, {6}, {6}}, frozen: []int{1, 2}, roundings: 24, magnitude: 8, forward: layerNorm},
	{op: "LayerNorm", wiring: "frozen beta", inputs: [][]int{{4, 6}, {6}, {6}}, frozen: []int{2}, roundings: 24, magnitude: 8, forward: layerNorm},
	{op: "LayerNorm", wiring: "frozen gamma", inputs: [][]int{{4, 6}, {6}, {6}}, frozen: []int{1}, roundings: 24, magnitude: 8, forward: layerNorm},
	{op: "LayerNorm", wiring: "x and parameters used twice", inputs: [][]int{{4, 6}, {6}, {6}}, roundings: 25, magnitude: 16,
		forward: func(tp *tape, in []*tensor) *tensor {
			return tp.Add(tp.LayerNorm(in[0], in[1], in[2], 0.1), tp.LayerNorm(tp.Scale(in[0], -1), in[1], in[2], 0.2))
		}},
	{op: "LayerNorm", wiring: "gamma is beta", inputs: [][]int{{4, 6}, {6}}, roundings: 24, magnitude: 8,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.LayerNorm(in[0], in[1], in[1], 0.1) }},

	{op: "Gelu", wiring: "once", inputs: [][]int{{3, 7}}, roundings: 16, magnitude: 2,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.Gelu(in[0]) }},
	{op: "Gelu", wiring: "input used twice, output shared", inputs: [][]int{{3, 5}}, roundings: 20, magnitude: 4,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 0.5) // not a leaf, so that its gradient is pooled
			y := tp.Gelu(x)
			return tp.Add(tp.Add(y, x), y)
		}},
	{op: "Softmax", wiring: "once", inputs: [][]int{{2, 3, 5}}, roundings: 24, magnitude: 1,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.Softmax(in[0]) }},
	{op: "Softmax", wiring: "input used twice", inputs: [][]int{{3, 5}}, roundings: 25, magnitude: 3,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.Add(tp.Softmax(in[0]), in[0]) }},

	// Attention: outputs are averages of v, below 2; scores are sums of Dh products.
	{op: "Attention", wiring: "two heads of three", inputs: [][]int{{2, 4, 18}}, roundings: 48, magnitude: 6,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.Attention(in[0], 2) }},
	{op: "Attention", wiring: "one token, one head", inputs: [][]int{{2, 1, 6}}, roundings: 32, magnitude: 6,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.Attention(in[0], 1) }},
	{op: "Attention", wiring: "input used twice", inputs: [][]int{{1, 3, 12}}, roundings: 49, magnitude: 12,
		forward: func(tp *tape, in []*tensor) *tensor {
			return tp.Add(tp.Attention(in[0], 1), tp.Attention(in[0], 2))
		}},

	{op: "Add", wiring: "two inputs", inputs: [][]int{{2, 3}, {2, 3}}, roundings: 1, magnitude: 4, forward: add},
	{op: "Add", wiring: "frozen y", inputs: [][]int{{2, 3}, {2, 3}}, frozen: []int{1}, roundings: 1, magnitude: 4, forward: add},
	{op: "Add", wiring: "x to itself", inputs: [][]int{{2, 3}}, roundings: 1, magnitude: 4,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.Add(in[0], in[0]) }},
	{op: "Add", wiring: "residual: x + f(x) twice, pooled", inputs: [][]int{{2, 3}}, roundings: 20, magnitude: 16,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 0.5)
			x = tp.Add(x, tp.Mul(x, x))
			x = tp.Add(x, x)
			return tp.Add(tp.Gelu(x), x)
		}},
	{op: "Sub", wiring: "two inputs", inputs: [][]int{{2, 3}, {2, 3}}, roundings: 1, magnitude: 4, forward: sub},
	{op: "Sub", wiring: "frozen x", inputs: [][]int{{2, 3}, {2, 3}}, frozen: []int{0}, roundings: 1, magnitude: 4, forward: sub},
	{op: "Sub", wiring: "pooled gradient shared with a later use", inputs: [][]int{{2, 3}}, roundings: 4, magnitude: 12,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 2)
			return tp.Sub(tp.Sub(x, in[0]), tp.Mul(x, in[0]))
		}},
	{op: "Mul", wiring: "two inputs", inputs: [][]int{{2, 3}, {2, 3}}, roundings: 1, magnitude: 4, forward: mul},
	{op: "Mul", wiring: "frozen x", inputs: [][]int{{2, 3}, {2, 3}}, frozen: []int{0}, roundings: 1, magnitude: 4, forward: mul},
	{op: "Mul", wiring: "square", inputs: [][]int{{2, 3}}, roundings: 1, magnitude: 4,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.Mul(in[0], in[0]) }},
	{op: "Mul", wiring: "of outputs", inputs: [][]int{{2, 3}, {2, 3}}, roundings: 3, magnitude: 4,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.Mul(tp.Scale(in[0], 0.5), tp.Scale(in[1], 2)) }},
	{op: "Scale", wiring: "leaf", inputs: [][]int{{2, 3}}, roundings: 1, magnitude: 6,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.Scale(in[0], -3) }},
	{op: "Scale", wiring: "chain and second use", inputs: [][]int{{2, 3}}, roundings: 3, magnitude: 9,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 1.5)
			return tp.Add(tp.Scale(x, -2), x)
		}},

	{op: "Reshape", wiring: "of a leaf and of an output", inputs: [][]int{{4, 3}}, roundings: 2, magnitude: 8,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Mul(in[0], in[0])
			return tp.Add(tp.Reshape(x, 2, 6), tp.Reshape(in[0], 2, 6))
		}},
	{op: "Reshape", wiring: "view and root both used", inputs: [][]int{{4, 3}}, roundings: 4, magnitude: 12,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 2)
			return tp.Sub(tp.Reshape(tp.Mul(x, x), 12), tp.Reshape(tp.Reshape(x, 3, 4), 12))
		}},
	{op: "Rows", wiring: "of a leaf: the other rows get 0", inputs: [][]int{{5, 2, 2}}, roundings: 1, magnitude: 4,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.Scale(tp.Rows(in[0], 1, 3), 2) }},
	{op: "Rows", wiring: "overlapping, nested and of an output", inputs: [][]int{{5, 3}}, roundings: 4, magnitude: 12,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 0.5)
			a, b := tp.Rows(x, 0, 3), tp.Rows(tp.Rows(x, 1, 5), 0, 3)
			return tp.Add(tp.Mul(a, b), tp.Rows(in[0], 2, 5))
		}},

	{op: "GatherRows", wiring: "repeated, skipped and filled", inputs: [][]int{{5, 3}, {3}}, roundings: 1, magnitude: 2, forward: gather},
	{op: "GatherRows", wiring: "frozen x", inputs: [][]int{{5, 3}, {3}}, frozen: []int{0}, roundings: 1, magnitude: 2, forward: gather},
	{op: "GatherRows", wiring: "frozen fill", inputs: [][]int{{5, 3}, {3}}, frozen: []int{1}, roundings: 1, magnitude: 2, forward: gather},
	{op: "GatherRows", wiring: "no fill, used twice, fill a view", inputs: [][]int{{4, 2}, {1, 1, 2}}, roundings: 2, magnitude: 4,
		forward: func(tp *tape, in []*tensor) *tensor {
			a := tp.GatherRows(in[0], nil, []int32{3, 3, 0})
			return tp.Add(a, tp.GatherRows(in[0], tp.Reshape(in[1], 2), []int32{-1, 1, 3}))
		}},
	{op: "AddRows", wiring: "table trains, index repeats", inputs: [][]int{{4, 3}, {3, 3}}, roundings: 1, magnitude: 4, forward: addRows},
	{op: "AddRows", wiring: "frozen table", inputs: [][]int{{4, 3}, {3, 3}}, frozen: []int{1}, roundings: 1, magnitude: 4, forward: addRows},
	{op: "AddRows", wiring: "frozen x", inputs: [][]int{{4, 3}, {3, 3}}, frozen: []int{0}, roundings: 1, magnitude: 4, forward: addRows},
	{op: "AddRows", wiring: "x is its own table", inputs: [][]int{{4, 3}}, roundings: 2, magnitude: 6,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.AddRows(in[0], in[0], []int32{1, 1, 0, 2}) }},

	// Losses: differences below 4, squares below 16; float64 sums, so the
	// roundings are the difference, the square and the result.
	{op: "MSE", wiring: "two inputs", inputs: [][]int{{3, 4}, {3, 4}}, roundings: 4, magnitude: 16, forward: mse},
	{op: "MSE", wiring: "frozen y", inputs: [][]int{{3, 4}, {3, 4}}, frozen: []int{1}, roundings: 4, magnitude: 16, forward: mse},
	{op: "MSE", wiring: "of two row ranges", inputs: [][]int{{4, 3}}, roundings: 4, magnitude: 16,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.MSE(tp.Rows(in[0], 0, 2), tp.Rows(in[0], 1, 3)) }},
	{op: "MSE", wiring: "of outputs", inputs: [][]int{{3, 4}, {3, 4}}, roundings: 7, magnitude: 16,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.MSE(tp.Scale(in[0], 0.5), tp.Scale(in[1], -1)) }},
	{op: "RowMSE", wiring: "two inputs, a weight 0", inputs: [][]int{{4, 3}, {4, 3}}, roundings: 5, magnitude: 48, forward: rowMSE},
	{op: "RowMSE", wiring: "frozen x, y used before", inputs: [][]int{{4, 3}, {4, 3}}, frozen: []int{0}, roundings: 7, magnitude: 48,
		forward: func(tp *tape, in []*tensor) *tensor {
			l := tp.RowMSE(in[0], in[1], []float32{0.5, 0, 1, 0.25})
			return tp.WeightedSum([]*tensor{l, tp.MSE(in[0], in[1])}, []float32{1, 1})
		}},
	{op: "SampleL2", wiring: "two inputs", inputs: [][]int{{3, 2, 2}, {3, 2, 2}}, roundings: 6, magnitude: 8, forward: sampleL2},
	{op: "SampleL2", wiring: "frozen y", inputs: [][]int{{3, 2, 2}, {3, 2, 2}}, frozen: []int{1}, roundings: 6, magnitude: 8, forward: sampleL2},
	{op: "WeightedSum", wiring: "a term twice, a weight 0", inputs: [][]int{{1}, {1}, {1}}, roundings: 1, magnitude: 9,
		forward: func(tp *tape, in []*tensor) *tensor {
			return tp.WeightedSum([]*tensor{in[0], in[1], tp.Mul(in[0], in[0]), in[2], in[0]}, []float32{0.5, -1, 0.25, 0, 1})
		}},
}

// mlp takes a quarter of x and of the first bias, so that the hidden sums are below 3.5.
func mlp(tp *tape, in []*tensor) *tensor {
	return tp.MLP(tp.Scale(in[0], 0.25), in[1], tp.Scale(in[2], 0.25), in[3], in[4], in[5])
}

func linear(tp *tape, in []*tensor) *tensor    { return tp.Linear(in[0], in[1], in[2]) }
func layerNorm(tp *tape, in []*tensor) *tensor { return tp.LayerNorm(in[0], in[1], in[2], 0.1) }
func conv(stride, pad int) forward {
	return func(tp *tape, in []*tensor) *tensor {
		return tp.Conv2D(in[0], in[1], in[2], autodiff.ConvOptions{StrideH: stride, StrideW: stride, PadH: pad, PadW: pad})
	}
}
func add(tp *tape, in []*tensor) *tensor      { return tp.Add(in[0], in[1]) }
func sub(tp *tape, in []*tensor) *tensor      { return tp.Sub(in[0], in[1]) }
func mul(tp *tape, in []*tensor) *tensor      { return tp.Mul(in[0], in[1]) }
func mse(tp *tape, in []*tensor) *tensor      { return tp.MSE(in[0], in[1]) }
func sampleL2(tp *tape, in []*tensor) *tensor { return tp.SampleL2(in[0], in[1], 0.5) }
func gather(tp *tape, in []*tensor) *tensor {
	return tp.GatherRows(in[0], in[1], []int32{4, -1, 1, 1, -1, 4, 0, 4})
}
func addRows(tp *tape, in []*tensor) *tensor {
	return tp.AddRows(in[0], in[1], []int32{2, 0, 2, 2})
}
func rowMSE(tp *tape, in []*tensor) *tensor {
	return tp.RowMSE(in[0], in[1], []float32{0.5, 0, 1, -2})
}

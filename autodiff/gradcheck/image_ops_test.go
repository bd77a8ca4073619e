package gradcheck

import (
	"slices"

	"lethe/autodiff"
)

// allRows are the rows of every file.
func allRows() []row { return slices.Concat(rows, imageRows) }

// imageRows are the ops of images and tokens.
//
// GroupNorm: a normalized value of a group of n is at most sqrt(n), here below
// 3.5, so u is below 2*3.5+2 = 9, and below 3*9+2 = 29 after the modulation.
var imageRows = []row{
	{op: "GroupNorm", wiring: "two groups", inputs: [][]int{{2, 3, 2, 4}, {4}, {4}}, roundings: 28, magnitude: 9, forward: groupNorm(2, false)},
	{op: "GroupNorm", wiring: "a group a channel", inputs: [][]int{{2, 5, 3}, {3}, {3}}, roundings: 28, magnitude: 9, forward: groupNorm(3, false)},
	{op: "GroupNorm", wiring: "one group, SiLU", inputs: [][]int{{2, 2, 2, 3}, {3}, {3}}, roundings: 48, magnitude: 9, forward: groupNorm(1, true)},
	{op: "GroupNorm", wiring: "frozen x", inputs: [][]int{{2, 6, 4}, {4}, {4}}, frozen: []int{0}, roundings: 28, magnitude: 9, forward: groupNorm(2, false)},
	{op: "GroupNorm", wiring: "frozen gamma", inputs: [][]int{{2, 6, 4}, {4}, {4}}, frozen: []int{1}, roundings: 48, magnitude: 9, forward: groupNorm(2, true)},
	{op: "GroupNorm", wiring: "frozen gamma and beta", inputs: [][]int{{2, 6, 4}, {4}, {4}}, frozen: []int{1, 2}, roundings: 28, magnitude: 9, forward: groupNorm(2, false)},
	{op: "GroupNorm", wiring: "modulated, SiLU", inputs: [][]int{{2, 6, 4}, {4}, {4}, {2, 8}}, roundings: 52, magnitude: 29, forward: modulated(true)},
	{op: "GroupNorm", wiring: "modulated, frozen gamma and beta", inputs: [][]int{{2, 6, 4}, {4}, {4}, {2, 8}}, frozen: []int{1, 2}, roundings: 32, magnitude: 29, forward: modulated(false)},
	{op: "GroupNorm", wiring: "modulated, only the modulation trains", inputs: [][]int{{2, 6, 4}, {4}, {4}, {2, 8}}, frozen: []int{0, 1, 2}, roundings: 52, magnitude: 29, forward: modulated(true)},
	{op: "GroupNorm", wiring: "everything twice, modulation an output, in a scope", inputs: [][]int{{2, 6, 4}, {4}, {4}, {2, 8}}, roundings: 60, magnitude: 80,
		forward: func(tp *tape, in []*tensor) *tensor {
			return tp.Scope(func() *tensor {
				x, s := tp.Scale(in[0], 0.5), tp.Scale(in[3], 0.5)
				a := tp.GroupNorm(x, in[1], in[2], autodiff.GroupNormOptions{Groups: 2, Eps: 0.1, ScaleShift: s, SiLU: true})
				b := tp.GroupNorm(x, in[1], in[2], autodiff.GroupNormOptions{Groups: 4, Eps: 0.1, ScaleShift: s})
				return tp.Add(tp.Mul(a, x), b)
			})
		}},

	{op: "GroupNorm", wiring: "one pixel, frozen beta", inputs: [][]int{{3, 6}, {6}, {6}}, frozen: []int{2}, roundings: 28, magnitude: 9, forward: groupNorm(2, false)},
	{op: "GroupNorm", wiring: "gamma is beta", inputs: [][]int{{2, 6, 4}, {4}}, roundings: 28, magnitude: 9,
		forward: func(tp *tape, in []*tensor) *tensor {
			return tp.GroupNorm(in[0], in[1], in[1], autodiff.GroupNormOptions{Groups: 2, Eps: 0.1})
		}},
	{op: "GroupNorm", wiring: "gamma and beta rows of one tensor, modulation frozen", inputs: [][]int{{2, 6, 4}, {2, 4}, {2, 8}}, frozen: []int{2}, roundings: 52, magnitude: 29,
		forward: func(tp *tape, in []*tensor) *tensor {
			gamma, beta := tp.Reshape(tp.Rows(in[1], 0, 1), 4), tp.Reshape(tp.Rows(in[1], 1, 2), 4)
			return tp.GroupNorm(in[0], gamma, beta, autodiff.GroupNormOptions{Groups: 2, Eps: 0.1, ScaleShift: in[2], SiLU: true})
		}},
	{op: "GroupNorm", wiring: "x + f(x): dy is needed twice", inputs: [][]int{{2, 6, 4}, {4}, {4}}, roundings: 52, magnitude: 12,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 1.5)
			return tp.Add(x, groupNorm(2, true)(tp, []*tensor{x, in[1], in[2]}))
		}},
	{op: "GroupNorm", wiring: "of an output used before: dx is added, dy is spare", inputs: [][]int{{2, 6, 4}, {4}, {4}}, roundings: 60, magnitude: 24,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 1.5)
			return tp.Add(tp.Mul(x, x), tp.Scale(groupNorm(2, true)(tp, []*tensor{x, in[1], in[2]}), 0.5))
		}},
	{op: "GroupNorm", wiring: "in a scope, dropped, gamma an output", inputs: [][]int{{2, 3, 4}, {4}, {4}, {3, 4}}, roundings: 60, magnitude: 72,
		forward: func(tp *tape, in []*tensor) *tensor {
			return tp.Scope(func() *tensor {
				y := groupNorm(2, true)(tp, []*tensor{tp.Scale(in[0], 1.5), tp.Scale(in[1], 0.5), in[2]})
				return tp.Linear(y, in[3], nil)
			})
		}},

	{op: "SiLU", wiring: "in a scope, dropped", inputs: [][]int{{3, 4}, {2, 4}}, roundings: 24, magnitude: 16,
		forward: func(tp *tape, in []*tensor) *tensor {
			return tp.Scope(func() *tensor { return tp.Linear(tp.SiLU(in[0]), in[1], nil) })
		}},
	{op: "SiLU", wiring: "once", inputs: [][]int{{3, 7}}, roundings: 16, magnitude: 2,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.SiLU(in[0]) }},
	{op: "SiLU", wiring: "input used twice, output shared", inputs: [][]int{{3, 5}}, roundings: 20, magnitude: 4,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 0.5)
			y := tp.SiLU(x)
			return tp.Add(tp.Add(y, x), y)
		}},

	{op: "AvgPool2", wiring: "even", inputs: [][]int{{2, 4, 2, 3}}, roundings: 4, magnitude: 2,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.AvgPool2(in[0]) }},
	{op: "AvgPool2", wiring: "odd, input used twice", inputs: [][]int{{1, 3, 5, 2}}, roundings: 6, magnitude: 8,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 0.5)
			return tp.Add(tp.AvgPool2(x), tp.AvgPool2(tp.Mul(x, x)))
		}},
	{op: "AvgPool2", wiring: "one column: nothing takes part", inputs: [][]int{{1, 2, 1, 2}, {1, 2, 3, 2}}, roundings: 4, magnitude: 4,
		forward: func(tp *tape, in []*tensor) *tensor { // the second input gives the output an element
			return tp.Reshape(tp.Concat(tp.Reshape(tp.AvgPool2(in[0]), 1, 0), tp.Reshape(tp.AvgPool2(in[1]), 1, 2)), 2)
		}},
	{op: "UpNearest2", wiring: "once", inputs: [][]int{{2, 2, 3, 2}}, roundings: 1, magnitude: 2,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.UpNearest2(in[0]) }},
	{op: "UpNearest2", wiring: "input used twice", inputs: [][]int{{1, 2, 1, 3}}, roundings: 3, magnitude: 6,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 0.5)
			return tp.Add(tp.UpNearest2(x), tp.UpNearest2(tp.Mul(x, in[0])))
		}},
	{op: "Concat", wiring: "two inputs", inputs: [][]int{{2, 3, 2}, {2, 3, 4}}, roundings: 1, magnitude: 2,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.Concat(in[0], in[1]) }},
	{op: "Concat", wiring: "frozen x", inputs: [][]int{{5, 2}, {5, 3}}, frozen: []int{0}, roundings: 1, magnitude: 2,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.Concat(in[0], in[1]) }},
	{op: "Concat", wiring: "frozen y", inputs: [][]int{{5, 2}, {5, 3}}, frozen: []int{1}, roundings: 1, magnitude: 2,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.Concat(in[0], in[1]) }},
	{op: "Concat", wiring: "with itself, pooled and used after", inputs: [][]int{{5, 2}}, roundings: 4, magnitude: 8,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 0.5)
			y := tp.Concat(x, x)
			return tp.Mul(y, tp.Concat(tp.Mul(x, x), in[0]))
		}},
	{op: "Detach", wiring: "a factor without gradient", inputs: [][]int{{3, 2}, {3, 2}}, frozen: []int{1}, roundings: 3, magnitude: 6,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.Add(in[0], tp.Detach(tp.Mul(in[1], in[1]))) }},

	{op: "AttentionInterleaved", wiring: "two heads of three", inputs: [][]int{{2, 4, 18}}, roundings: 48, magnitude: 6,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.AttentionInterleaved(in[0], 2) }},
	{op: "AttentionInterleaved", wiring: "input used twice", inputs: [][]int{{1, 3, 12}}, roundings: 49, magnitude: 12,
		forward: func(tp *tape, in []*tensor) *tensor {
			return tp.Add(tp.AttentionInterleaved(in[0], 2), tp.Attention(in[0], 2))
		}},

	// CrossEntropy: logits below 2, so a row's loss is below 4+log(5) < 6, times
	// its weight.
	{op: "CrossEntropy", wiring: "all classes", inputs: [][]int{{3, 5}}, roundings: 24, magnitude: 18,
		forward: crossEntropy(autodiff.CrossEntropyOptions{})},
	{op: "CrossEntropy", wiring: "smoothed, some columns no classes", inputs: [][]int{{3, 7}}, roundings: 24, magnitude: 18,
		forward: crossEntropy(autodiff.CrossEntropyOptions{Smoothing: 0.1, Classes: 5})},
	{op: "CrossEntropy", wiring: "logits used twice", inputs: [][]int{{3, 5}}, roundings: 28, magnitude: 80,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 0.5)
			a := crossEntropy(autodiff.CrossEntropyOptions{Smoothing: 0.2})(tp, []*tensor{x})
			return tp.WeightedSum([]*tensor{a, tp.MSE(x, tp.Scale(x, 2))}, []float32{1, 1})
		}},
}

func groupNorm(groups int, silu bool) forward {
	return func(tp *tape, in []*tensor) *tensor {
		return tp.GroupNorm(in[0], in[1], in[2], autodiff.GroupNormOptions{Groups: groups, Eps: 0.1, SiLU: silu})
	}
}

func modulated(silu bool) forward {
	return func(tp *tape, in []*tensor) *tensor {
		return tp.GroupNorm(in[0], in[1], in[2], autodiff.GroupNormOptions{Groups: 2, Eps: 0.1, ScaleShift: in[3], SiLU: silu})
	}
}

func crossEntropy(o autodiff.CrossEntropyOptions) forward {
	return func(tp *tape, in []*tensor) *tensor {
		return tp.CrossEntropy(in[0], []int32{4, 0, 2}, []float32{1, -0.5, 0.25}, o)
	}
}

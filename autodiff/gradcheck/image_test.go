package gradcheck

import "lethe/autodiff"

// allRows is the whole table.
var allRows = append(rows[:len(rows):len(rows)], imageRows...)

// imageRows are the ops of image models. GroupNorm: |n| <= sqrt(number of pixels
// and channels of a group), so |z| <= sqrt(8)*2+2 < 8 here, and 3*8+2 with
// ScaleShift, whose inputs are below 1. SiLU is no steeper than 1.1.
var imageRows = []row{
	{op: "GroupNorm", wiring: "all train", inputs: [][]int{{2, 2, 2, 4}, {4}, {4}}, roundings: 24, magnitude: 8, forward: groupNorm(2, false)},
	{op: "GroupNorm", wiring: "one group", inputs: [][]int{{2, 2, 3}, {3}, {3}}, roundings: 24, magnitude: 8, forward: groupNorm(1, false)},
	{op: "GroupNorm", wiring: "groups of one channel", inputs: [][]int{{2, 4, 3}, {3}, {3}}, roundings: 24, magnitude: 8, forward: groupNorm(3, false)},
	{op: "GroupNorm", wiring: "one pixel", inputs: [][]int{{3, 6}, {6}, {6}}, roundings: 24, magnitude: 8, forward: groupNorm(2, false)},
	{op: "GroupNorm", wiring: "SiLU", inputs: [][]int{{2, 2, 2, 4}, {4}, {4}}, roundings: 36, magnitude: 8, forward: groupNorm(2, true)},
	{op: "GroupNorm", wiring: "SiLU, frozen x", inputs: [][]int{{2, 2, 2, 4}, {4}, {4}}, frozen: []int{0}, roundings: 36, magnitude: 8, forward: groupNorm(2, true)},
	{op: "GroupNorm", wiring: "SiLU, frozen gamma and beta", inputs: [][]int{{2, 2, 2, 4}, {4}, {4}}, frozen: []int{1, 2}, roundings: 36, magnitude: 8, forward: groupNorm(2, true)},
	{op: "GroupNorm", wiring: "frozen gamma", inputs: [][]int{{2, 4, 4}, {4}, {4}}, frozen: []int{1}, roundings: 24, magnitude: 8, forward: groupNorm(2, false)},
	{op: "GroupNorm", wiring: "frozen beta", inputs: [][]int{{2, 4, 4}, {4}, {4}}, frozen: []int{2}, roundings: 24, magnitude: 8, forward: groupNorm(2, false)},
	{op: "GroupNorm", wiring: "gamma is beta", inputs: [][]int{{2, 4, 4}, {4}}, roundings: 24, magnitude: 8,
		forward: func(tp *tape, in []*tensor) *tensor {
			return tp.GroupNorm(in[0], in[1], in[1], autodiff.GroupNormOptions{Groups: 2, Eps: 0.1})
		}},
	{op: "GroupNorm", wiring: "ScaleShift", inputs: [][]int{{2, 4, 4}, {4}, {4}, {2, 8}}, roundings: 32, magnitude: 26, forward: groupNorm(2, false)},
	{op: "GroupNorm", wiring: "ScaleShift and SiLU", inputs: [][]int{{2, 4, 4}, {4}, {4}, {2, 8}}, roundings: 44, magnitude: 26, forward: groupNorm(2, true)},
	{op: "GroupNorm", wiring: "ScaleShift alone trains", inputs: [][]int{{2, 4, 4}, {4}, {4}, {2, 8}}, frozen: []int{0, 1, 2}, roundings: 44, magnitude: 26, forward: groupNorm(2, true)},
	{op: "GroupNorm", wiring: "frozen ScaleShift", inputs: [][]int{{2, 4, 4}, {4}, {4}, {2, 8}}, frozen: []int{3}, roundings: 44, magnitude: 26, forward: groupNorm(2, true)},
	{op: "GroupNorm", wiring: "everything used twice, x an output", inputs: [][]int{{2, 4, 4}, {4}, {4}, {2, 8}}, roundings: 46, magnitude: 54,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 0.75)
			s := tp.Scale(in[3], 0.5)
			o := autodiff.GroupNormOptions{Groups: 2, Eps: 0.1, ScaleShift: s}
			y := tp.GroupNorm(x, in[1], in[2], o)
			o.SiLU = true
			return tp.Add(tp.Add(x, y), tp.GroupNorm(x, in[1], in[2], o))
		}},
	{op: "GroupNorm", wiring: "in a Scope, dropped and computed again", inputs: [][]int{{2, 4, 4}, {4}, {4}, {2, 8}, {3, 4}}, roundings: 54, magnitude: 60,
		forward: func(tp *tape, in []*tensor) *tensor {
			return tp.Scope(func() *tensor {
				x := tp.Scale(in[0], 1.5) // the gradient of x is that of y, in place
				o := autodiff.GroupNormOptions{Groups: 2, Eps: 0.1, SiLU: true, ScaleShift: tp.Scale(in[3], 0.5)}
				return tp.Linear(tp.GroupNorm(x, in[1], in[2], o), tp.Scale(in[4], 0.25), nil)
			})
		}},

	{op: "SiLU", wiring: "once", inputs: [][]int{{3, 7}}, roundings: 8, magnitude: 2,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.SiLU(in[0]) }},
	{op: "SiLU", wiring: "input used twice, output shared", inputs: [][]int{{3, 5}}, roundings: 12, magnitude: 4,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 0.5)
			y := tp.SiLU(x)
			return tp.Add(tp.Add(y, x), y)
		}},
	{op: "SiLU", wiring: "in a Scope, dropped and computed again", inputs: [][]int{{3, 4}, {2, 4}}, roundings: 20, magnitude: 16,
		forward: func(tp *tape, in []*tensor) *tensor {
			return tp.Scope(func() *tensor { return tp.Linear(tp.SiLU(in[0]), in[1], nil) })
		}},

	{op: "AvgPool2", wiring: "even", inputs: [][]int{{2, 4, 2, 3}}, roundings: 4, magnitude: 2, forward: avgPool2},
	{op: "AvgPool2", wiring: "odd: the last row and column take no part", inputs: [][]int{{2, 3, 5, 2}}, roundings: 4, magnitude: 2, forward: avgPool2},
	{op: "AvgPool2", wiring: "odd, input used twice", inputs: [][]int{{1, 3, 3, 2}}, roundings: 6, magnitude: 8,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 0.5)
			return tp.Add(tp.AvgPool2(tp.Mul(x, x)), tp.Add(tp.AvgPool2(x), tp.AvgPool2(x)))
		}},
	{op: "UpNearest2", wiring: "once", inputs: [][]int{{2, 2, 3, 2}}, roundings: 1, magnitude: 8,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.UpNearest2(in[0]) }},
	{op: "UpNearest2", wiring: "input used twice", inputs: [][]int{{1, 2, 2, 2}}, roundings: 4, magnitude: 16,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 0.5)
			return tp.Add(tp.UpNearest2(x), tp.UpNearest2(tp.Mul(x, x)))
		}},

	{op: "Concat", wiring: "two inputs", inputs: [][]int{{2, 3, 2}, {2, 3, 4}}, roundings: 1, magnitude: 2, forward: concat},
	{op: "Concat", wiring: "frozen x", inputs: [][]int{{2, 3, 2}, {2, 3, 4}}, frozen: []int{0}, roundings: 1, magnitude: 2, forward: concat},
	{op: "Concat", wiring: "frozen y", inputs: [][]int{{2, 3, 2}, {2, 3, 4}}, frozen: []int{1}, roundings: 1, magnitude: 2, forward: concat},
	{op: "Concat", wiring: "x to itself, outputs, used twice", inputs: [][]int{{3, 2}}, roundings: 3, magnitude: 8,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 0.5)
			return tp.Concat(tp.Concat(x, x), tp.Mul(x, x))
		}},

	{op: "AttentionInterleaved", wiring: "two heads of three", inputs: [][]int{{2, 4, 18}}, roundings: 48, magnitude: 6,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.AttentionInterleaved(in[0], 2) }},
	{op: "AttentionInterleaved", wiring: "one head is Attention with one, input used twice", inputs: [][]int{{1, 3, 12}}, roundings: 49, magnitude: 12,
		forward: func(tp *tape, in []*tensor) *tensor {
			return tp.Add(tp.Attention(in[0], 1), tp.AttentionInterleaved(in[0], 2))
		}},

	// Log-sum-exp is below 2+log(5), logits below 2: a row's loss is below 6.
	{op: "CrossEntropy", wiring: "weights, one of 0", inputs: [][]int{{4, 5}}, roundings: 16, magnitude: 20,
		forward: func(tp *tape, in []*tensor) *tensor {
			return tp.CrossEntropy(in[0], []int32{2, 0, 4, 4}, []float32{1, 0.5, 0, -1.5}, autodiff.CrossEntropyOptions{})
		}},
	{op: "CrossEntropy", wiring: "smoothing, fewer classes than columns, three dimensions", inputs: [][]int{{2, 2, 6}}, roundings: 16, magnitude: 20,
		forward: func(tp *tape, in []*tensor) *tensor {
			return tp.CrossEntropy(in[0], []int32{2, 0, 3, 3}, []float32{1, 0.5, 0.25, -1}, autodiff.CrossEntropyOptions{Smoothing: 0.125, Classes: 4})
		}},
	{op: "CrossEntropy", wiring: "logits an output, used twice", inputs: [][]int{{2, 3}}, roundings: 20, magnitude: 40,
		forward: func(tp *tape, in []*tensor) *tensor {
			x := tp.Scale(in[0], 0.5)
			a := tp.CrossEntropy(x, []int32{2, 0}, []float32{1, 1}, autodiff.CrossEntropyOptions{Smoothing: 1})
			b := tp.CrossEntropy(x, []int32{1, 1}, []float32{2, 1}, autodiff.CrossEntropyOptions{})
			return tp.WeightedSum([]*tensor{a, b}, []float32{1, -1})
		}},

	{op: "Detach", wiring: "of what does not train", inputs: [][]int{{2, 3}, {2, 3}}, frozen: []int{1}, roundings: 2, magnitude: 8,
		forward: func(tp *tape, in []*tensor) *tensor { return tp.Mul(in[0], tp.Detach(tp.Scale(in[1], 2))) }},
}

// groupNorm takes x, gamma, beta and, where there is a fourth input, half of it as
// ScaleShift.
func groupNorm(groups int, silu bool) forward {
	return func(tp *tape, in []*tensor) *tensor {
		o := autodiff.GroupNormOptions{Groups: groups, Eps: 0.1, SiLU: silu}
		if len(in) > 3 {
			o.ScaleShift = tp.Scale(in[3], 0.5)
		}
		return tp.GroupNorm(in[0], in[1], in[2], o)
	}
}

func avgPool2(tp *tape, in []*tensor) *tensor { return tp.AvgPool2(in[0]) }
func concat(tp *tape, in []*tensor) *tensor   { return tp.Concat(in[0], in[1]) }

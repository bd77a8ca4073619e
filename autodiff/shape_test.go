package autodiff

import (
	"errors"
	"math"
	"strings"
	"testing"
)

// wantShapeError runs f, which must panic with that ShapeError.
func wantShapeError(t *testing.T, op, quantity string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		err, _ := recover().(error)
		var got *ShapeError
		if !errors.As(err, &got) || got.Op != op || got.Quantity != quantity || got.Got == "" || got.Want == "" {
			t.Errorf("panic is %v, want a ShapeError of %s about %s", err, op, quantity)
			return
		}
		if text := got.Error(); !strings.HasPrefix(text, "autodiff: "+op+": "+quantity+" is ") {
			t.Errorf("message is %q", text)
		}
	}()
	f()
}

// wantPanic runs f, which must panic with a ShapeError or a string of this package.
func wantPanic(t *testing.T, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		switch p := recover().(type) {
		case *ShapeError:
		case string:
			if !strings.HasPrefix(p, "autodiff: ") {
				t.Errorf("panic is %q, want one of this package", p)
			}
		default:
			t.Errorf("panic is %v, want one of this package", p)
		}
	}()
	f()
}

func TestShapeErrors(t *testing.T) {
	tp := NewTape()
	for _, c := range []struct {
		op, quantity string
		f            func()
	}{
		{"New", "shape", func() { New(2, -1) }},
		{"New", "shape", func() { New(1<<16, 1<<16, 1<<16, 1<<16) }}, // 2^64, which wraps to 0
		{"FromSlice", "len(data)", func() { FromSlice(make([]float32, 5), 2, 3) }},
		{"Linear", "shape of w", func() { tp.Linear(New(2, 3), New(3), nil) }},
		{"Linear", "rank of x", func() { tp.Linear(New(), New(4, 3), nil) }},
		{"Linear", "last dimension of x", func() { tp.Linear(New(2, 3), New(3, 4), nil) }},
		{"Linear", "shape of b", func() { tp.Linear(New(2, 3), New(4, 3), New(3)) }},
		{"LinearAdd", "to", func() { tp.LinearAdd(New(2, 3), New(4, 3), nil, nil) }},
		{"LinearAdd", "shape of y", func() { tp.LinearAdd(New(2, 3), New(4, 3), nil, New(2, 3)) }},
		{"MLP", "shape of w2", func() { tp.MLP(New(2, 3), New(4, 3), nil, New(3, 5), nil, nil) }},
		{"MLP", "shape of b2", func() { tp.MLP(New(2, 3), New(4, 3), nil, New(3, 4), New(4), nil) }},
		{"MLP", "shape of y", func() { tp.MLP(New(2, 3), New(4, 3), nil, New(3, 4), nil, New(2, 4)) }},
		{"Linear", "x", func() { tp.Linear(nil, New(4, 3), nil) }},
		{"Conv2D", "shape of w", func() { tp.Conv2D(New(1, 4, 4, 2), New(3, 2), nil, ConvOptions{}) }},
		{"Conv2D", "shape of x", func() { tp.Conv2D(New(1, 4, 4, 2), New(3, 1, 1, 3), nil, ConvOptions{}) }},
		{"Conv2D", "shape of b", func() { tp.Conv2D(New(1, 4, 4, 2), New(3, 1, 1, 2), New(2), ConvOptions{}) }},
		{"Conv2D", "height of w", func() { tp.Conv2D(New(1, 4, 4, 2), New(3, 5, 1, 2), nil, ConvOptions{}) }},
		{"Conv2D", "width of w", func() { tp.Conv2D(New(1, 4, 4, 2), New(3, 3, 0, 2), nil, ConvOptions{}) }},
		{"Conv2D", "width of x", func() { tp.Conv2D(New(1, 4, 0, 2), New(3, 1, 1, 2), nil, ConvOptions{PadW: 1}) }},
		{"Conv2D", "PadH", func() { tp.Conv2D(New(1, 4, 4, 2), New(3, 1, 1, 2), nil, ConvOptions{PadH: -1}) }},
		{"Conv2D", "StrideW", func() { tp.Conv2D(New(1, 4, 4, 2), New(3, 1, 1, 2), nil, ConvOptions{StrideW: -1}) }},
		{"LayerNorm", "shape of gamma", func() { tp.LayerNorm(New(2, 3), New(2), New(3), 0) }},
		{"LayerNorm", "shape of beta", func() { tp.LayerNorm(New(2, 3), New(3), New(1, 3), 0) }},
		{"LayerNorm", "rank of x", func() { tp.LayerNorm(New(), New(3), New(3), 0) }},
		{"Softmax", "rank of x", func() { tp.Softmax(New()) }},
		{"Gelu", "x", func() { tp.Gelu(nil) }},
		{"Attention", "shape of qkv", func() { tp.Attention(New(2, 6), 1) }},
		{"Attention", "last dimension of qkv", func() { tp.Attention(New(2, 3, 12), 3) }},
		{"Attention", "last dimension of qkv", func() { tp.Attention(New(2, 3, 12), 0) }},
		{"AttentionInterleaved", "shape of qkv", func() { tp.AttentionInterleaved(New(2, 6), 1) }},
		{"AttentionInterleaved", "last dimension of qkv", func() { tp.AttentionInterleaved(New(2, 3, 12), 3) }},
		{"GroupNorm", "rank of x", func() { tp.GroupNorm(New(4), New(4), New(4), GroupNormOptions{Groups: 2}) }},
		{"GroupNorm", "shape of gamma", func() { tp.GroupNorm(New(2, 4), New(3), New(4), GroupNormOptions{Groups: 2}) }},
		{"GroupNorm", "shape of beta", func() { tp.GroupNorm(New(2, 4), New(4), New(3), GroupNormOptions{Groups: 2}) }},
		{"GroupNorm", "shape of ScaleShift", func() { tp.GroupNorm(New(2, 4), New(4), New(4), GroupNormOptions{Groups: 2, ScaleShift: New(1, 8)}) }},
		{"GroupNorm", "last dimension of x", func() { tp.GroupNorm(New(2, 4), New(4), New(4), GroupNormOptions{Groups: 3}) }},
		{"GroupNorm", "last dimension of x", func() { tp.GroupNorm(New(2, 4), New(4), New(4), GroupNormOptions{}) }},
		{"GroupNorm", "pixels of x", func() { tp.GroupNorm(New(2, 0, 4), New(4), New(4), GroupNormOptions{Groups: 2}) }},
		{"SiLU", "x", func() { tp.SiLU(nil) }},
		{"AvgPool2", "shape of x", func() { tp.AvgPool2(New(2, 4, 4)) }},
		{"UpNearest2", "shape of x", func() { tp.UpNearest2(New(2, 4, 4)) }},
		{"Concat", "rank of x", func() { tp.Concat(New(), New()) }},
		{"Concat", "shape of y", func() { tp.Concat(New(2, 3), New(3, 3)) }},
		{"Concat", "shape of y", func() { tp.Concat(New(2, 3), New(2, 1, 3)) }},
		{"CrossEntropy", "shape of logits", func() { tp.CrossEntropy(New(3), nil, nil, CrossEntropyOptions{}) }},
		{"CrossEntropy", "len(targets)", func() { tp.CrossEntropy(New(2, 3), []int32{0}, []float32{1, 1}, CrossEntropyOptions{}) }},
		{"CrossEntropy", "len(weights)", func() { tp.CrossEntropy(New(1, 3), []int32{0}, nil, CrossEntropyOptions{}) }},
		{"CrossEntropy", "Classes", func() { tp.CrossEntropy(New(1, 3), []int32{0}, []float32{1}, CrossEntropyOptions{Classes: 4}) }},
		{"CrossEntropy", "targets[1]", func() {
			tp.CrossEntropy(New(2, 3), []int32{0, 2}, []float32{1, 1}, CrossEntropyOptions{Classes: 2})
		}},
		{"CrossEntropy", "targets[0]", func() { tp.CrossEntropy(New(1, 3), []int32{-1}, []float32{1}, CrossEntropyOptions{}) }},
		{"Detach", "x", func() { tp.Detach(nil) }},
		{"Add", "shape of y", func() { tp.Add(New(2, 3), New(3, 2)) }},
		{"Sub", "shape of y", func() { tp.Sub(New(6), New(3, 2)) }},
		{"Mul", "y", func() { tp.Mul(New(6), nil) }},
		{"Scale", "x", func() { tp.Scale(nil, 1) }},
		{"Reshape", "elements of the shape", func() { tp.Reshape(New(2, 3), 2, 2) }},
		{"Rows", "row range", func() { tp.Rows(New(4, 2), 3, 5) }},
		{"Rows", "row range", func() { tp.Rows(New(4, 2), 3, 2) }},
		{"Rows", "row range", func() { tp.Rows(New(4, 2), -1, 2) }},
		{"Rows", "rank of x", func() { tp.Rows(New(), 0, 0) }},
		{"GatherRows", "shape of x", func() { tp.GatherRows(New(4), nil, nil) }},
		{"GatherRows", "elements of fill", func() { tp.GatherRows(New(4, 2), New(3), nil) }},
		{"GatherRows", "idx[1]", func() { tp.GatherRows(New(4, 2), nil, []int32{0, -1}) }},
		{"GatherRows", "idx[0]", func() { tp.GatherRows(New(4, 2), New(2), []int32{4}) }},
		{"GatherRows", "idx[0]", func() { tp.GatherRows(New(4, 2), New(2), []int32{-2}) }},
		{"AddRows", "shape of x", func() { tp.AddRows(New(4), New(4, 2), nil) }},
		{"AddRows", "shape of table", func() { tp.AddRows(New(2, 2), New(4, 3), []int32{0, 0}) }},
		{"AddRows", "len(idx)", func() { tp.AddRows(New(2, 2), New(4, 2), []int32{0}) }},
		{"AddRows", "idx[1]", func() { tp.AddRows(New(2, 2), New(4, 2), []int32{0, -1}) }},
		{"MSE", "shape of y", func() { tp.MSE(New(2), New(2, 1)) }},
		{"RowMSE", "shape of x", func() { tp.RowMSE(New(2), New(2), []float32{1, 1}) }},
		{"RowMSE", "len(w)", func() { tp.RowMSE(New(2, 3), New(2, 3), []float32{1}) }},
		{"SampleL2", "rank of x", func() { tp.SampleL2(New(), New(), 1) }},
		{"SampleL2", "shape of y", func() { tp.SampleL2(New(2), New(3), 1) }},
		{"WeightedSum", "len(w)", func() { tp.WeightedSum([]*Tensor{New(1)}, nil) }},
		{"WeightedSum", "shape of term", func() { tp.WeightedSum([]*Tensor{New(2)}, []float32{1}) }},
		{"Backward", "shape of loss", func() { tp.Backward(New(2)) }},
		{"BackwardFrom", "len(dy)", func() { tp.BackwardFrom(New(2), []float32{1}) }},
	} {
		wantShapeError(t, c.op, c.quantity, c.f)
	}
}

func TestShapeErrorText(t *testing.T) {
	err := &ShapeError{Op: "Linear", Quantity: "shape of w", Got: formatShape([]int{3}), Want: formatShape([]int{anyDim, 4})}
	if got, want := err.Error(), "autodiff: Linear: shape of w is [3], want [_ 4]"; got != want {
		t.Errorf("message is %q, want %q", got, want)
	}
}

// TestMisuse: contracts that are not about shapes.
func TestMisuse(t *testing.T) {
	tp, other := NewTape(), NewTape()
	w := New(1)
	wantPanic(t, func() { tp.Backward(tp.Scale(w, 2)) }) // nothing trains
	w.SetTrainable(true)
	y := tp.Scale(w, 2)
	wantPanic(t, func() { y.SetTrainable(true) })
	wantPanic(t, func() { other.Scale(y, 2) })
	wantPanic(t, func() { fresh := NewTape(); fresh.Frozen(func() *Tensor { fresh.Reset(); return nil }) })
	wantPanic(t, func() { fresh := NewTape(); fresh.Frozen(func() *Tensor { fresh.Backward(w); return nil }) })
	wantPanic(t, func() { tp.SampleL2(w, w, -1) })
	wantPanic(t, func() { tp.CrossEntropy(New(1, 1), []int32{0}, []float32{1}, CrossEntropyOptions{Smoothing: 1.5}) })
	wantPanic(t, func() { tp.SampleL2(w, w, float32(math.NaN())) })
}

package checkpoint

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
)

// viewFile is a checkpoint of one tensor "w" over storage "0" of the six floats
// 0 to 5, of which the pickle claims numel.
func viewFile(t *testing.T, numel, offset int, shape, strides []int) []byte {
	t.Helper()
	p := pickler{opProto, 2, opEmptyDict}
	p.text("w")
	p.global("torch._utils", "_rebuild_tensor_v2")
	p.op(opMark, opMark)
	p.text("storage")
	p.global("torch", "FloatStorage")
	p.text("0")
	p.text("cpu")
	p.int(numel)
	p.op(opTuple, opBinPersID)
	p.int(offset)
	p.ints(shape)
	p.ints(strides)
	p.op(opNewFalse, opEmptyDict, opTuple, opReduce, opSetItem, opStop)
	var data []byte
	for i := range 6 {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(i)))
	}
	return zipOf(t, zip.Store, [2]string{"a/data.pkl", string(p)}, [2]string{"a/data/0", string(data)})
}

func TestStridedViews(t *testing.T) {
	for _, c := range []struct {
		offset         int
		shape, strides []int
		want           string
	}{
		{0, []int{6}, []int{1}, "[0 1 2 3 4 5]"},
		{2, []int{2, 2}, []int{2, 1}, "[2 3 4 5]"},
		{0, []int{3, 2}, []int{1, 3}, "[0 3 1 4 2 5]"},                   // transposed
		{1, []int{2, 2}, []int{3, 1}, "[1 2 4 5]"},                       // a window
		{5, []int{2, 2}, []int{0, 0}, "[5 5 5 5]"},                       // broadcast
		{0, []int{2, 3}, []int{1, 1}, "[0 1 2 1 2 3]"},                   // overlapping
		{5, nil, nil, "[5]"},                                             // scalar
		{3, []int{1, 3}, []int{math.MaxInt, 1}, "[3 4 5]"},               // stride of size 1
		{math.MaxInt, []int{0, 3}, []int{9, 9}, "[]"},                    // nothing is touched
		{0, []int{2, 1, 3}, []int{3, 7, 1}, "[0 1 2 3 4 5]"},             // still contiguous
		{0, []int{2, 3, 2}, []int{3, 1, 0}, "[0 0 1 1 2 2 3 3 4 4 5 5]"}, // broadcast inside
	} {
		f, err := parse(viewFile(t, 6, c.offset, c.shape, c.strides))
		if err != nil {
			t.Errorf("%v: %v", c, err)
			continue
		}
		got, err := f.Tensors[0].Float32()
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%v: got %v, %v", c, got, err)
		}
	}
}

func TestStridedViewsRefuse(t *testing.T) {
	const max = math.MaxInt
	for _, c := range []struct {
		numel, offset  int
		shape, strides []int
		want           string
	}{
		{6, 0, []int{7}, []int{1}, "reach outside"},
		{6, 1, []int{6}, []int{1}, "reach outside"},
		{6, 6, nil, nil, "reach outside"},
		{6, 0, []int{2, 3}, []int{4, 1}, "reach outside"},
		{5, 0, []int{6}, []int{1}, "reach outside"}, // the record has more, the storage not
		{7, 0, []int{6}, []int{1}, "record has 24 bytes"},
		{max, 0, []int{6}, []int{1}, "record has 24 bytes"},
		{6, max, []int{1}, []int{1}, "reach outside"},
		{6, max, []int{2}, []int{max}, "reach outside"},
		{6, 0, []int{3}, []int{max}, "reach outside"}, // the product overflows
		{6, 0, []int{2, 2, 2, 2}, []int{max, max, max, 3}, "reach outside"},
		{6, 0, []int{max, max}, []int{0, 0}, "overflows"},
		{6, 0, []int{1 << 30}, []int{0}, "more than 16 times"}, // 4 GiB from 4 bytes
		{6, 0, []int{1 << 19}, []int{0}, "more than 16 times"},
		{6, 0, []int{2}, []int{1, 1}, "malformed"},
		{6, 0, make([]int, 65), make([]int, 65), "malformed"},
	} {
		_, err := parse(viewFile(t, c.numel, c.offset, c.shape, c.strides))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: error %v", c, err)
		}
	}
}

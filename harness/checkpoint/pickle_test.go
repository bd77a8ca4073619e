package checkpoint

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
)

// Every opcode of values, with what Python gives for it.
func TestUnpickleValues(t *testing.T) {
	for program, want := range map[string]any{
		"N":                            nil,
		"\x88":                         true,
		"\x89":                         false,
		"I01\n":                        true,
		"I-70000000000\n":              int64(-70000000000),
		"L5L\n":                        int64(5),
		"K\xff":                        int64(255),
		"M\xff\xff":                    int64(65535),
		"J\xff\xff\xff\xff":            int64(-1),
		"\x8a\x00":                     int64(0),
		"\x8a\x01\xff":                 int64(-1),
		"\x8a\x02\xff\x00":             int64(255),
		"\x8b\x02\x00\x00\x00\x00\x01": int64(256),
		"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01": bigInt{0, 0, 0, 0, 0, 0, 0, 0, 1},
		"G\x3f\xf8\x00\x00\x00\x00\x00\x00":            1.5,
		"U\x02ab":                                      "ab",
		"T\x02\x00\x00\x00ab":                          "ab",
		"X\x02\x00\x00\x00ab":                          "ab",
		"\x8c\x02ab":                                   "ab",
		"\x8d\x02\x00\x00\x00\x00\x00\x00\x00ab":       "ab",
		"C\x02ab":                                      []byte("ab"),
		"B\x02\x00\x00\x00ab":                          []byte("ab"),
		"\x8e\x02\x00\x00\x00\x00\x00\x00\x00ab":       []byte("ab"),
		"\x96\x02\x00\x00\x00\x00\x00\x00\x00ab":       []byte("ab"),
		")":                                            tuple(nil),
		"(K\x01K\x02t":                                 tuple{int64(1), int64(2)},
		"K\x01\x85":                                    tuple{int64(1)},
		"K\x01K\x02\x86":                               tuple{int64(1), int64(2)},
		"K\x01K\x02K\x03\x87":                          tuple{int64(1), int64(2), int64(3)},
		"]K\x01a(K\x02K\x03e":                          &list{[]any{int64(1), int64(2), int64(3)}},
		"(K\x01l":                                      &list{[]any{int64(1)}},
		"K\x01K\x022\x87":                              tuple{int64(1), int64(2), int64(2)},
		"K\x01K\x020":                                  int64(1),
		"K\x01(K\x02K\x031":                            int64(1),
		"K\x01(0":                                      int64(1),
		"K\x01q\x05h\x05\x86":                          tuple{int64(1), int64(1)},
		"K\x01\x94h\x00\x86":                           tuple{int64(1), int64(1)},
		"K\x01r\x00\x00\x01\x00j\x00\x00\x01\x00\x86":                    tuple{int64(1), int64(1)},
		"\x95\x02\x00\x00\x00\x00\x00\x00\x00K\x01":                      int64(1),
		"ctorch\nfloat32\n":                                              global{"torch", "float32"},
		"\x8c\x05torch\x8c\x07float32\x93":                               global{"torch", "float32"},
		"cargparse\nNamespace\n)\x81}b":                                  &object{class: "argparse.Namespace"},
		"cargparse\nNamespace\n)}\x92":                                   &object{class: "argparse.Namespace"},
		"\x8f(K\x01\x90":                                                 &object{class: "builtins.set"},
		"ctorch._utils\n_rebuild_parameter\n" + scalarRef + "\x89N\x87R": scalarTensor,
	} {
		got, n, err := unpickle([]byte("\x80\x02"+program+".tail"), map[string]*storageRef{})
		if err != nil || !reflect.DeepEqual(got, want) || n != len(program)+3 {
			t.Errorf("%q gives %#v, %d, %v, want %#v", program, got, n, err, want)
		}
	}
}

// scalarRef pickles a tensor of no dimensions over storage "0" of one float.
const scalarRef = "ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x01tQK\x00))\x89}tR"

var scalarTensor = &tensorRef{storage: &storageRef{key: "0", dtype: F32, numel: 1}, dtype: F32, shape: []int{}, strides: []int{}}

func TestUnpickleDicts(t *testing.T) {
	for program, want := range map[string][2][]any{
		"}U\x01aK\x01sU\x01bK\x02s":                            {{"a", "b"}, {int64(1), int64(2)}},
		"}(U\x01aK\x01U\x01bK\x02u":                            {{"a", "b"}, {int64(1), int64(2)}},
		"(U\x01aK\x01d":                                        {{"a"}, {int64(1)}},
		"}U\x01aK\x01sU\x01aK\x02s":                            {{"a"}, {int64(2)}}, // the later value wins
		"}K\x01K\x02s":                                         {{int64(1)}, {int64(2)}},
		"ccollections\nOrderedDict\n]]U\x01aaK\x03aa\x85R":     {{"a"}, {int64(3)}},
		"ccollections\nOrderedDict\n)RU\x01aK\x01s":            {{"a"}, {int64(1)}},
		"ccollections\ndefaultdict\nc__builtin__\nlist\n\x85R": {nil, nil},
		"ccollections\nCounter\n}K\x05K\x01s\x85R":             {{int64(5)}, {int64(1)}},
		"ccollections\nOrderedDict\n)RU\x01aK\x01s}U\x01mNsb":  {{"a"}, {int64(1)}}, // BUILD: _metadata
		"}(K\x01])K\x02u":                                      {{int64(1), tuple(nil)}, {&list{}, int64(2)}},
	} {
		v, _, err := unpickle([]byte("\x80\x02"+program+"."), map[string]*storageRef{})
		d, ok := v.(*dict)
		if err != nil || !ok || !reflect.DeepEqual([2][]any{d.keys, d.values}, want) {
			t.Errorf("%q gives %#v, %v, want %v", program, v, err, want)
		}
	}
}

func TestUnpickleRefuses(t *testing.T) {
	deep := strings.Repeat("(", 100)
	for program, want := range map[string]string{
		"":                                     "truncated",
		"K":                                    "truncated",
		"X\xff\xff\xff\x7fa":                   "truncated: at least 2147483646 bytes",
		"\x8d\xff\xff\xff\xff\xff\xff\xff\xff": "longer than the file",
		"\x8b\xff\xff\xff\xff":                 "longer than the file",
		"\x80\x01":                             "protocol 1",
		"\x80\x06":                             "protocol 6",
		".":                                    "empty stack",
		"0.":                                   "empty stack",
		"\x85.":                                "empty stack",
		"K\x01(\x85.":                          "empty stack", // does not reach below the mark
		"t.":                                   "MARK",
		deep + strings.Repeat("t", 101):        "MARK",
		"h\x00.":                               "memo 0 was never stored",
		"}(K\x01u.":                            "no value",
		"K\x01K\x02a.":                         "adds items to a int 1",
		"]K\x01K\x02s.":                        "adds items to a list",
		"}K\x01a.":                             "adds items to a dict",
		"K\x01}b.":                             "sets the state of a int 1",
		"K\x01)R.":                             "calls a int 1",
		"ccollections\nOrderedDict\nNR.":       "with a None",
		"cos\nsystem\n.":                       `"os.system" refused`,
		"\x8c\x02os\x8c\x06system\x93.":        `"os.system" refused`,
		"c__builtin__\neval\n.":                `"__builtin__.eval" refused`,
		"cbuiltins\ngetattr\n.":                `"builtins.getattr" refused`,
		"ctorch.storage\n_load_from_bytes\n.":  `"torch.storage._load_from_bytes" refused`,
		"ctorch\nload\n.":                      `"torch.load" refused`,
		"cnumpy\nload\n.":                      `"numpy.load" refused`,
		"NN\x93.":                              "not text",
		"ctorch\n.":                            "no end of line",
		"ctorch\nFloatStorage\n)R.":            "cannot be called",
		"ctorch\nfloat32\n)R.":                 "cannot be called",
		"i\n\n.":                               "refused", // INST
		"o.":                                   "refused", // OBJ
		"P0\n.":                                "refused", // PERSID
		"\x82\x01.":                            "refused", // EXT1
		"\x97.":                                "refused", // NEXT_BUFFER
		"NQ.":                                  "persistent id",
		"(U\x06modulectorch\nFloatStorage\nU\x010U\x03cpuK\x01tQ.":                      "not that of a storage",
		"(U\x07storagectorch\nfloat32\nU\x010U\x03cpuK\x01tQ.":                          "malformed",
		"(U\x07storagectorch\nFloatStorage\nK\x00U\x03cpuK\x01tQ.":                      "malformed",
		"(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuJ\xff\xff\xff\xfftQ.":         "malformed",
		scalarRef + "(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x02tQ.":         "1 of F32 before",
		scalarRef + "(U\x07storagectorch\nLongStorage\nU\x010U\x03cpuK\x01tQ.":          "1 of F32 before",
		"(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x04U\x01vK\x02K\x03\x87tQ.": "outside it",
		"ctorch._utils\n_rebuild_tensor_v2\n)R.":                                        "too few",
		"ctorch._utils\n_rebuild_tensor_v2\n(NK\x00))tR.":                               "malformed",
		"ctorch._utils\n_rebuild_parameter\nN\x85R.":                                    "not a tensor",
		"ccollections\nOrderedDict\n]K\x01a\x85R.":                                      "not a pair",
		"ccollections\nOrderedDict\nK\x01\x85R.":                                        "argument is a int",
		"I12a\n.":                                                                       "malformed",
	} {
		_, _, err := unpickle([]byte("\x80\x02"+program), map[string]*storageRef{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: error %v, want one with %q", program, err, want)
		}
	}
	if _, _, err := unpickle([]byte("N."), nil); err == nil || !strings.Contains(err.Error(), "protocol 2") {
		t.Errorf("without PROTO: error %v", err)
	}
}

// Bombs: small programs that describe huge values. Each ends in an error.
func TestUnpickleBombs(t *testing.T) {
	grow := "ccollections\nOrderedDict\nq\x00]q\x01(" + strings.Repeat("NN\x86", 1000) + "e0" + strings.Repeat("h\x00h\x01\x85R0", 1000)
	for name, c := range map[string]struct{ program, want string }{
		"opcodes":   {strings.Repeat("N0", maxOps/2+1), "opcodes"},
		"stack":     {strings.Repeat("N", maxStack+1), "stack grows"},
		"copies":    {grow, "again and again"},
		"doubling":  {"}U\x01m" + "]" + strings.Repeat("2\x86", 30) + "s", "more than 16 times"},
		"itself":    {"}q\x00U\x01ah\x00s", "nested deeper"},
		"long name": {"}q\x00X\x00\x00\x04\x00" + strings.Repeat("n", 1<<18) + "h\x00s", "more than 16 times"},
	} {
		file := zipOf(t, zip.Deflate, [2]string{"a/data.pkl", "\x80\x02" + c.program + "."})
		if name == "opcodes" || name == "stack" || name == "copies" { // too large for the budget when deflated
			file = zipOf(t, zip.Store, [2]string{"a/data.pkl", "\x80\x02" + c.program + "."})
		}
		_, err := parse(file)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

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

func TestStateDictNames(t *testing.T) {
	tensor := func(key string) string { return "U" + string(rune(len(key))) + key + scalarRef + "s" }
	record := [2]string{"a/data/0", "\x00\x00\x80\x3f"}
	for program, want := range map[string]string{
		"}" + tensor("w"): "[w] []",
		"}U\x05model}" + tensor("w") + "sU\x01eK\x05s":                                "[w] [e (int 5)]",
		"}U\x05modelK\x03s" + tensor("w"):                                             "[w] [model (int 3)]",
		"}U\x05model}U\x01eK\x05ss" + tensor("w"):                                     "[w] [model (dict of 1)]",
		"}U\x0astate_dict}" + tensor("w") + "s":                                       "[w] []",
		"}U\x03net}" + tensor("w") + "U\x01eNss":                                      "[net.w] [net.e (None)]",
		"}U\x03net]" + scalarRef + "aK\x05as":                                         "[net.0] []",
		"}K\x07" + scalarRef + "s":                                                    "[7] []",
		"}N" + scalarRef + "s" + tensor("w"):                                          "[w] [[None] (tensor)]",
		"}U\x03opt}U\x05state}" + tensor("m") + "sU\x0cparam_groups]ss" + tensor("w"): "[w] [opt (optimizer state)]",
		scalarRef:             "[tensor] []",
		"]" + scalarRef + "a": "[tensor.0] []",
	} {
		f, err := parse(zipOf(t, zip.Store, [2]string{"a/data.pkl", "\x80\x02" + program + "."}, record))
		if err != nil {
			t.Errorf("%q: %v", program, err)
			continue
		}
		var names []string
		for _, x := range f.Tensors {
			names = append(names, x.Name)
		}
		if got := fmt.Sprintf("%v %v", names, f.Skipped); got != want {
			t.Errorf("%q: got %s, want %s", program, got, want)
		}
	}
	for program, want := range map[string]string{
		"}":             "holds no tensors, only: dict of 0",
		"}U\x01eK\x05s": "holds no tensors",
		"K\x05":         "holds no tensors, only: int 5",
		"}U\x01a}" + tensor("b") + "s" + tensor("a.b"): `"a.b" occurs twice`,
		"}" + tensor(""):     "no name",
		"}" + tensor("\xff"): "UTF-8",
	} {
		_, err := parse(zipOf(t, zip.Store, [2]string{"a/data.pkl", "\x80\x02" + program + "."}, record))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", program, err, want)
		}
	}
}

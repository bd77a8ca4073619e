package checkpoint

import (
	"archive/zip"
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

// The other ways in which PyTorch has spelled a tensor, each of one element.
func TestUnpickleTensorSpellings(t *testing.T) {
	storage := func(class, rest string) string {
		return "(U\x07storagec" + class + "\nU\x010U\x03cpu" + rest + "tQ"
	}
	float := storage("torch\nFloatStorage", "K\x01")
	for program, want := range map[string]tensorRef{
		"ctorch._utils\n_rebuild_tensor\n(" + float + "K\x00))tR":                                                                       {dtype: F32},
		"ctorch._utils\n_rebuild_tensor_v2\n(" + storage("torch.cuda\nHalfStorage", "K\x01") + "K\x00))\x89}tR":                         {dtype: F16},
		"ctorch._utils\n_rebuild_tensor_v2\n(" + storage("torch\nFloatStorage", "K\x05(U\x01vK\x03K\x02t") + "K\x01))\x89}tR":           {dtype: F32, offset: 1},
		"ctorch._utils\n_rebuild_tensor_v3\n(" + storage("torch.storage\nUntypedStorage", "K\x04") + "K\x00))\x89}ctorch\nfloat32\n}tR": {dtype: F32},
		"ctorch._utils\n_rebuild_tensor_v2\n(" + float + "K\x00ctorch\nSize\n)\x85R)\x89}tR":                                            {dtype: F32},
		"ctorch._utils\n_rebuild_tensor_v2\n(" + float + "K\x00))\x89}}U\x03neg\x88stR":                                                 {dtype: F32, lazy: true},
		"ctorch._utils\n_rebuild_tensor_v2\n(" + float + "K\x00))\x89}}U\x03neg\x89stR":                                                 {dtype: F32},
		"ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\nctorch\nTensor\n(" + float + "K\x00))\x89}t}tR":     {dtype: F32},
	} {
		v, _, err := unpickle([]byte("\x80\x02"+program+"."), map[string]*storageRef{})
		got, ok := v.(*tensorRef)
		if err != nil || !ok {
			t.Errorf("%q gives %v, %v", program, v, err)
			continue
		}
		if got.dtype != want.dtype || got.offset != want.offset || got.lazy != want.lazy || len(got.shape) != 0 {
			t.Errorf("%q gives %+v, want %+v", program, *got, want)
		}
	}
	lazy := "\x80\x02}U\x01wctorch._utils\n_rebuild_tensor_v2\n(" + float + "K\x00))\x89}}U\x03neg\x88stRs."
	_, err := parse(zipOf(t, zip.Store, [2]string{"a/data.pkl", lazy}, [2]string{"a/data/0", "1234"}))
	if err == nil || !strings.Contains(err.Error(), "pending") {
		t.Errorf("a pending negation: error %v", err)
	}
}

// A view of a storage, as the legacy format may name one: elements 3 and 4.
func TestLegacyStorageView(t *testing.T) {
	program := "\x80\x02}U\x01wctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nByteStorage\nU\x010U\x03cpuK\x05(U\x01vK\x03K\x02ttQ" +
		"K\x00K\x02\x85K\x01\x85\x89}tRs.\x80\x02]U\x010a.\x05\x00\x00\x00\x00\x00\x00\x00abcde"
	f, err := parse([]byte(legacyStart + program))
	if err != nil || string(f.Tensors[0].Data) != "de" {
		t.Fatalf("%v, %v", f, err)
	}
	for what, c := range map[string]struct{ from, to, want string }{
		"count":      {"\x05\x00\x00\x00\x00\x00\x00\x00abcde", "\x04\x00\x00\x00\x00\x00\x00\x00abcde", "has 4 elements, its tensors say 5"},
		"twice":      {"]U\x010a.\x05", "]U\x010aU\x010a.\x05\x00\x00\x00\x00\x00\x00\x00abcde\x05", "listed twice"},
		"unknown":    {"]U\x010a.", "]U\x011a.", "no tensor names it"},
		"not listed": {"]U\x010a.", "].", "not in the file"},
		"no list":    {"]U\x010a.", "}.", "list of storages is a dict"},
		"cut":        {"abcde", "abc", "2 bytes are missing"},
	} {
		_, err := parse([]byte(legacyStart + strings.Replace(program, c.from, c.to, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", what, err, c.want)
		}
	}
	for from, c := range map[string]struct{ to, want string }{
		"endian\x88": {"endian\x89", "big-endian"},
		"M\xe9\x03":  {"M\xe8\x03", "protocol int 1000, want 1001"},
	} {
		_, err := parse([]byte(strings.Replace(legacyStart, from, c.to, 1) + program))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want one with %q", c.to, err, c.want)
		}
	}
}

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

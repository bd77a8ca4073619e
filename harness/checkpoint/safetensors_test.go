package checkpoint

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// safetensorsOf frames a header and data as a file.
func safetensorsOf(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

// everyType is one small tensor of each dtype, and the corner shapes.
func everyType() []Tensor {
	ts := []Tensor{
		FromFloat32("a.weight", []int{2, 3}, []float32{1, -2, 3e38, 4, 5, 6}),
		FromInt64("ids", []int{2}, []int64{-1, math.MaxInt64}),
		FromFloat32("scalar", nil, []float32{7}),
		FromFloat32("empty", []int{0, 4}, nil),
		FromFloat32("na\"me<&>\u00e9\n", []int{1}, []float32{1}),
	}
	for i, d := range []DType{F64, F16, BF16, I32, I16, I8, U8, Bool} {
		t := Tensor{Name: string(d), DType: d, Shape: []int{3, 1}, Data: make([]byte, 3*d.Size())}
		t.Data[0] = 1
		if d != Bool {
			t.Data[len(t.Data)-1] = byte(i + 1)
		}
		ts = append(ts, t)
	}
	return ts
}

func TestSafetensorsRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	meta := map[string]string{"b": "2", "a": "one \"quoted\"", "": ""}
	want := everyType()
	if err := WriteSafetensors(path, want, meta); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := binary.LittleEndian.Uint64(first); n%8 != 0 {
		t.Errorf("header of %d bytes leaves the data unaligned", n)
	}
	f := mustOpen(t, path)
	if f.Path != path || f.Format != FormatSafetensors || !reflect.DeepEqual(f.Metadata, meta) {
		t.Errorf("path %q, format %q, metadata %q", f.Path, f.Format, f.Metadata)
	}
	sameTensors(t, f, &File{Tensors: want})
	for i, w := range want {
		if f.Tensors[i].Name != w.Name {
			t.Errorf("tensor %d is %q, want %q: the order is not kept", i, f.Tensors[i].Name, w.Name)
		}
	}
	for range 3 { // map iteration must not show
		if err := WriteSafetensors(path, want, meta); err != nil {
			t.Fatal(err)
		}
		if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, first) {
			t.Fatalf("equal arguments gave other bytes, %v", err)
		}
	}
}

// The bytes of a small file, by hand from the format's description.
func TestSafetensorsExactBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	ts := []Tensor{FromFloat32("w", []int{1, 2}, []float32{1, 2})}
	if err := WriteSafetensors(path, ts, map[string]string{"k": "v"}); err != nil {
		t.Fatal(err)
	}
	header := `{"__metadata__":{"k":"v"},"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}`
	header += strings.Repeat(" ", 7-(len(header)+7)%8)
	want := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	want = append(append(want, header...), 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40)
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %q, %v\nwant %q", got, err, want)
	}
}

func TestSafetensorsRefuses(t *testing.T) {
	one := func(entry string) string { return `{"w":{` + entry + `}}` }
	for name, c := range map[string]struct {
		header string
		data   int
		want   string
	}{
		"cut data":        {one(`"dtype":"F32","shape":[2],"data_offsets":[0,8]`), 5, "3 bytes are missing"},
		"extra data":      {one(`"dtype":"F32","shape":[2],"data_offsets":[0,8]`), 9, "1 bytes follow"},
		"hole in front":   {one(`"dtype":"F32","shape":[1],"data_offsets":[4,8]`), 8, "hole of 4 bytes"},
		"overlap":         {`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}`, 6, `"b" starts at byte 2 inside`},
		"hole between":    {`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}}`, 6, "hole of 2 bytes"},
		"empty inside":    {`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}}`, 4, "inside"},
		"same key":        {`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2, `"a" occurs twice`},
		"escaped key":     {`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2, `"a" occurs twice`},
		"same field":      {one(`"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]`), 1, "twice"},
		"dtype":           {one(`"dtype":"F12","shape":[1],"data_offsets":[0,1]`), 1, `"F12" is not supported`},
		"size":            {one(`"dtype":"F32","shape":[3],"data_offsets":[0,8]`), 8, "takes 12 bytes"},
		"reversed":        {one(`"dtype":"F32","shape":[0],"data_offsets":[8,0]`), 8, "data_offsets"},
		"overflow":        {one(`"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]`), 0, "overflows"},
		"overflow to 0":   {one(`"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]`), 0, "overflows"},
		"huge dimension":  {one(`"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,0]`), 0, "not a size"},
		"negative":        {one(`"dtype":"U8","shape":[-1],"data_offsets":[0,1]`), 1, "not a size"},
		"fraction":        {one(`"dtype":"U8","shape":[1.0],"data_offsets":[0,1]`), 1, "not a size"},
		"three offsets":   {one(`"dtype":"U8","shape":[1],"data_offsets":[0,1,2]`), 1, "want dtype, shape"},
		"missing field":   {one(`"dtype":"U8","shape":[1]`), 1, "want dtype, shape"},
		"unknown field":   {one(`"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1`), 1, "unknown field"},
		"nested shape":    {one(`"dtype":"U8","shape":[[1]],"data_offsets":[0,1]`), 1, "where a number belongs"},
		"entry no object": {`{"w":3}`, 0, "where { belongs"},
		"metadata number": {`{"__metadata__":{"a":1}}`, 0, "where a string belongs"},
		"metadata twice":  {`{"__metadata__":{"a":"1","a":"2"}}`, 0, "twice"},
		"cut JSON":        {`{"w":{"dtype":"U8"`, 0, "ends inside"},
		"after the JSON":  {`{} {}`, 0, "follows the closing brace"},
		"not UTF-8":       {"{\"\xff\":1}", 0, "UTF-8"},
		"not JSON":        {`{w}`, 0, "invalid character"},
	} {
		_, err := parse(safetensorsOf(c.header, c.data))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestSafetensorsAcceptsWhatTheFormatAllows(t *testing.T) {
	for name, c := range map[string]struct {
		header string
		data   int
	}{
		"nothing":         {`{}`, 0},
		"padding":         {`{}` + strings.Repeat(" ", 14), 0},
		"any field order": {`{"w":{"data_offsets":[0,1],"shape":[1],"dtype":"U8"}}`, 1},
		"any tensor order": {`{"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},` +
			`"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 2},
		"scalar":     {`{"w":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`, 4},
		"empty":      {`{"w":{"dtype":"F32","shape":[9007199254740993,0],"data_offsets":[0,0]}}`, 0},
		"unaligned":  {`{"u":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}`, 5},
		"empty last": {`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}}`, 1},
	} {
		if _, err := parse(safetensorsOf(c.header, c.data)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSafetensorsHeaderLength(t *testing.T) {
	for n, want := range map[uint64]string{
		maxHeader + 1: "over the format's limit",
		maxHeader:     fmt.Sprintf("needs %d more bytes", maxHeader-2),
		1 << 63:       "is not a checkpoint",
	} {
		_, err := parse(append(binary.LittleEndian.AppendUint64(nil, n), "{}"...))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("length %d: error %v, want one with %q", n, err, want)
		}
	}
}

func TestWritersRefuse(t *testing.T) {
	ok := FromFloat32("w", []int{1}, []float32{1})
	named := func(name string) Tensor { c := ok; c.Name = name; return c }
	for name, c := range map[string]struct {
		ts   []Tensor
		want string
	}{
		"twice":    {[]Tensor{ok, ok}, `"w" occurs twice`},
		"no name":  {[]Tensor{named("")}, "no name"},
		"reserved": {[]Tensor{named("__metadata__")}, "reserved"},
		"UTF-8":    {[]Tensor{named("\xff")}, "UTF-8"},
		"short":    {[]Tensor{{Name: "x", DType: F32, Shape: []int{2}, Data: make([]byte, 4)}}, "4 bytes of data"},
		"dtype":    {[]Tensor{{Name: "x", DType: "F8", Shape: []int{0}}}, "not supported"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "x")
		for _, err := range []error{WriteSafetensors(path, c.ts, nil), WritePTH(path, c.ts)} {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v, want one with %q", name, err, c.want)
			}
		}
		onlyHolds(t, dir, "", "")
	}
	path := filepath.Join(t.TempDir(), "x")
	if err := WriteSafetensors(path, nil, map[string]string{"k": "\xff"}); err == nil {
		t.Error("metadata that is not UTF-8 was written")
	}
}

package checkpoint

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"
)

// maxHeader bounds the JSON header in bytes; the number is the format's own
// (safetensors README, "Notes").
const maxHeader = 100_000_000

// metadataKey is the one header entry that is not a tensor.
const metadataKey = "__metadata__"

// entry is a tensor of the header before its place in the data is proven.
type entry struct {
	Tensor
	begin, end int // bytes from the start of the data
}

// readSafetensors parses a whole file:
//
//	8 bytes   N, little endian
//	N bytes   JSON {"name":{"dtype","shape","data_offsets":[begin,end]},...,"__metadata__":{...}}
//	the rest  data; the tensors cover it without overlap or hole
//
// Aliasing: Data of every tensor views data.
// Errors: anything that departs from that, named; a header over maxHeader.
// Source: the safetensors README and its reference reader.
func readSafetensors(data []byte) (*File, error) {
	if len(data) < 8 {
		return nil, fmt.Errorf("truncated: %d bytes, %d are missing from the header length", len(data), 8-len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	if n > maxHeader {
		return nil, fmt.Errorf("header of %d bytes is over the format's limit of %d", n, maxHeader)
	}
	rest := data[8:]
	if n > uint64(len(rest)) {
		return nil, fmt.Errorf("truncated: the header needs %d more bytes", n-uint64(len(rest)))
	}
	entries, meta, err := parseHeader(rest[:n])
	if err != nil {
		return nil, fmt.Errorf("safetensors header: %w", err)
	}
	tensors, err := place(entries, rest[n:])
	if err != nil {
		return nil, err
	}
	return &File{Format: FormatSafetensors, Tensors: tensors, Metadata: meta}, nil
}

// place proves that the entries cover data exactly and hands out the views, in
// the order of the data.
func place(entries []entry, data []byte) ([]Tensor, error) {
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	at := 0
	for _, e := range entries {
		if e.begin < at {
			return nil, fmt.Errorf("tensor %q starts at byte %d inside the tensor before it", e.Name, e.begin)
		}
		if e.begin > at {
			return nil, fmt.Errorf("hole of %d bytes before tensor %q", e.begin-at, e.Name)
		}
		at = e.end
	}
	if at > len(data) {
		return nil, fmt.Errorf("truncated: %d bytes are missing (the tensors need %d bytes, the file has %d of them)", at-len(data), at, len(data))
	}
	if at < len(data) {
		return nil, fmt.Errorf("%d bytes follow the last tensor", len(data)-at)
	}
	tensors := make([]Tensor, len(entries))
	for i, e := range entries {
		e.Data = data[e.begin:e.end:e.end]
		tensors[i] = e.Tensor
	}
	return tensors, nil
}

// parseHeader reads the JSON with its own walk, because encoding/json would
// accept a repeated key in silence.
func parseHeader(text []byte) ([]entry, map[string]string, error) {
	if !utf8.Valid(text) {
		return nil, nil, errors.New("not valid UTF-8")
	}
	if len(text) == 0 || text[0] != '{' {
		return nil, nil, errors.New("does not start with {")
	}
	w := walker{json.NewDecoder(bytes.NewReader(text))}
	w.UseNumber()
	var entries []entry
	var meta map[string]string
	err := w.object(func(key string) error {
		if key == metadataKey {
			meta = map[string]string{}
			return w.object(func(k string) error {
				v, err := w.text()
				meta[k] = v
				return err
			})
		}
		e, err := w.entry(key)
		entries = append(entries, e)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if _, err := w.Token(); err != io.EOF {
		return nil, nil, errors.New("something follows the closing brace")
	}
	return entries, meta, nil
}

// walker reads JSON token by token and accepts only the shape it is asked for.
type walker struct{ *json.Decoder }

// object calls visit after each key; visit consumes the value. A key that
// repeats is refused.
func (w walker) object(visit func(key string) error) error {
	if err := w.delim('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for w.More() {
		key, err := w.text()
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("key %q occurs twice", key)
		}
		seen[key] = true
		if err := visit(key); err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
	}
	return w.delim('}')
}

// entry reads {"dtype":...,"shape":[...],"data_offsets":[begin,end]}.
func (w walker) entry(name string) (entry, error) {
	e := entry{Tensor: Tensor{Name: name}}
	var offsets []int
	found := 0
	err := w.object(func(key string) (err error) {
		found++
		switch key {
		case "dtype":
			var s string
			s, err = w.text()
			e.DType = DType(s)
		case "shape":
			e.Shape, err = w.ints()
		case "data_offsets":
			offsets, err = w.ints()
		default:
			err = errors.New("unknown field")
		}
		return err
	})
	if err != nil {
		return e, err
	}
	if found != 3 || len(offsets) != 2 {
		return e, errors.New("want dtype, shape and data_offsets [begin, end]")
	}
	e.begin, e.end = offsets[0], offsets[1]
	want, err := byteLen(e.DType, e.Shape)
	if err != nil {
		return e, err
	}
	if e.end < e.begin || e.end-e.begin != want {
		return e, fmt.Errorf("data_offsets [%d, %d], but %s %v takes %d bytes", e.begin, e.end, e.DType, e.Shape, want)
	}
	return e, nil
}

func (w walker) token() (json.Token, error) {
	t, err := w.Token()
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.New("ends inside the JSON")
	}
	return t, err
}

func (w walker) delim(want json.Delim) error {
	t, err := w.token()
	if err != nil {
		return err
	}
	if t != want {
		return fmt.Errorf("found %v where %v belongs", t, want)
	}
	return nil
}

func (w walker) text() (string, error) {
	t, err := w.token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", fmt.Errorf("found %v where a string belongs", t)
	}
	return s, nil
}

// ints reads a list of integers that are not negative.
func (w walker) ints() ([]int, error) {
	if err := w.delim('['); err != nil {
		return nil, err
	}
	out := []int{}
	for w.More() {
		t, err := w.token()
		if err != nil {
			return nil, err
		}
		number, ok := t.(json.Number)
		if !ok {
			return nil, fmt.Errorf("found %v where a number belongs", t)
		}
		v, err := strconv.ParseUint(number.String(), 10, strconv.IntSize-1)
		if err != nil {
			return nil, fmt.Errorf("%s is not a size", number)
		}
		out = append(out, int(v))
	}
	return out, w.delim(']')
}

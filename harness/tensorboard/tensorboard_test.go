package tensorboard

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func clock() time.Time { return time.Unix(1700000000, 500_000_000) }

// The bytes of a file with one scalar, computed bit by bit outside of Go.
const golden = "1800000000000000a37f4b220900002040fc54d9411a0d627261696e2e4576656e743a322b353110" +
	"1b000000000000001a0d9e130900002040fc54d94110ac022a0d0a0b0a046c6f7373150000003f95037aad"

func create(t *testing.T, dir string) *Writer {
	t.Helper()
	w, err := Create(dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func TestFileMatchesGolden(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir)
	if err := w.Scalars(300, Scalar{"loss", 0.5}); err != nil {
		t.Fatal(err)
	}
	// Not closed: what a killed run leaves.
	got, err := os.ReadFile(filepath.Join(dir, "events.out.tfevents.1700000000.lethe"))
	if err != nil {
		t.Fatal(err)
	}
	if hex.EncodeToString(got) != golden {
		t.Errorf("the file is\n%x\nwant\n%s", got, golden)
	}
}

// message is a protobuf by field number: numbers as they are, the rest as bytes.
type message map[uint64][][]byte

// parse reads a protobuf without the tables of the writer.
func parse(t *testing.T, b []byte) message {
	t.Helper()
	m := message{}
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		b = b[n:]
		size := uint64(0)
		switch key & 7 {
		case 0:
			_, n := binary.Uvarint(b)
			size = uint64(n)
		case 1:
			size = 8
		case 2:
			var n int
			size, n = binary.Uvarint(b)
			b = b[n:]
		case 5:
			size = 4
		default:
			t.Fatalf("wire type %d", key&7)
		}
		m[key>>3] = append(m[key>>3], b[:size])
		b = b[size:]
	}
	return m
}

// slowCRC is CRC-32C, a bit at a time.
func slowCRC(data []byte) uint32 {
	c := ^uint32(0)
	for _, b := range data {
		c ^= uint32(b)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0x82f63b78
			} else {
				c >>= 1
			}
		}
	}
	c = ^c
	return (c>>15 | c<<17) + 0xa282ead8
}

// events reads a file and checks every CRC.
func events(t *testing.T, path string) []message {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []message
	for len(data) > 0 {
		size := binary.LittleEndian.Uint64(data)
		body := data[12 : 12+size]
		if got := binary.LittleEndian.Uint32(data[8:]); got != slowCRC(data[:8]) {
			t.Errorf("record %d: the check of the length is %08x", len(out), got)
		}
		if got := binary.LittleEndian.Uint32(data[12+size:]); got != slowCRC(body) {
			t.Errorf("record %d: the check of the data is %08x", len(out), got)
		}
		out = append(out, parse(t, body))
		data = data[16+size:]
	}
	return out
}

func number(b []byte) uint64 { v, _ := binary.Uvarint(b); return v }

func TestScalarsAndImagesComeBack(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir)
	var pic bytes.Buffer
	if err := png.Encode(&pic, image.NewRGBA(image.Rect(0, 0, 7, 300))); err != nil {
		t.Fatal(err)
	}
	if err := w.Scalars(2, Scalar{"loss/total", math.NaN()}, Scalar{"lr", 1e-4}); err != nil {
		t.Fatal(err)
	}
	if err := w.Image(3, "samples/forget", pic.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := w.Image(3, "broken", []byte("no picture")); err == nil {
		t.Error("an image that is none gave no error")
	}
	files, _ := Files(dir)
	all := events(t, files[0])
	if len(all) != 3 || string(all[0][3][0]) != "brain.Event:2" {
		t.Fatalf("%d events, or no version first", len(all))
	}
	values := parse(t, all[1][5][0])[1]
	first, second := parse(t, values[0]), parse(t, values[1])
	if v := math.Float32frombits(binary.LittleEndian.Uint32(second[2][0])); string(second[1][0]) != "lr" || v != 1e-4 || number(all[1][2][0]) != 2 {
		t.Errorf("the scalar is %s %v", second[1][0], v)
	}
	if v := math.Float32frombits(binary.LittleEndian.Uint32(first[2][0])); v == v {
		t.Errorf("a loss that is not a number is %v", v)
	}
	pictured := parse(t, parse(t, parse(t, all[2][5][0])[1][0])[4][0])
	if number(pictured[1][0]) != 300 || number(pictured[2][0]) != 7 || number(pictured[3][0]) != 3 || !bytes.Equal(pictured[4][0], pic.Bytes()) {
		t.Error("the image is another one")
	}
	if at := math.Float64frombits(binary.LittleEndian.Uint64(all[2][1][0])); at != 1700000000.5 {
		t.Errorf("its time is %v", at)
	}
}

// steps are those of all files of a folder, in order.
func steps(t *testing.T, dir string) []uint64 {
	t.Helper()
	files, err := Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []uint64
	for _, f := range files {
		for _, e := range events(t, f)[1:] {
			step := uint64(0)
			if e[2] != nil {
				step = number(e[2][0])
			}
			out = append(out, step)
		}
	}
	return out
}

// A run that was killed in a write and goes on from an older state has each step once.
func TestTrim(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]*")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	log := func(w *Writer, from, to int) {
		for s := from; s < to; s++ {
			if err := w.Scalars(s, Scalar{"loss", 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	w := create(t, dir)
	log(w, 0, 5)
	if _, err := w.file.Write([]byte("half a record")); err != nil {
		t.Fatal(err)
	}
	if err := Trim(dir, 3); err != nil {
		t.Fatal(err)
	}
	log(create(t, dir), 3, 6)
	if got := steps(t, dir); !slices.Equal(got, []uint64{0, 1, 2, 3, 4, 5}) {
		t.Errorf("steps are %v", got)
	}
	if err := Trim(dir, 0); err != nil || len(steps(t, dir)) != 0 {
		t.Errorf("error %v, steps %v are left", err, steps(t, dir))
	}
}

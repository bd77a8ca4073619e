package checkpoint

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Fuzz targets. For any input: no panic, memory within a small multiple of the
// input, and what is accepted survives being written and read again.

// seeds adds the fixtures that are in testdata.
func seeds(f *testing.F, pattern string) {
	f.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds %q: %v", pattern, err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

// bounded parses data and fails if that allocated more than the contract
// allows. An opcode of one byte makes a value of up to 150 bytes
// (TestUnpickleMemoryPerByte); tensors, names and inflated records have the
// budget; the slack covers inflate's tables and the fuzzing engine itself.
func bounded(t *testing.T, data []byte, parse func([]byte) (*File, error)) *File {
	t.Helper()
	const perByte, slack = 200, 8 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	file, err := parse(data)
	runtime.ReadMemStats(&after)
	limit := uint64(perByte*len(data) + budgetFloor + slack)
	if used := after.TotalAlloc - before.TotalAlloc; used > limit {
		t.Fatalf("%d bytes of input made the reader allocate %d, limit %d", len(data), used, limit)
	}
	if err != nil {
		return nil
	}
	return file
}

// rewrite writes the tensors in both formats and compares what comes back.
func rewrite(t *testing.T, f *File) {
	t.Helper()
	var total int
	for _, x := range f.Tensors {
		total += len(x.Data)
	}
	if total > 1<<20 {
		return // speed of fuzzing; size changes nothing
	}
	header, err := safetensorsHeader(f.Tensors, f.Metadata)
	if err != nil {
		if f.Format == FormatSafetensors && strings.Contains(err.Error(), "no name") {
			return // a name that may be read but is not written
		}
		t.Fatalf("accepted, but cannot be written: %v", err)
	}
	var st, pth bytes.Buffer
	if err := writeSafetensors(&st, header, f.Tensors); err != nil {
		t.Fatal(err)
	}
	if err := writePTH(&pth, f.Tensors); err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{st.Bytes(), pth.Bytes()} {
		if len(f.Tensors) == 0 && b[0] == 'P' {
			continue // a .pth without tensors is refused
		}
		again, err := parse(b)
		if err != nil {
			t.Fatalf("does not read back: %v", err)
		}
		sameTensors(t, again, f)
	}
	_ = CheckFinite(f) // must not panic
}

func FuzzSafetensors(f *testing.F) {
	seeds(f, "*.safetensors")
	f.Add(safetensorsOf(`{}`, 0))
	f.Add(safetensorsOf(`{"__metadata__":{"a":"b"},"w":{"dtype":"BF16","shape":[2,0],"data_offsets":[0,0]}}   `, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		if file := bounded(t, data, readSafetensors); file != nil {
			rewrite(t, file)
		}
	})
}

// FuzzOpen mutates whole files of any format.
func FuzzOpen(f *testing.F) {
	seeds(f, "*.pth")
	seeds(f, "*.safetensors")
	f.Fuzz(func(t *testing.T, data []byte) {
		if file := bounded(t, data, parse); file != nil {
			rewrite(t, file)
		}
	})
}

// FuzzPickle mutates the pickled object, placed in a zip archive with a few
// storages and, with the rest of its input as storages, in a legacy file.
func FuzzPickle(f *testing.F) {
	paths, err := filepath.Glob(filepath.Join("testdata", "*.pth"))
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload(f, b))
	}
	f.Add([]byte("\x80\x02}U\x01w" + scalarRef + "s.\x80\x02]U\x010a.\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x3f"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, whole := range [][]byte{zipAround(data), append([]byte(legacyStart), data...)} {
			if file := bounded(t, whole, parse); file != nil {
				rewrite(t, file)
			}
		}
	})
}

// legacyStart is magic, protocol and system as PyTorch writes them.
const legacyStart = "\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}U\x0dlittle_endian\x88s."

// payload cuts the pickled object out of a .pth.
func payload(f *testing.F, file []byte) []byte {
	f.Helper()
	if file[0] == opProto {
		rest := file
		for range 3 {
			_, n, err := unpickle(rest, map[string]*storageRef{})
			if err != nil {
				f.Fatal(err)
			}
			rest = rest[n:]
		}
		return rest
	}
	r, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		f.Fatal(err)
	}
	a := &archive{data: file, files: map[string]*zip.File{}, budget: newBudget(len(file)), ready: map[string][]byte{}}
	if err := a.index(r.File); err != nil {
		f.Fatal(err)
	}
	b, err := a.record("data.pkl")
	if err != nil {
		f.Fatal(err)
	}
	return b
}

// zipAround makes a checkpoint of a pickle and storages "0" to "7" of 64 bytes.
func zipAround(program []byte) []byte {
	var b bytes.Buffer
	a := archiveWriter{zip: zip.NewWriter(&b)}
	a.record("data.pkl", program)
	for key := range 8 {
		a.record("data/"+string(rune('0'+key)), bytes.Repeat([]byte{byte(key)}, 64))
	}
	if a.err != nil {
		panic(a.err) // a bytes.Buffer: no error exists
	}
	if err := a.zip.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mmcloughlin/avo/operand"
)

const internalDir = "../kernels/internal"

// TestGeneratedFilesAreCurrent is generate-check, as a test.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	if err := run([]string{"-check", "-out", internalDir}); err != nil {
		t.Error(err)
	}
}

func TestGenerateIsDeterministic(t *testing.T) {
	for _, s := range isas {
		first, errs := generate(s, topicsOf(s))
		if errs != nil {
			t.Fatal(errs)
		}
		second, _ := generate(s, topicsOf(s))
		for name, text := range first {
			if !bytes.Equal(text, second[name]) {
				t.Errorf("%s of %s differs from one run to the next", name, s.name)
			}
		}
	}
}

// oneTopic is a small valid package.
var oneTopic = []topic{{"one", func(e *emitter) {
	e.function("One", "func(n int)", "One is a test.")
	e.ADDQ(operand.I32(1), e.arg("n"))
	e.RET()
}}}

// TestCheckRefuses: a changed byte, a missing file and a leftover file.
func TestCheckRefuses(t *testing.T) {
	s := named(t, "avx2")
	files, errs := generate(s, oneTopic)
	if errs != nil {
		t.Fatal(errs)
	}
	for _, c := range []struct {
		name, want string
		spoil      func(dir string) error
	}{
		{"nothing", "", func(string) error { return nil }},
		{"changed byte", "zone_amd64.s differs", func(dir string) error {
			text := bytes.Replace(files["zone_amd64.s"], []byte("ADDQ"), []byte("SUBQ"), 1)
			return os.WriteFile(filepath.Join(dir, "zone_amd64.s"), text, 0o644)
		}},
		{"missing file", "zstubs_amd64.go", func(dir string) error { return os.Remove(filepath.Join(dir, "zstubs_amd64.go")) }},
		{"leftover file", "zold_amd64.s is not written by asmgen", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "zold_amd64.s"), nil, 0o644)
		}},
	} {
		out := t.TempDir()
		dir := filepath.Join(out, s.name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if errs := write(out, s.name, files); errs != nil {
			t.Fatal(errs)
		}
		if err := c.spoil(dir); err != nil {
			t.Fatal(err)
		}
		errs := compare(out, s.name, files)
		switch {
		case c.want == "" && errs != nil:
			t.Errorf("%s: %v", c.name, errs)
		case c.want != "" && (len(errs) != 1 || !strings.Contains(errs[0].Error(), c.want)):
			t.Errorf("%s: %v, want one error with %q", c.name, errs, c.want)
		}
	}
}

// TestWriteRemovesLeftovers: what is no longer generated goes.
func TestWriteRemovesLeftovers(t *testing.T) {
	out := t.TempDir()
	dir := filepath.Join(out, "avx2")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"zold_amd64.s", "doc.go"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if errs := write(out, "avx2", map[string][]byte{"znew_amd64.s": []byte("x")}); errs != nil {
		t.Fatal(errs)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	for i := range left {
		left[i] = filepath.Base(left[i])
	}
	if got := strings.Join(left, " "); got != "doc.go znew_amd64.s" {
		t.Errorf("the folder holds %s", got)
	}
}

func TestRunRefusesArguments(t *testing.T) {
	if err := run([]string{"-check", "stray"}); err == nil || !strings.Contains(err.Error(), "stray") {
		t.Errorf("a stray argument gave %v", err)
	}
}

// beyondAVX2 matches what AVX2 does not have, in Go assembly or in stubs' doc:
// a vector register from 16 on, a ZMM register, a mask register.
var beyondAVX2 = regexp.MustCompile(`\b([XY](1[6-9]|2[0-9]|3[01])|Z[0-9]+|K[0-7])\b`)

// TestAVX2FilesHoldAVX2 reads the generated text itself, independently of the
// gate. Running it on a wider processor proves nothing.
func TestAVX2FilesHoldAVX2(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(internalDir, "avx2", "z*.s"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no assembly to read: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if found := registersBeyondAVX2(text); found != nil {
			t.Errorf("%s uses %v", path, found)
		}
	}
}

// registersBeyondAVX2 lists the forbidden registers in the instructions of an
// assembly text.
func registersBeyondAVX2(text []byte) (found []string) {
	for _, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "//")
		found = append(found, beyondAVX2.FindAllString(line, -1)...)
	}
	return found
}

func TestScannerFindsWideRegisters(t *testing.T) {
	for line, want := range map[string]int{
		"\tVMOVUPS Y16, (AX)":             1,
		"\tVADDPS Z0, Z1, Z31":            3,
		"\tVMOVUPS Y1, K1, (AX)":          1,
		"\tVADDSS X17, X2, X3":            1,
		"\tVADDPS Y0, Y1, Y15 // not Y16": 0,
		"\tMOVQ R16, AX":                  0,
	} {
		if got := registersBeyondAVX2([]byte(line)); len(got) != want {
			t.Errorf("%q: found %v, want %d", line, got, want)
		}
	}
}

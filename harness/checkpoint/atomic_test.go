package checkpoint

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// onlyHolds fails unless dir holds exactly the one file name with content text,
// or nothing if name is "".
func onlyHolds(t *testing.T, dir, name, text string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if name == "" && len(entries) == 0 {
		return
	}
	if len(entries) != 1 || entries[0].Name() != name {
		t.Fatalf("folder holds %v, want only %q", entries, name)
	}
	got, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil || string(got) != text {
		t.Errorf("%s holds %.20q, %v, want %q", name, got, err, text)
	}
}

func writeText(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

func TestWriteAtomicReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, text := range []string{"first", "second, longer", ""} {
		if err := WriteAtomic(path, writeText(text)); err != nil {
			t.Fatal(err)
		}
		onlyHolds(t, dir, "a", text)
	}
}

func TestWriteAtomicKeepsTheOldFileOnError(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	boom := errors.New("boom")
	fail := func(w io.Writer) error {
		if err := writeText(strings.Repeat("x", 3<<20))(w); err != nil {
			return err
		}
		return boom
	}
	if err := WriteAtomic(path, fail); !errors.Is(err, boom) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	onlyHolds(t, dir, "", "")
	if err := WriteAtomic(path, writeText("good")); err != nil {
		t.Fatal(err)
	}
	if err := WriteAtomic(path, fail); !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
	onlyHolds(t, dir, "a", "good")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = WriteAtomic(path, func(io.Writer) error { panic("boom") })
	}()
	onlyHolds(t, dir, "a", "good")
}

func TestWriteAtomicRefusesBadPlaces(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("keep"), 0o644); err != nil {
		t.Fatal(err)
	}
	called := false
	for path, want := range map[string]string{
		filepath.Join(file, "under"):     "not a directory",
		filepath.Join(dir, "none", "of"): "no such file",
		dir:                              "is a directory",
		os.DevNull:                       "not a regular file", // a rename would delete the device
	} {
		err := WriteAtomic(path, func(io.Writer) error { called = true; return nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", path, err, want)
		}
	}
	if called {
		t.Error("the writer ran although there was nowhere to write")
	}
	onlyHolds(t, dir, "file", "keep")
}

func TestWriteAtomicFollowsLinks(t *testing.T) {
	dir, away := t.TempDir(), t.TempDir()
	target := filepath.Join(away, "target")
	if err := os.WriteFile(target, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
	if err := WriteAtomic(link, writeText("new")); err != nil {
		t.Fatal(err)
	}
	onlyHolds(t, away, "target", "new")
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is now %v, %v", info, err)
	}
	if info, err := os.Stat(target); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is now %v, %v", info, err)
	}
}

package checkpoint

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A real full disk: a file system of 64 KiB in memory.
func TestWriteAtomicOnFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	defer func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	path := filepath.Join(dir, "a")
	if err := WriteAtomic(path, writeText("good")); err != nil {
		t.Fatal(err)
	}
	err := WriteAtomic(path, writeText(strings.Repeat("x", 1<<20)))
	if !errors.Is(err, unix.ENOSPC) {
		t.Errorf("error %v, want no space left", err)
	}
	onlyHolds(t, dir, "a", "good")
	big := FromFloat32("big", []int{1 << 16}, make([]float32, 1<<16))
	for _, write := range []func() error{
		func() error { return WriteSafetensors(path, []Tensor{big}, nil) },
		func() error { return WritePTH(path, []Tensor{big}) },
	} {
		if err := write(); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("error %v, want no space left", err)
		}
		onlyHolds(t, dir, "a", "good")
	}
}

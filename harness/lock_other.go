//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// folderLock keeps other processes out of a folder by a file in it that only
// one process can make. A process that is killed leaves the file behind.
type folderLock struct{ path string }

// lockFolder takes the lock without waiting for it.
//
// Errors: errLocked, or a folder that cannot be written.
func lockFolder(path string) (*folderLock, error) {
	l := &folderLock{filepath.Join(path, "run.lock")}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%w; if it was killed, delete %s", errLocked, l.path)
	}
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(f, "process %d\n", os.Getpid())
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(l.path))
	}
	return l, nil
}

// release ends the lock and then calls leave.
func (l *folderLock) release(leave func()) {
	_ = os.Remove(l.path) // when it stays, the next run says so
	leave()
}

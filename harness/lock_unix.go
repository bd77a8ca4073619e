//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package main

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// folderLock keeps other processes out of a folder. It needs no file: the
// folder itself is locked, until the process ends in whatever way.
type folderLock struct{ folder *os.File }

// lockFolder takes the lock without waiting for it. On a file system that has
// no such locks the folder stays unguarded.
//
// Errors: errLocked, or a folder that cannot be opened.
func lockFolder(path string) (*folderLock, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		_ = f.Close() // nothing was written through it
		return nil, errLocked
	}
	return &folderLock{f}, nil
}

// release ends the lock; before that, while nobody else can come in, it calls
// leave.
func (l *folderLock) release(leave func()) {
	leave()
	_ = l.folder.Close() // nothing was written through it
}

//go:build !purego

package kernels

import "syscall"

// permitTiles asks the kernel for the tiles' state, which it hands out on request
// only, since it is 8 KiB for each thread that uses it. One request is for the
// whole process, threads of later included. Linux before 5.16 knows no such
// request and refuses.
func permitTiles() bool {
	const (
		requestPermission = 0x1023 // ARCH_REQ_XCOMP_PERM
		tileData          = 18     // XFEATURE_XTILE_DATA
	)
	_, _, errno := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, requestPermission, tileData, 0)
	return errno == 0
}

package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

func main() {
	least := flag.Int("least", 0, "fail if the program executed fewer tile instructions")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "tileemu: want a program and its arguments")
		os.Exit(2)
	}
	t := &tracer{threads: map[int]*machine{}}
	status, err := t.trace(flag.Args())
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "tileemu:", err)
		os.Exit(2)
	case status == 0 && t.executed < *least:
		fmt.Fprintf(os.Stderr, "tileemu: %d tile instructions on %d threads, want at least %d\n", t.executed, t.users, *least)
		os.Exit(1)
	}
	os.Exit(status)
}

// tracer follows all threads of one program.
type tracer struct {
	threads  map[int]*machine
	executed int // tile instructions
	users    int // threads that executed any
}

// trace runs a program to its end and returns its exit status.
func (t *tracer) trace(args []string) (status int, err error) {
	runtime.LockOSThread() // a traced program obeys one thread
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "KERNELS_TILES=emulated")
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("starting under trace: %w", err)
	}
	main := cmd.Process.Pid
	var ws unix.WaitStatus
	if _, err := unix.Wait4(main, &ws, 0, nil); err != nil || !ws.Stopped() {
		return 0, fmt.Errorf("waiting for the start: %w", err)
	}
	if err := unix.PtraceSetOptions(main, unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_EXITKILL); err != nil {
		return 0, fmt.Errorf("tracing: %w", err)
	}
	t.threads[main] = &machine{}
	signal := 0
	for tid := main; ; {
		// A thread may be gone: another one ended the program.
		if err := unix.PtraceCont(tid, signal); err != nil && !errors.Is(err, unix.ESRCH) {
			return 0, fmt.Errorf("continuing: %w", err)
		}
		for {
			tid, err = unix.Wait4(-1, &ws, unix.WALL, nil)
			switch {
			case errors.Is(err, unix.EINTR):
				continue
			case err != nil:
				return 0, fmt.Errorf("waiting: %w", err)
			}
			if ws.Stopped() {
				break
			}
			delete(t.threads, tid)
			if tid == main {
				if ws.Signaled() {
					return 128 + int(ws.Signal()), nil
				}
				return ws.ExitStatus(), nil
			}
		}
		if signal, err = t.stopped(tid, ws); err != nil {
			return 0, err
		}
	}
}

// stopped handles a stop of a thread and returns the signal to go on with.
func (t *tracer) stopped(tid int, ws unix.WaitStatus) (signal int, err error) {
	s := ws.StopSignal()
	if t.threads[tid] == nil {
		t.threads[tid] = &machine{}
		if s == unix.SIGSTOP {
			return 0, nil // how a traced thread begins
		}
	}
	switch {
	case s == unix.SIGTRAP && ws.TrapCause() > 0:
		return 0, nil // it made a thread
	case s == unix.SIGILL:
		return t.illegal(tid)
	}
	return int(s), nil
}

// illegal carries out the tile instructions from where a thread stands.
func (t *tracer) illegal(tid int) (signal int, err error) {
	var r unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &r); err != nil {
		return 0, fmt.Errorf("reading registers: %w", err)
	}
	gp := registers{r.Rax, r.Rcx, r.Rdx, r.Rbx, r.Rsp, r.Rbp, r.Rsi, r.Rdi, r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15}
	mem, m := process(tid), t.threads[tid]
	before := t.executed
	for {
		var code [15]byte
		if err := mem.read(r.Rip, code[:]); err != nil {
			break // the end of the text: what is left is no tile instruction
		}
		i := decode(code[:], &gp)
		if i.op == notTile {
			break
		}
		if err := m.run(i, mem); err != nil {
			fmt.Fprintf(os.Stderr, "tileemu: thread %d at %#x, % x: %v\n", tid, r.Rip, code[:i.size], err)
			if errors.Is(err, errUndefined) {
				return int(unix.SIGILL), nil
			}
			return int(unix.SIGSEGV), nil
		}
		r.Rip += uint64(i.size)
		t.executed++
	}
	if t.executed == before {
		return int(unix.SIGILL), nil // some other undefined instruction
	}
	return 0, unix.PtraceSetRegs(tid, &r)
}

// process is the memory of a traced program.
type process int

func (p process) read(address uint64, to []byte) error {
	return p.all(address, to, unix.ProcessVMReadv)
}

func (p process) write(address uint64, from []byte) error {
	return p.all(address, from, unix.ProcessVMWritev)
}

func (p process) all(address uint64, b []byte, move func(pid int, local []unix.Iovec, remote []unix.RemoteIovec, flags uint) (int, error)) error {
	local := []unix.Iovec{{Base: &b[0]}}
	local[0].SetLen(len(b))
	n, err := move(int(p), local, []unix.RemoteIovec{{Base: uintptr(address), Len: len(b)}}, 0)
	if err != nil || n != len(b) {
		return fmt.Errorf("%d bytes at %#x: %w", len(b), address, errors.Join(err, errProtection))
	}
	return nil
}

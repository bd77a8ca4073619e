package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"lethe/harness/checkpoint"
	"lethe/harness/tensorboard"
	"lethe/harness/train"
	"lethe/kernels"
)

// runDir is the folder that one run writes.
type runDir string

func (d runDir) path(name string) string { return filepath.Join(string(d), name) }

// claim is a run's hold on its folder. It is taken before any work is done for
// the run, so that a folder that cannot be written costs nothing, and no other
// process can take it until it is released.
type claim struct {
	dir  runDir
	lock *folderLock
	made []string // folders that the claim made, the innermost first
}

// errLocked says that another process holds a folder.
var errLocked = errors.New("another lethe process is writing its run there: wait for it, stop it, or give another --out")

// claimDir makes the folder and proves that it can be written. One that already
// holds a run is refused unless the run is to be resumed or overwritten; nothing
// in it is touched.
func claimDir(path string, o RunFlags) (*claim, error) {
	c := &claim{dir: runDir(path)}
	if err := c.dir.check(o); err != nil {
		return nil, err
	}
	for p := filepath.Clean(path); !exists(p) && p != filepath.Dir(p); p = filepath.Dir(p) {
		c.made = append(c.made, p)
	}
	err := os.MkdirAll(path, 0o755)
	if err != nil {
		c.leave()
		return nil, fmt.Errorf("--out %s cannot be made: %w", path, err)
	}
	if c.lock, err = lockFolder(path); err != nil {
		if !errors.Is(err, errLocked) { // the other process's folder may still be empty
			c.leave()
		}
		return nil, fmt.Errorf("--out %s cannot be used: %w", path, err)
	}
	if err := c.dir.check(o); err != nil { // a run that ended since
		c.release()
		return nil, err
	}
	if err := c.dir.probe(); err != nil {
		c.release()
		return nil, fmt.Errorf("--out %s cannot be written: %w", path, err)
	}
	return c, nil
}

// release gives the folder up.
func (c *claim) release() { c.lock.release(c.leave) }

// leave removes the folders that the claim made and that the run put nothing
// into.
func (c *claim) leave() {
	for _, p := range c.made {
		if os.Remove(p) != nil {
			return // it holds something
		}
	}
}

// probe proves that files can be written.
func (d runDir) probe() error {
	name := d.path(".write-test")
	err := os.WriteFile(name, []byte("x"), 0o644)
	if removeErr := os.Remove(name); err == nil {
		err = removeErr
	}
	return err
}

// check refuses a folder that the run may not use, before any work is done for
// it; it writes nothing.
func (d runDir) check(o RunFlags) error {
	info, err := os.Stat(string(d))
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("--out %s is a file; the run needs a folder", d)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("--out %s cannot be used: %w", d, err)
	}
	for _, name := range runFiles() {
		if info, err := os.Stat(d.path(name)); err == nil && info.IsDir() {
			return fmt.Errorf("--out %s cannot be used: %s in it is a folder, where the run writes a file", d, name)
		}
	}
	run := exists(d.path("log.jsonl"))
	switch {
	case o.Resume && o.Force:
		return usage("--resume goes on with a run, --force starts it over: give one of them")
	case o.Resume && !run:
		return fmt.Errorf("%s holds no run to resume (no log.jsonl in it)", d)
	case !o.Resume && !o.Force && run:
		return fmt.Errorf("%s already holds a run: give --resume to go on, --force to start it over, or another --out", d)
	}
	return nil
}

// checkInput refuses to overwrite the weights that a run starts from.
func (d runDir) checkInput(flag, path string) error {
	in, err := os.Stat(path)
	if err != nil {
		return nil // opening it says more
	}
	for _, name := range []string{"checkpoint.safetensors", "checkpoint.pth", stateFile} {
		if out, err := os.Stat(d.path(name)); err == nil && os.SameFile(in, out) {
			return fmt.Errorf("--%s %s lies where the run would write its own %s: give another --out", flag, path, name)
		}
	}
	return nil
}

// runFiles are the files that a run may write; those that tell of a run go last.
func runFiles() []string {
	return []string{"summary.json", "report.html", "metrics.csv", "checkpoint.safetensors", "checkpoint.pth", stateFile, priorFile, "config.yaml", "log.jsonl"}
}

// clear removes what an earlier run left, so that nothing of it is taken for
// this one's.
func (d runDir) clear() error {
	events, err := tensorboard.Files(string(d))
	if err != nil {
		return fmt.Errorf("starting over: %w", err)
	}
	for i, path := range events {
		events[i] = filepath.Base(path)
	}
	for _, name := range append(events, runFiles()...) {
		if err := os.Remove(d.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("starting over: %w", err)
		}
	}
	return nil
}

// write puts a whole file in place, or nothing.
func (d runDir) write(name string, data []byte) error {
	return checkpoint.WriteAtomic(d.path(name), func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

func (d runDir) writeJSON(name string, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return d.write(name, append(raw, '\n'))
}

// stepLog appends to log.jsonl, a line a step.
type stepLog struct {
	file    *os.File
	out     *bufio.Writer
	records []train.Record
}

// openLog starts the log, keeping the lines of steps before next.
func openLog(d runDir, next int) (*stepLog, error) {
	l := &stepLog{}
	if next > 0 {
		if err := l.read(d.path("log.jsonl"), next); err != nil {
			return nil, fmt.Errorf("reading the log of the resumed run: %w", err)
		}
	}
	var kept bytes.Buffer
	for _, r := range l.records {
		raw, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		kept.Write(append(raw, '\n'))
	}
	if err := d.write("log.jsonl", kept.Bytes()); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(d.path("log.jsonl"), os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	l.file, l.out = f, bufio.NewWriter(f)
	return l, nil
}

func (l *stepLog) read(path string, next int) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var r train.Record
		if json.Unmarshal(lines.Bytes(), &r) != nil || r.Step >= next {
			break
		}
		l.records = append(l.records, r)
	}
	return lines.Err()
}

// keep adds a line and writes to disk now and then.
func (l *stepLog) keep(r train.Record) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	l.records = append(l.records, r)
	if _, err := l.out.Write(append(raw, '\n')); err != nil {
		return fmt.Errorf("writing log.jsonl: %w", err)
	}
	if r.Step%flushEvery == 0 {
		return l.flush()
	}
	return nil
}

// flushEvery is how many steps a killed process may lose of its log.
const flushEvery = 20

func (l *stepLog) flush() error {
	if err := l.out.Flush(); err != nil {
		return fmt.Errorf("writing log.jsonl: %w", err)
	}
	return nil
}

func (l *stepLog) close() error {
	err := l.flush()
	return errors.Join(err, l.file.Close())
}

func finite32(x []float32) bool { return kernels.AllFinite(x) }

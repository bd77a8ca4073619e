package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"lethe/harness/checkpoint"
	"lethe/harness/train"
	"lethe/kernels"
)

// runDir is the folder that one run writes.
type runDir string

func (d runDir) path(name string) string { return filepath.Join(string(d), name) }

// newRunDir makes the folder. One that already holds a run is refused unless
// the run is to be resumed or overwritten.
func newRunDir(path string, resume, force bool) (runDir, error) {
	d := runDir(path)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return d, fmt.Errorf("making the run's folder: %w", err)
	}
	_, err := os.Stat(d.path("log.jsonl"))
	switch {
	case resume && errors.Is(err, os.ErrNotExist):
		return d, fmt.Errorf("%s holds no run to resume (no log.jsonl in it)", path)
	case !resume && !force && err == nil:
		return d, fmt.Errorf("%s already holds a run: give --resume to go on, --force to start it over, or another --out", path)
	}
	probe := d.path(".write-test")
	if err := os.WriteFile(probe, []byte("x"), 0o644); err != nil {
		return d, fmt.Errorf("the run's folder cannot be written: %w", err)
	}
	return d, os.Remove(probe)
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
			return nil, err
		}
	}
	if err := d.write("log.jsonl", nil); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(d.path("log.jsonl"), os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	l.file, l.out = f, bufio.NewWriter(f)
	kept := l.records
	l.records = nil
	for _, r := range kept {
		if err := l.add(r); err != nil {
			return nil, err
		}
	}
	return l, l.flush()
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

func (l *stepLog) add(r train.Record) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	l.records = append(l.records, r)
	_, err = l.out.Write(append(raw, '\n'))
	return err
}

// keep adds a line and writes to disk now and then.
func (l *stepLog) keep(r train.Record) error {
	if err := l.add(r); err != nil {
		return err
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

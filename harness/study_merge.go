package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"lethe/harness/checkpoint"
)

// studyMergeCmd is lethe study merge.
type studyMergeCmd struct {
	From []string `arg:"" help:"Folders of results."`
	Out  string   `required:"" help:"Folder that the finished cells are copied to; it may have some already."`
}

// Run copies finished cells. Each is held against its key, and cells that two folders
// have against one another, before anything is copied.
func (c *studyMergeCmd) Run(a *app) error {
	from := map[string]runDir{}
	for _, results := range append([]string{c.Out}, c.From...) {
		keys, err := finishedCells(results)
		if err != nil && (results != c.Out || !errors.Is(err, os.ErrNotExist)) {
			return fmt.Errorf("%s: %w", results, err)
		}
		for _, key := range keys {
			dir := cellDir(results, key)
			if _, err := readResult(dir, key); err != nil {
				return fmt.Errorf("%w; remove the folder, and the cell is done again", err)
			}
			if first, twice := from[key]; !twice {
				from[key] = dir
			} else if err := agree(first, dir); err != nil {
				return err
			}
		}
	}
	if len(from) == 0 {
		return errNothingToMerge
	}
	copied := 0
	for _, key := range sortedKeys(from) {
		to := cellDir(c.Out, key)
		if from[key] == to {
			continue
		}
		if err := copyCell(to, from[key]); err != nil {
			return err
		}
		copied++
	}
	fmt.Fprintf(a.out, "%s has %d finished cells, %d of them new; lethe study FILE --results %s writes the tables\n", c.Out, len(from), copied, c.Out)
	return nil
}

// finishedCells are the keys of the cells of a folder that have a result.
func finishedCells(results string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(results, "cells"))
	var out []string
	for _, e := range entries {
		if exists(cellDir(results, e.Name()).path(resultFile)) {
			out = append(out, e.Name())
		}
	}
	return out, err
}

// agree wants one result from two folders of a cell.
func agree(a, b runDir) error {
	x, errX := os.ReadFile(a.path(resultFile))
	y, errY := os.ReadFile(b.path(resultFile))
	if err := errors.Join(errX, errY); err != nil {
		return err
	}
	if !bytes.Equal(x, y) {
		return fmt.Errorf("%s and %s are of one cell and have different results: one of them was changed, or made by another version; remove the wrong one", a, b)
	}
	return nil
}

// copyCell copies a cell's files, the result last, so that a cell that is there in
// part does not count as finished.
func copyCell(to, from runDir) error {
	hold, err := claimDir(string(to), RunFlags{Force: true})
	if err != nil {
		return err
	}
	defer hold.release()
	entries, err := os.ReadDir(string(from))
	if err != nil {
		return err
	}
	for _, last := range []bool{false, true} {
		for _, e := range entries {
			if e.Type().IsRegular() && (e.Name() == resultFile) == last {
				if err := copyFile(to.path(e.Name()), from.path(e.Name())); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return checkpoint.WriteAtomic(to, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
}

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"lethe/harness/checkpoint"
	"lethe/harness/data"
)

// worldCmd is lethe world.
type worldCmd struct {
	Out      string   `arg:"" help:"Folder to write: CLASS/NNNNN.png."`
	PerClass int      `help:"Images a class." default:"100"`
	From     int      `help:"Number of the first image." default:"0"`
	Classes  []string `help:"Classes to write. Default: all ten."`
	Seed     uint64   `help:"Seed of the world." default:"1"`
	Sheet    bool     `help:"Write one contact sheet, sheet.png, instead of single images."`
}

// Run draws the images.
func (c *worldCmd) Run(a *app) error {
	if err := within(least("per-class", c.PerClass, 1), least("from", c.From, 0)); err != nil {
		return err
	}
	classes := c.Classes
	if len(classes) == 0 {
		classes = data.WorldClasses[:]
	}
	var sheet []data.Image
	for _, name := range classes {
		class, ok := data.WorldClass(name)
		if !ok {
			return &exitError{2, fmt.Errorf("unknown class %q: the world has %s", name, strings.Join(data.WorldClasses[:], ", "))}
		}
		for i := range c.PerClass {
			im := data.World(c.Seed, class, c.From+i)
			if c.Sheet {
				sheet = append(sheet, im)
				continue
			}
			if err := writePNG(filepath.Join(c.Out, name, fmt.Sprintf("%05d.png", c.From+i)), im); err != nil {
				return err
			}
		}
	}
	if c.Sheet {
		im, err := data.Sheet(sheet, c.PerClass, 2)
		if err != nil {
			return err
		}
		return writePNG(filepath.Join(c.Out, "sheet.png"), im)
	}
	fmt.Fprintf(a.out, "%d images of %s written to %s\n", c.PerClass*len(classes), strings.Join(slices.Clone(classes), ", "), c.Out)
	return nil
}

// writePNG writes a picture, its folder included.
func writePNG(path string, im data.Image) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	var buf bytes.Buffer
	if err := data.WritePNG(&buf, im); err != nil {
		return err
	}
	return writeFile(path, buf.Bytes())
}

// writeFile puts a whole file in place, or nothing.
func writeFile(path string, raw []byte) error {
	return checkpoint.WriteAtomic(path, func(w io.Writer) error {
		_, err := w.Write(raw)
		return err
	})
}

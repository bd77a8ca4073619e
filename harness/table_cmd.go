package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"lethe/harness/evaluate"
)

// tableCmd is lethe table.
type tableCmd struct {
	Runs []string `arg:"" help:"Folders of runs, or files that lethe evaluate --out wrote; NAME=PATH names the row."`
	Mask string   `help:"Mask to compare under. Default: the first one of the first run."`
}

// measuredRun is what a row needs of a run.
type measuredRun struct {
	name string
	eval evaluate.Result
}

// Run prints a Markdown table: the untouched model, then a row a run.
func (c *tableCmd) Run(a *app) error {
	var runs []measuredRun
	for _, arg := range c.Runs {
		r, err := readRun(arg)
		if err != nil {
			return err
		}
		runs = append(runs, r)
	}
	mask := c.Mask
	if mask == "" && len(runs[0].eval.Masks) > 0 {
		mask = runs[0].eval.Masks[0]
	}
	fmt.Fprintf(a.out, "mask %s, %d retain and %d forget images\n\n", mask, runs[0].eval.Before["retain"].Images, runs[0].eval.Before["forget"].Images)
	fmt.Fprintln(a.out, "| model | hole MSE retain | × original | hole MSE forget | × original | PSNR retain / forget, dB | SSIM retain / forget |")
	fmt.Fprintln(a.out, "| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
	base := runs[0].eval.Before
	if err := tableRow(a, "original", base, base, mask); err != nil {
		return err
	}
	for _, r := range runs {
		if len(r.eval.After) == 0 {
			return fmt.Errorf("%s measured one model alone: give lethe evaluate --against", r.name)
		}
		if r.eval.Before["retain"].Masks[mask].HoleMSE != base["retain"].Masks[mask].HoleMSE || r.eval.Before["forget"].Masks[mask].HoleMSE != base["forget"].Masks[mask].HoleMSE {
			return fmt.Errorf("%s started from another model, or was measured on other images or masks, than %s", r.name, runs[0].name)
		}
		if err := tableRow(a, r.name, r.eval.After, base, mask); err != nil {
			return err
		}
	}
	return nil
}

// tableRow prints one model.
func tableRow(a *app, name string, got, base map[string]evaluate.Masked, mask string) error {
	retain, okR := got["retain"].Masks[mask]
	forget, okF := got["forget"].Masks[mask]
	if !okR || !okF {
		return fmt.Errorf("%s was not measured on retain and forget images under the mask %s", name, mask)
	}
	r0, f0 := base["retain"].Masks[mask].HoleMSE, base["forget"].Masks[mask].HoleMSE
	_, err := fmt.Fprintf(a.out, "| %s | %.4f | %.2f | %.4f | %.2f | %.2f / %.2f | %.3f / %.3f |\n", name,
		retain.HoleMSE, retain.HoleMSE/r0, forget.HoleMSE, forget.HoleMSE/f0, retain.PSNR, forget.PSNR, retain.SSIM, forget.SSIM)
	return err
}

// readRun reads a run's summary.json or the file of an evaluation.
func readRun(arg string) (measuredRun, error) {
	name, path, named := strings.Cut(arg, "=")
	if !named {
		path = arg
	}
	file := path
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		file = filepath.Join(path, "summary.json")
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return measuredRun{}, fmt.Errorf("reading a run: %w", err)
	}
	var s summary
	if err := json.Unmarshal(raw, &s); err != nil {
		return measuredRun{}, fmt.Errorf("%s: %w", file, err)
	}
	r := measuredRun{name: s.Method, eval: s.Eval}
	if s.Method == "" {
		r.name = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		if err := json.Unmarshal(raw, &r.eval); err != nil {
			return r, fmt.Errorf("%s: %w", file, err)
		}
	}
	if named {
		r.name = name
	}
	return r, nil
}

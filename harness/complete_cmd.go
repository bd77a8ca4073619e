package main

import (
	"fmt"
	"os"
	"path/filepath"

	"lethe/harness/data"
	"lethe/harness/evaluate"
	"lethe/harness/family"
	"lethe/harness/report"
)

// completeCmd is lethe complete.
type completeCmd struct {
	Model string `help:"Preset or JSON file. Default: what the checkpoint says."`
	NormPixFlag
	Checkpoint string   `required:"" help:"Weights of the model."`
	After      string   `help:"Weights of the unlearned model, for the column after."`
	Images     []string `required:"" help:"Images: JPEG or PNG files, folders, folders of classes, .tar, .tar.gz, or world:test." placeholder:"PATH" sep:"none"`
	Classes    []string `help:"Classes to take. Default: all." placeholder:"CLASS"`
	SkipBad    bool     `help:"Leave out damaged files with a warning, instead of stopping."`
	Squash     bool     `help:"Scale images to the model's square, ignoring the aspect, instead of cropping the centre."`
	Number     int      `help:"How many images, drawn by --seed; 0 takes all." default:"8"`
	Mask       string   `help:"What to remove: random:RATIO, centre:CELLS, outpaint:CELLS (all but the centre), or uncrop:K (a border of K/32 of the image on every side)." default:"random:0.75"`
	Seed       uint64   `help:"Seed of the choice and of random masks." default:"1"`
	Out        string   `help:"PNG file to write; its folder is made." default:"completed.png"`
	Scale      int      `help:"Enlarge every pixel so many times; 0 chooses." default:"0"`
	Threads    int      `help:"Worker threads; 0 uses all cores." default:"0"`
	PrecisionFlag
	SampleFlag
}

// Run completes images and writes the grid.
func (c *completeCmd) Run(a *app) error {
	kind, err := evaluate.ParseMaskKind(c.Mask)
	if err != nil {
		return usage("%v", err)
	}
	if err := within(least("number", c.Number, 0), least("scale", c.Scale, 0)); err != nil {
		return err
	}
	s, err := newSession(a, c.Threads, c.PrecisionFlag)
	if err != nil {
		return err
	}
	of := modelChoice{c.Model, c.NormPixLoss}
	before, err := openModel(of, c.Checkpoint)
	if err != nil {
		return err
	}
	if err := kind.Fits(before.Geometry()); err != nil {
		return usage("%v", err)
	}
	var after family.Model
	if c.After != "" {
		if after, err = openModel(of, c.After); err != nil {
			return err
		}
		if after.Geometry() != before.Geometry() {
			return usage("%s and %s are models of different image sizes", c.Checkpoint, c.After)
		}
	}
	if err := c.apply(before, after); err != nil {
		return err
	}
	l := &loader{session: s, size: before.Geometry().Size, flags: DataFlags{SkipBad: c.SkipBad, Squash: c.Squash}, opened: map[string]*data.Set{}}
	set, err := l.join(c.Images, c.Classes)
	if err != nil {
		return err
	}
	group := measureGroup(measuredSet{"images", set}, c.Number, c.Seed, 0)
	res, pictures, err := evaluate.Compare(s.ctx, before, after, []evaluate.Group{group},
		evaluate.Options{Masks: []evaluate.MaskKind{kind}, Batch: 16, Seed: c.Seed, Shown: len(group.Pixels), Tape: s.newTape()})
	if err != nil {
		return err
	}
	if err := c.write(pictures); err != nil {
		return err
	}
	s.say("%s", s.arithmetic())
	fmt.Fprintf(a.out, "%d images completed (%s), hole MSE %.4f", len(group.Pixels), kind, res.Before["images"].HoleMSE)
	if after != nil {
		fmt.Fprintf(a.out, " before, %.4f after", res.After["images"].HoleMSE)
	}
	fmt.Fprintf(a.out, "\n%s\n", c.Out)
	return nil
}

// write draws the grid: input, masked, before, after (when there is one),
// original.
func (c *completeCmd) write(pictures []evaluate.Picture) error {
	both := c.After != ""
	g := report.Grid{Columns: []string{"input", "masked", "before", "original"}}
	if both {
		g.Columns = []string{"input", "masked", "before", "after", "original"}
	}
	for _, p := range pictures {
		row := report.GridRow{Label: p.Label, Pictures: []report.Picture{shown(p.Input), shown(p.Masked), shown(p.Before)}}
		if both {
			row.Pictures = append(row.Pictures, shown(p.After))
		}
		row.Pictures = append(row.Pictures, shown(p.Input))
		g.Rows = append(g.Rows, row)
	}
	scale := c.Scale
	if scale == 0 {
		scale = max(1, 128/shown(pictures[0].Input).W)
	}
	png, err := g.PNG(scale)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.Out), 0o755); err != nil {
		return fmt.Errorf("--out %s: %w", c.Out, err)
	}
	return writeFile(c.Out, png)
}

package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"lethe/harness/checkpoint"
	"lethe/harness/family"
	"lethe/harness/feature"
)

// inspectCmd is lethe inspect.
type inspectCmd struct {
	File string `arg:"" help:"Checkpoint: .safetensors or PyTorch .pth."`
	Keys bool   `help:"List every tensor. Default: on." default:"true" negatable:""`
}

// Run prints the tensors, then what the file is.
func (c *inspectCmd) Run(a *app) error {
	file, err := openCheckpoint(c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	if c.Keys {
		w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "key\tdtype\tshape\telements")
		for _, t := range file.Tensors {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\n", t.Name, t.DType, shapeText(t.Shape), t.Len())
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintln(a.out)
	}
	return c.summary(a, file)
}

func (c *inspectCmd) summary(a *app, file *checkpoint.File) error {
	elements, bytes := 0, 0
	types := map[string]int{}
	for _, t := range file.Tensors {
		elements += t.Len()
		bytes += len(t.Data)
		types[string(t.DType)]++
	}
	var kinds []string
	for k, n := range types {
		kinds = append(kinds, fmt.Sprintf("%d %s", n, k))
	}
	slices.Sort(kinds)
	fmt.Fprintf(a.out, "file      %s (%s)\n", file.Path, file.Format)
	fmt.Fprintf(a.out, "tensors   %d (%s), %d elements, %.1f MB\n", len(file.Tensors), strings.Join(kinds, ", "), elements, float64(bytes)/1e6)
	_, id := family.Identify(shapesOf(file))
	model := id.Text
	if measures := feature.Identify(shapesOf(file)); measures != "" {
		model = "the file looks like " + measures
	}
	if file.Metadata[metaFormat] == stateFormat {
		model = "the state of an unfinished run, from which --resume goes on before step " + file.Metadata[metaNext]
	}
	fmt.Fprintf(a.out, "model     %s\n", model)
	for _, k := range sortedKeys(file.Metadata) {
		fmt.Fprintf(a.out, "metadata  %s = %s\n", k, file.Metadata[k])
	}
	for _, s := range file.Skipped {
		fmt.Fprintf(a.out, "skipped   %s\n", s)
	}
	if err := checkpoint.CheckFinite(file); err != nil {
		fmt.Fprintf(a.out, "warning   %v\n", err)
	}
	return nil
}

func shapeText(shape []int) string {
	var parts []string
	for _, n := range shape {
		parts = append(parts, fmt.Sprint(n))
	}
	return "[" + strings.Join(parts, ",") + "]"
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

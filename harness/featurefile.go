package main

import (
	"fmt"
	"strconv"

	"lethe/harness/checkpoint"
	"lethe/harness/metric"
)

// featureFile is what lethe features wrote about a set of images.
type featureFile struct {
	metric.Set
	classes int
	logits  []float32 // [N,classes], or nil
}

// readFeatures reads a file of features: tensors features [N,D] and, if the
// network classifies, logits [N,classes]; the metadata says where they are from.
func readFeatures(path string) (featureFile, error) {
	f, err := checkpoint.Open(path)
	if err != nil {
		return featureFile{}, err
	}
	defer f.Close()
	m := f.Metadata
	out := featureFile{Set: metric.Set{From: metric.Provenance{Network: m["network"], SHA256: m["sha256"], Resizer: m["resizer"], Decoder: m["decoder"]}}}
	if out.Rows, out.N, out.D, err = matrixOf(f, "features"); err != nil {
		return featureFile{}, err
	}
	if out.Rows == nil {
		return featureFile{}, fmt.Errorf("%s holds no tensor \"features\": give a file of features, [images,features], as lethe features --out writes", path)
	}
	if n := m["n"]; n != "" && n != strconv.Itoa(out.N) {
		return featureFile{}, fmt.Errorf("%s says that it is of %s images, but holds %d rows: extract it again", path, n, out.N)
	}
	rows := 0
	if out.logits, rows, out.classes, err = matrixOf(f, "logits"); err != nil {
		return featureFile{}, err
	}
	if out.logits != nil && rows != out.N {
		return featureFile{}, fmt.Errorf("%s holds features of %d images and logits of %d: extract it again", path, out.N, rows)
	}
	return out, nil
}

// matrixOf is a tensor of two dimensions, or nothing when the file lacks it.
func matrixOf(f *checkpoint.File, name string) (data []float32, rows, cols int, err error) {
	t, ok := f.Get(name)
	if !ok {
		return nil, 0, 0, nil
	}
	if len(t.Shape) != 2 || t.Shape[1] < 1 {
		return nil, 0, 0, fmt.Errorf("%s: %s has the shape %v, want [images,values]", f.Path, name, t.Shape)
	}
	if data, err = t.Float32(); err != nil {
		return nil, 0, 0, fmt.Errorf("%s: %s: %w", f.Path, name, err)
	}
	return append(make([]float32, 0, len(data)), data...), t.Shape[0], t.Shape[1], nil
}

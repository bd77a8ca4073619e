package reference

import (
	"path/filepath"
	"testing"

	"lethe/kernels"
)

// bundles lists the committed bundles, made by torch/testdata.py.
func bundles(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("testdata/*/" + descriptionFile)
	if err != nil || len(found) < 6 {
		t.Fatalf("found %d bundles in testdata, want at least 6: %v", len(found), err)
	}
	dirs := make([]string, len(found))
	for i, path := range found {
		dirs[i] = filepath.Dir(path)
	}
	return dirs
}

func TestCheckMatchesPyTorch(t *testing.T) {
	for _, dir := range bundles(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			table, err := Check(dir, kernels.F32)
			if err != nil {
				t.Errorf("%v\n%v", err, table)
			}
		})
	}
}

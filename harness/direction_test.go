package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// allowed says which folders of the module a folder may import; an import
// points from left to right:
//
//	harness -> layers -> autodiff -> kernels
//
// The harness may import all of them. The generator is imported by nobody and
// imports nothing. Tests may also import the specification and the conformance
// suite of the kernels.
var allowed = map[string][]string{
	"harness":  {"harness", "layers", "autodiff", "kernels"},
	"layers":   {"layers", "autodiff"},
	"autodiff": {"autodiff", "kernels"},
	"kernels":  {"kernels"},
	"asmgen":   {},
}

// testOnly are packages that only _test.go files import, and the packages
// themselves.
var testOnly = []string{"kernels/ref", "kernels/kerneltest", "layers/pretrained/counted"}

// broken lists the imports below root, a tree of Go files, that break the
// direction. It returns also how many files it read.
func broken(root string) (faults []string, files int, err error) {
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && file != root) {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(file) != ".go" {
			return nil
		}
		files++
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		from, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		from = filepath.ToSlash(from)
		for _, spec := range parsed.Imports {
			to, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if reason := fault(from, to); reason != "" {
				faults = append(faults, reason)
			}
		}
		return nil
	})
	return faults, files, err
}

// fault says why a file of the module must not import a path, or nothing.
func fault(file, importPath string) string {
	to, ours := strings.CutPrefix(importPath, "lethe/")
	if !ours {
		return ""
	}
	isTest := strings.HasSuffix(file, "_test.go")
	for _, p := range testOnly {
		if inside(to, p) && !isTest && !inTestOnly(file) {
			return fmt.Sprintf("%s imports %s, which is for tests", file, importPath)
		}
	}
	from, _, _ := strings.Cut(file, "/")
	target, _, _ := strings.Cut(to, "/")
	for _, ok := range allowed[from] {
		if ok == target {
			return ""
		}
	}
	return fmt.Sprintf("%s imports %s: %s may import %v", file, importPath, from, allowed[from])
}

func inTestOnly(file string) bool {
	for _, p := range testOnly {
		if inside(path.Dir(file), p) {
			return true
		}
	}
	return false
}

// inside reports whether p is folder or below it.
func inside(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }

func TestImportDirection(t *testing.T) {
	faults, files, err := broken("..")
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Errorf("only %d files were read: this is not the module", files)
	}
	for _, f := range faults {
		t.Error(f)
	}
}

// TestImportDirectionRefuses runs the same check on a tree that breaks each
// rule once.
func TestImportDirectionRefuses(t *testing.T) {
	faults, _, err := broken(filepath.Join("testdata", "direction"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"autodiff/upward.go imports lethe/layers",
		"kernels/generator.go imports lethe/asmgen",
		"kernels/oracle.go imports lethe/kernels/ref, which is for tests",
		"kernels/upward.go imports lethe/autodiff",
		"layers/skip.go imports lethe/kernels",
	}
	if len(faults) != len(want) {
		t.Fatalf("%d faults, want %d:\n%s", len(faults), len(want), strings.Join(faults, "\n"))
	}
	for i, f := range faults {
		if !strings.HasPrefix(f, want[i]) {
			t.Errorf("fault %q, want %q", f, want[i])
		}
	}
}

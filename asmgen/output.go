package main

import (
	"bytes"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// topic is one generated assembly file and the function that emits it.
type topic struct {
	name string
	emit func(e *emitter)
}

// topics are the generated files, in the order of their functions in the stubs.
var topics = []topic{
	{"gemm", emitGemm},
	{"conv", emitConv},
	{"winograd", emitWinograd},
	{"pack", emitPack},
	{"peak", emitPeak},
	{"vector", emitVector},
	{"pool", emitPool},
	{"reduce", emitReduce},
	{"norm", emitNorm},
	{"image", emitImage},
	{"resample", emitResample},
	{"softmax", emitSoftmax},
	{"activation", emitActivation},
	{"attention", emitAttention},
	{"adam", emitAdam},
	{"bf16", emitBF16},
}

// tileTopics are the generated files of an instruction set with tiles.
var tileTopics = []topic{
	{"tiles", emitTiles},
	{"weight", emitTileWeight},
}

// pairTopics are those of an instruction set with products of pairs.
var pairTopics = []topic{
	{"gemm", emitGemm},
	{"conv", emitConv},
	{"pairs", emitPairs},
}

// topicsOf are the topics of an instruction set.
func topicsOf(s isa) []topic {
	switch {
	case s.tiles():
		return tileTopics
	case s.pairs():
		return pairTopics
	}
	return topics
}

// generate builds the files of one instruction set, by file name. Where
// anything is refused it returns all the reasons instead.
func generate(s isa, topics []topic) (files map[string][]byte, errs []error) {
	files = map[string][]byte{}
	stubs, consts := ir.NewFile(), []constant(nil)
	config := printer.Config{Name: "asmgen", Pkg: s.name}
	for _, t := range topics {
		e := newEmitter(s)
		t.emit(e)
		f, refused := compile(e)
		if len(f.Functions()) == 0 && len(refused) == 0 {
			continue // a topic that this instruction set takes from a narrower one
		}
		for _, r := range refused {
			errs = append(errs, fmt.Errorf("%s: %s", t.name, r))
		}
		if len(errs) > 0 {
			continue
		}
		text, err := printer.NewGoAsm(config).Print(f)
		if err != nil {
			errs = append(errs, fmt.Errorf("printing %s for %s: %w", t.name, s.name, err))
		}
		files["z"+t.name+"_amd64.s"] = text
		stubs.Constraints = f.Constraints
		stubs.Sections = append(stubs.Sections, f.Sections...)
		consts = append(consts, e.consts...)
	}
	if len(errs) > 0 {
		return nil, errs
	}
	text, err := stubFile(s, config, stubs, consts)
	if err != nil {
		return nil, []error{fmt.Errorf("printing the stubs for %s: %w", s.name, err)}
	}
	files["zstubs_amd64.go"] = text
	return files, nil
}

// compile allocates registers and passes every function through the gate.
func compile(e *emitter) (*ir.File, []string) {
	f, err := e.Result()
	if err != nil {
		return f, []string{fmt.Sprintf("%s: %v", e.isa.name, err)}
	}
	// The last step of Compile drops the control flow graph, which the gate reads.
	if err := pass.Concat(pass.Compile, pass.FunctionPass(pass.LabelTarget), pass.FunctionPass(pass.CFG)).Execute(f); err != nil {
		return f, []string{fmt.Sprintf("%s: %v", e.isa.name, err)}
	}
	var refused []string
	for _, fn := range f.Functions() {
		refused = append(refused, refuse(e.isa, fn)...)
		for _, i := range fn.Instructions() {
			if err := encodeRaw(i); err != nil {
				refused = append(refused, fmt.Sprintf("%s.%s: %v", e.isa.name, fn.Name, err))
			}
		}
	}
	return f, refused
}

// stubFile declares the functions and constants of a package.
func stubFile(s isa, config printer.Config, f *ir.File, consts []constant) ([]byte, error) {
	decls, err := printer.NewStubs(config).Print(f)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Write(decls)
	fmt.Fprintf(&b, "\n// Features are the processor extensions that the code of this package needs.\nconst Features = %q\n", strings.Join(s.features, " "))
	for _, c := range consts {
		fmt.Fprintf(&b, "\n// %s %s\nconst %s = %d\n", c.name, c.doc, c.name, c.value)
	}
	return format.Source(b.Bytes())
}

// write replaces the generated files of one package, and removes those that are
// no longer generated.
func write(out, name string, files map[string][]byte) (errs []error) {
	dir := filepath.Join(out, name)
	for _, old := range stale(dir, files) {
		if err := os.Remove(old); err != nil {
			errs = append(errs, err)
		}
	}
	for _, file := range sortedKeys(files) {
		if err := os.WriteFile(filepath.Join(dir, file), files[file], 0o644); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// compare reports every file that is not what would be written.
func compare(out, name string, files map[string][]byte) (errs []error) {
	dir := filepath.Join(out, name)
	for _, file := range sortedKeys(files) {
		path := filepath.Join(dir, file)
		have, err := os.ReadFile(path)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("comparing: %w", err))
		case !bytes.Equal(have, files[file]):
			errs = append(errs, fmt.Errorf("%s differs from what asmgen writes", path))
		}
	}
	for _, old := range stale(dir, files) {
		errs = append(errs, fmt.Errorf("%s is not written by asmgen", old))
	}
	return errs
}

// stale are the z files in dir that are not among files.
func stale(dir string, files map[string][]byte) []string {
	have, _ := filepath.Glob(filepath.Join(dir, "z*")) // the pattern is valid
	var old []string
	for _, path := range have {
		if _, ok := files[filepath.Base(path)]; !ok {
			old = append(old, path)
		}
	}
	return old
}

func sortedKeys(files map[string][]byte) []string {
	keys := make([]string, 0, len(files))
	for k := range files {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

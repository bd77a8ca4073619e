// Command asmgen writes the assembly of package kernels: for each instruction
// set the files z<topic>_amd64.s and one zstubs_amd64.go under
// kernels/internal. With -check it writes nothing and compares what it would
// write with what is there, byte for byte.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "asmgen:", err)
		os.Exit(1)
	}
}

// run generates everything in memory, and only then touches or compares files.
// The flags have a set of their own: avo fills the global one.
func run(args []string) error {
	flags := flag.NewFlagSet("asmgen", flag.ContinueOnError)
	out := flags.String("out", "kernels/internal", "folder that holds one package per instruction set")
	check := flags.Bool("check", false, "compare instead of writing")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return generateAll(*out, *check)
}

// generateAll writes or compares every package, or, where one function is
// refused, none.
func generateAll(out string, check bool) error {
	packages := map[string]map[string][]byte{}
	var errs []error
	for _, s := range isas {
		files, refused := generate(s, topicsOf(s))
		packages[s.name] = files
		errs = append(errs, refused...)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	act := write
	if check {
		act = compare
	}
	for _, s := range isas {
		errs = append(errs, act(out, s.name, packages[s.name])...)
	}
	return errors.Join(errs...)
}

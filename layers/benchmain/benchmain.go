// Package benchmain is what the benchmarks of the models share: the header of their rows.
package benchmain

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
)

// Main is the TestMain of a model: where benchmarks were asked for
// it prints their header, in the format that benchstat reads, with the lines that
// say which direction of a unit is better; tests print nothing. Models do not
// know the instruction set of the kernels, only which one was asked for.
func Main(m *testing.M, units ...string) {
	flag.Parse()
	if f := flag.Lookup("test.bench"); f != nil && f.Value.String() != "" {
		isa := os.Getenv("KERNELS_ISA")
		if isa == "" {
			isa = "widest"
		}
		fmt.Println("isa:", isa)
		fmt.Println("goversion:", runtime.Version())
		fmt.Println("gomaxprocs:", runtime.GOMAXPROCS(0))
		if commit := os.Getenv("LETHE_COMMIT"); commit != "" {
			fmt.Println("commit:", commit)
		}
		for _, unit := range units {
			fmt.Println("Unit", unit)
		}
	}
	os.Exit(m.Run())
}

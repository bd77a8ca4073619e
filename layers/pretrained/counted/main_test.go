package counted_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
)

// TestMain prints the benchmark header where benchmarks were asked for, in the
// format that benchstat reads; tests print nothing. The models do not know the
// instruction set of the kernels, only which one was asked for.
func TestMain(m *testing.M) {
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
		fmt.Println("Unit GFLOP/s better=higher")
	}
	os.Exit(m.Run())
}

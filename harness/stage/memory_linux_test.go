package stage

import "testing"

func TestParseStatus(t *testing.T) {
	const status = "Name:\tx kB y\nVmPeak:\t  999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t5\nVmHWM:\tmany kB\n"
	if got := parseStatus([]byte(status)); got != (Memory{Resident: 1 << 20, Peak: 2 << 20}) {
		t.Errorf("memory is %+v", got)
	}
	if got := parseStatus(nil); got != (Memory{}) {
		t.Errorf("memory of nothing is %+v", got)
	}
}

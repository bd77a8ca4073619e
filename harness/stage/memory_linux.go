package stage

import (
	"bytes"
	"os"
	"strconv"
)

// ReadMemory reads VmRSS and VmHWM of /proc/self/status.
func ReadMemory() Memory {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return Memory{}
	}
	return parseStatus(status)
}

// parseStatus finds "VmHWM:    1234 kB" and "VmRSS:    1234 kB".
func parseStatus(status []byte) Memory {
	var m Memory
	for line := range bytes.Lines(status) {
		fields := bytes.Fields(line)
		if len(fields) != 3 || string(fields[2]) != "kB" {
			continue
		}
		kib, err := strconv.ParseInt(string(fields[1]), 10, 64)
		if err != nil {
			continue
		}
		switch string(fields[0]) {
		case "VmHWM:":
			m.Peak = kib * 1024
		case "VmRSS:":
			m.Resident = kib * 1024
		}
	}
	return m
}

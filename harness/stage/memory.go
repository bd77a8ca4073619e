package stage

// Memory is what the operating system says the process holds, in bytes; 0 where
// it does not say.
type Memory struct {
	Resident int64 // now
	Peak     int64 // since the start of the process
}

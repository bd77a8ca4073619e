// Package bench holds measured rows of benchmarks, ours and those of peers, and
// judges them by the floors that this engine promises.
package bench

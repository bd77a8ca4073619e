package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// TestClaimKeepsTheOthersFolder: whoever comes later to a folder that all were about to
// make leaves it to the first, who has nothing in it yet.
func TestClaimKeepsTheOthersFolder(t *testing.T) {
	dir := t.TempDir()
	for i := range 300 {
		path := filepath.Join(dir, strconv.Itoa(i))
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				hold, err := claimDir(path, RunFlags{Force: true})
				if errors.Is(err, errLocked) || errors.Is(err, os.ErrNotExist) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				defer hold.release()
				time.Sleep(200 * time.Microsecond) // the others find it taken
				if err := os.WriteFile(hold.dir.path("x"), nil, 0o600); err != nil {
					t.Errorf("the folder is held: %v", err)
				}
			})
		}
		all.Wait()
	}
}

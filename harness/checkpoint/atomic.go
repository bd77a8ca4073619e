package checkpoint

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WriteAtomic makes path hold exactly what write writes, or leaves it as it was.
//
// The bytes go to a temporary file in the same directory, which is synced,
// renamed to path, and made durable by syncing the directory. At no moment does
// path name a half-written file, whatever fails and whenever the machine stops.
// The writer is buffered. A path that is a symbolic link is followed: the file
// it points to is replaced.
//
// Errors: what write returns, wrapped; a full disk, a missing or unwritable
// directory; a path that exists and is not a regular file. The temporary file
// is removed in every such case, also when write panics.
func WriteAtomic(path string, write func(w io.Writer) error) error {
	if err := writeAtomic(path, write); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func writeAtomic(path string, write func(w io.Writer) error) (err error) {
	target, err := resolveTarget(path)
	if err != nil {
		return err
	}
	tmp, err := createBeside(target)
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if !done { // an error below, or a panic in write
			tmp.Close()
			os.Remove(tmp.Name())
		}
	}()
	buffered := bufio.NewWriterSize(tmp, 1<<20)
	if err := write(buffered); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), target); err != nil {
		return err
	}
	done = true
	return syncDir(filepath.Dir(target))
}

// resolveTarget follows a symbolic link and refuses to replace what is not a
// regular file: a rename over a device node would delete it.
func resolveTarget(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return path, nil
	}
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		return "", errors.New("is a directory")
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("is not a regular file (%s)", info.Mode().Type())
	}
	return filepath.EvalSymlinks(path)
}

// createBeside makes a new file next to path under a name nobody has. Its mode
// is what the umask leaves, as for any new file, or that of the file it will
// replace.
func createBeside(path string) (*os.File, error) {
	mode := os.FileMode(0o666)
	old, statErr := os.Stat(path)
	if statErr == nil {
		mode = old.Mode().Perm()
	}
	dir, base := filepath.Split(path)
	const attempts = 1000
	for i := range attempts {
		name := fmt.Sprintf("%s.%s.%d-%d.tmp", dir, base, os.Getpid(), i)
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		var at *os.PathError
		if errors.As(err, &at) { // the temporary name would only confuse
			return nil, fmt.Errorf("create a file beside it: %w", at.Err)
		}
		return f, err
	}
	return nil, fmt.Errorf("%d temporary files of earlier writes are in the way", attempts)
}

// syncDir makes a rename durable. Systems that cannot sync a directory say so
// with an error that carries no information for the caller: the file itself is
// already synced and in place.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	_ = d.Sync()
	return nil
}

package tensorboard

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"time"
)

// Scalar is a value of one curve. Tags are grouped by what stands before a "/".
type Scalar struct {
	Tag   string
	Value float64 // stored as float32
}

// Writer appends to one event file. It is for one goroutine.
type Writer struct {
	file *os.File
	now  func() time.Time
}

const (
	prefix  = "events.out.tfevents."
	suffix  = ".lethe"
	version = "brain.Event:2"
)

// Create starts a new file in dir; files that are there stay. The clock gives its
// name and the time of each event.
func Create(dir string, now func() time.Time) (*Writer, error) {
	at := now().Unix()
	for {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%s%010d%s", prefix, at, suffix)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if errors.Is(err, os.ErrExist) {
			at++ // a run that was resumed within a second
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("starting an event file: %w", err)
		}
		w := &Writer{f, now}
		if err := w.write(0, eventVersion, []byte(version)); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return w, nil
	}
}

// Scalars adds the values of one step.
func (w *Writer) Scalars(step int, values ...Scalar) error {
	var summary []byte
	for _, v := range values {
		summary = appendBytes(summary, summaryValue, scalarValue(v))
	}
	return w.write(step, eventSummary, summary)
}

// Image adds a PNG to one step.
func (w *Writer) Image(step int, tag string, data []byte) error {
	size, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("image %s of the event file: %w", tag, err)
	}
	return w.write(step, eventSummary, appendBytes(nil, summaryValue, imageValue(tag, size.Width, size.Height, data)))
}

// Close closes the file; nothing is left to be written.
func (w *Writer) Close() error { return w.file.Close() }

func (w *Writer) write(step, field int, v []byte) error {
	seconds := float64(w.now().UnixMicro()) / 1e6
	if _, err := w.file.Write(frame(event(seconds, int64(step), field, v))); err != nil {
		return fmt.Errorf("writing the event file: %w", err)
	}
	return nil
}

// Files are the event files of this package in dir, the oldest first.
func Files(dir string) ([]string, error) {
	return filepath.Glob(filepath.Join(escape(dir), prefix+"*"+suffix))
}

// escape takes from a folder's name what Glob would read as a pattern.
func escape(dir string) string {
	var out []byte
	for i := range len(dir) {
		switch dir[i] {
		case '*', '?', '[', '\\':
			if os.PathSeparator == '/' {
				out = append(out, '\\')
			}
		}
		out = append(out, dir[i])
	}
	return string(out)
}

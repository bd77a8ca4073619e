package report

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The page in a real browser: the script runs, and neither it nor the policy of
// the page has anything to say on the console.
func TestPageInChromium(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("NOT RUN: there is no chromium, so no browser has seen the page")
	}
	study := func(b *bytes.Buffer) error { return WriteStudy(b, fixtureStudy()) }
	run := func(b *bytes.Buffer) error { return Write(b, fixture()) }
	for name, c := range map[string]struct {
		write func(*bytes.Buffer) error
		want  []string
	}{
		"run":   {run, []string{`class="compare"`, `type="range"`, "original on the left"}},
		"study": {study, []string{`class="point mark-own"`}},
	} {
		var page bytes.Buffer
		if err := c.write(&page); err != nil {
			t.Fatal(err)
		}
		dom, said := browse(t, browser, page.Bytes())
		for _, want := range c.want {
			if !strings.Contains(dom, want) {
				t.Errorf("%s: the page in the browser lacks %q", name, want)
			}
		}
		if hit := regexp.MustCompile(`(?m)^.*(CONSOLE|net::ERR|Refused to).*$`).FindString(said); hit != "" {
			t.Errorf("%s: the browser says %s", name, hit)
		}
	}
	// The check itself: a page with an error and a request must be noticed.
	_, said := browse(t, browser, []byte("<script>console.error(1)</script>"))
	if !strings.Contains(said, "CONSOLE") {
		t.Error("an error on the console is not noticed")
	}
}

func browse(t *testing.T, browser string, page []byte) (dom, said string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	if err := os.WriteFile(file, page, 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--enable-logging=stderr", "--dump-dom", "file://"+file)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	return out.String(), log.String()
}

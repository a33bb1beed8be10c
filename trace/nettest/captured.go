package nettest

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// Capture keeps messages as they come.
type Capture struct {
	mu       sync.Mutex
	payloads [][]byte
}

// Add keeps a copy of a message.
func (c *Capture) Add(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.payloads = append(c.payloads, bytes.Clone(b))
}

// Write writes what was kept for CapturedMessages to read: into a file named like the
// scenario, about as its head, show giving what a message shows as.
func (c *Capture) Write(t testing.TB, scenario, about string, show func([]byte) (string, error)) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(about)) {
		fmt.Fprintf(&b, "# %s\n", strings.TrimSpace(line))
	}
	for _, p := range c.payloads {
		text, err := show(p)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%x\n= %s\n", p, text)
	}
	name := strings.ToLower(regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(scenario, "-"))
	if err := os.WriteFile(filepath.Join("testdata", name+".txt"), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Captured is one message of a package's testdata: what the kernel sent, and what it
// shows as.
type Captured struct {
	File    string
	Payload []byte
	Want    string
}

// CapturedMessages reads testdata/*.txt, which a package's own tests write from the
// kernel: a line of hex, then the event behind "= ". "# " is a comment.
func CapturedMessages(t testing.TB) []Captured {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captured messages: %v", err)
	}
	var all []Captured
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for sc := bufio.NewScanner(bytes.NewReader(b)); sc.Scan(); {
			line := sc.Text()
			if want, ok := strings.CutPrefix(line, "= "); ok {
				all[len(all)-1].Want = want
			} else if !strings.HasPrefix(line, "#") {
				p, err := hex.DecodeString(line)
				if err != nil {
					t.Fatalf("%s: %v", f, err)
				}
				all = append(all, Captured{File: f, Payload: p})
			}
		}
	}
	return all
}

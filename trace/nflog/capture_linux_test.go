package nflog

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "write testdata from what the kernel sends")

// capture keeps the messages of a scenario.
type capture struct {
	mu       sync.Mutex
	payloads [][]byte
}

func (c *capture) add(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.payloads = append(c.payloads, append([]byte(nil), b...))
}

// write writes testdata for a scenario.
func (c *capture) write(t *testing.T, s scenario) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "# %s, from %s to %s; written by go test -run TestSequences -update\n", s.name, s.from, s.to)
	for line := range strings.Lines(strings.TrimSpace(s.v4 + s.v6 + s.nft)) {
		fmt.Fprintf(&b, "# %s\n", strings.TrimSpace(line))
	}
	for _, p := range c.payloads {
		e, err := decodeEvent(&Decoder{}, p)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%x\n= %s\n", p, show(e))
	}
	name := regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(s.name, "-")
	if err := os.WriteFile(filepath.Join("testdata", strings.ToLower(name)+".txt"), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

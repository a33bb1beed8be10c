package nettest

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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

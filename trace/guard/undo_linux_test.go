package guard

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nfscope/trace/nettest"
)

// TestIptablesSays: a rule that is not there is no error; a busy kernel is, whatever it says.
func TestIptablesSays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "iptables")
	nettest.Program(t, program, []byte("#!/bin/sh\necho \"$2\" >&2\nexit $1\n"))
	for _, c := range []struct {
		exit int
		says string
		did  bool
		err  bool
	}{
		{0, "", true, false},
		{1, "iptables: Bad rule (does a matching rule exist in that chain?).", false, false},
		{1, "iptables: No chain/target/match by that name.", false, false},
		{1, "iptables v1.8.9: chain `X' in table `raw' does not exist", false, false},
		{2, "iptables v1.8.9 (nf_tables): Chain 'X' does not exist", false, false},
		{2, "iptables v1.8.9 (legacy): Couldn't load target `X':No such file or directory", false, false},
		{2, "iptables v1.8.9 (legacy): unknown option \"--dports\"", false, true},
		{1, "iptables: Permission denied.", false, true},
		{4, "iptables: No chain/target/match by that name.", false, true},
	} {
		did, err := undo(Entry{Kind: KindIptables, Command: []string{program, fmt.Sprint(c.exit), c.says}}, nil)
		if did != c.did || (err != nil) != c.err || c.err && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%d, %q: did %v, %v", c.exit, c.says, did, err)
		}
	}
}

// TestRefusedAtEveryDoor: a note may be written by another program, and a message come from
// one: neither has us do what is no undoing of ours.
func TestRefusedAtEveryDoor(t *testing.T) {
	t.Parallel()
	ran := filepath.Join(t.TempDir(), "ran")
	e := Entry{Kind: KindIptables, Command: []string{"touch", ran}}
	if _, err := undo(e, nil); err == nil || !strings.Contains(err.Error(), "no iptables command") {
		t.Errorf("undo: %v", err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("it ran")
	}
	s := &server{note: newNote(t.TempDir(), os.Getpid())}
	if err := s.handle(message{"hold", e}, nil); err == nil || len(s.held) > 0 {
		t.Errorf("the guard takes it: %v", err)
	}
}

// TestUndoOrder: the last change is undone first, and what cannot be undone is kept, and said.
func TestUndoOrder(t *testing.T) {
	t.Parallel()
	made := filepath.Join(t.TempDir(), "made")
	if err := os.Mkdir(made, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(made, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&ledger{{Entry: Entry{Kind: KindRemove, Path: made}}, {Entry: Entry{Kind: KindRemove, Path: file}}}).undo(); err != nil {
		t.Error(err)
	}
	for _, full := range []bool{false, true} {
		g, dir := start(t)
		made := filepath.Join(t.TempDir(), "made")
		file := filepath.Join(made, "file")
		_, e1 := g.Remove(made)
		_, e2 := g.Remove(file)
		if err := errors.Join(e1, e2, os.Mkdir(made, 0o700), os.WriteFile(file, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		if full {
			if err := os.WriteFile(filepath.Join(made, "another's"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := g.Close()
		if (err != nil) != full || full && !strings.Contains(err.Error(), "not everything could be undone: file "+made) {
			t.Errorf("with a file of another's %v: %v", full, err)
		}
		if _, err := os.Stat(file); err == nil {
			t.Error("the file stays")
		}
		notes, _ := filepath.Glob(filepath.Join(dir, "*.json"))
		if !full {
			if _, err := os.Stat(made); err == nil || len(notes) != 0 {
				t.Errorf("the directory stays; notes %q", notes)
			}
			continue
		}
		if len(notes) != 1 {
			t.Fatalf("notes %q", notes)
		}
		if n, err := readNote(notes[0]); err != nil || len(n.Held) != 1 || n.Held[0].Path != made {
			t.Errorf("the note holds %+v, %v", n, err)
		}
	}
}

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nfscope/model/snapshot"
	"nfscope/ui/uitest"
)

func TestExport(t *testing.T) {
	dir := t.TempDir()
	snap := uitest.Snapshot()
	snap.Events, snap.Loss = 900, snapshot.Loss{Trace: 5, Flows: 1, Gaps: 3, Drops: 2, Dropped: 2}
	list := snap.Journeys
	for _, c := range []struct{ name, begins, holds string }{
		{"a.txt", "#14 tcp 198.51.100.7:40312", "dst 10.2.0.2:8443"},
		{"a.json", `{"schema":"nfscope/journey/1"`, `{"schema":"nfscope/stats/1","events":900,"journeys":6,"lost":7,"gaps":3,`},
		{"A.PCAPNG", "\x0a\x0d\x0d\x0a", "dropped by rule 2 of filter/INPUT"},
	} {
		name := filepath.Join(dir, c.name)
		said, err := exporter{}.Export(name, list, snap)
		if err != nil || said != "wrote 6 packets to "+name {
			t.Fatal(said, err)
		}
		b, err := os.ReadFile(name)
		if err != nil || !bytes.HasPrefix(b, []byte(c.begins)) || !bytes.Contains(b, []byte(c.holds)) {
			t.Errorf("%s: %.200q, %v", c.name, b, err)
		}
		if bytes.Contains(b, []byte("as it left")) {
			t.Errorf("%s has packets twice", c.name)
		}
		if _, err := (exporter{}).Export(name, list[:1], snap); err == nil || !strings.Contains(err.Error(), "left as it is") {
			t.Errorf("a file that is there: %v", err)
		}
		if again, _ := os.ReadFile(name); !bytes.Equal(again, b) {
			t.Errorf("%s was overwritten", name)
		}
	}
	for _, name := range []string{filepath.Join(dir, "x"), filepath.Join(dir, "none", "x.txt"), ""} {
		if _, err := (exporter{}).Export(name, list, snap); err == nil {
			t.Errorf("%q was written", name)
		}
	}
}

// TestExportFails: of what cannot be written whole nothing is left, and that is said.
func TestExportFails(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "a.txt")
	full := errors.New("the disk is full")
	err := writeNew(name, func(w io.Writer) error {
		_, err := io.WriteString(w, "half")
		return errors.Join(err, full)
	})
	if !errors.Is(err, full) || !strings.HasPrefix(err.Error(), "nothing was written: ") {
		t.Error(err)
	}
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a file is left: %v", err)
	}
}

// TestExportFlows: connections as text and as `conns --json` has them, never over a file.
func TestExportFlows(t *testing.T) {
	dir := t.TempDir()
	list := uitest.Snapshot().Flows.Table.List()
	for _, c := range []struct{ name, holds string }{
		{"c.txt", "conntrack knows it by this tuple"}, {"c.json", `"schema":"nfscope/flow/1","event":"dump"`},
	} {
		name := filepath.Join(dir, c.name)
		if said, err := (exporter{}).ExportFlows(name, list); err != nil || !strings.Contains(said, "connections to "+name) {
			t.Fatal(said, err)
		}
		if b, err := os.ReadFile(name); err != nil || !bytes.Contains(b, []byte(c.holds)) {
			t.Errorf("%s: %.200q, %v", c.name, b, err)
		}
		if _, err := (exporter{}).ExportFlows(name, list); err == nil || !strings.Contains(err.Error(), "left as it is") {
			t.Errorf("a file that is there: %v", err)
		}
	}
	if _, err := (exporter{}).ExportFlows(filepath.Join(dir, "x.pcapng"), list); err == nil {
		t.Error("connections as packets")
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nfscope/trace/nettest"
	"nfscope/trace/record"
)

// TestRedactLive: a live trace recorded redacted tells no address of the network it saw;
// and redacting a plain recording changes nothing of the packets' ways.
func TestRedactLive(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, dropForwarded, "iptables-legacy-restore")
	dir := t.TempDir()
	record1 := func(name string, more ...string) string {
		file := filepath.Join(dir, name)
		r := tracing(t, n.Router, append([]string{"--count", "3", "-w", file, "udp and dst host 10.2.0.2"}, more...)...)
		for _, to := range []string{"10.2.0.2:9", "10.2.0.2:10", "10.2.0.2:9"} {
			datagram(t, n.Client, to)
		}
		r.ends(exitDone)
		return file
	}
	plain, hidden := record1("plain.nfs"), record1("hidden.nfs", "--redact")
	again := filepath.Join(dir, "again.nfs")
	launch(t, "nfscope", "replay", plain, "-w", again, "--redact").ends(exitDone)
	ways := func(file string) (out []string) {
		text, _ := launch(t, "nfscope", "replay", file, "--json").ends(exitDone)
		for l := range strings.Lines(text) {
			var j struct {
				Complete bool
				Outcome  struct{ Verdict string }
				Steps    []struct {
					Table, Chain, Kind, Verdict string
					Rule                        int
				}
			}
			if err := json.Unmarshal([]byte(l), &j); err != nil {
				t.Fatal(err)
			}
			b, _ := json.Marshal(j)
			out = append(out, string(b))
		}
		return out
	}
	want := ways(plain)
	for _, file := range []string{again, hidden} {
		if got := ways(file); len(want) != 4 || strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: the ways are\n%s\nplain they are\n%s", filepath.Base(file), strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, err := record.Open(file, bytes.NewReader(b), int64(len(b)))
		if err != nil || !f.Redacted {
			t.Fatalf("%s is not redacted: %v", file, err)
		}
		text := f.Title
		for i := range f.Blocks() {
			list, err := f.Block(i)
			if err != nil {
				t.Fatal(err)
			}
			for k := range list {
				j, _ := json.Marshal(list[k])
				text += string(j)
			}
		}
		if strings.Contains(text, n.Router.Name()) {
			t.Errorf("%s tells the namespace's name", filepath.Base(file))
		}
		// Another one may stand in its place: both together do not.
		if strings.Contains(text, "10.2.0.2") && strings.Contains(text, "10.1.0.2") {
			t.Errorf("%s tells the addresses", filepath.Base(file))
		}
	}
}

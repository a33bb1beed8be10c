package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nfscope/docs/labs"
	"nfscope/trace/lab"
	"nfscope/trace/nettest"
	"nfscope/trace/record"
)

// passing takes out what is another in every run of a lab: ports the kernel chose,
// conntrack ids, how TCP cut its acknowledgements, and whether a host's own multicast
// went through a chain before the rules were read.
var passing = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`:(3[2-9]|4\d|5\d|60)\d{3}\b`), ":PORT"},
	{regexp.MustCompile(`\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b`), "MAC"},
	{regexp.MustCompile(`\d+ connections? met`), "N connections met"},
	// Of the ports and backends that NAT chose by chance: lab snat's, lab load-balance's.
	{regexp.MustCompile(`192\.0\.2\.10:\d+`), "192.0.2.10:PORT"},
	{regexp.MustCompile(`(?m)^.*(KUBE-SERVICES|KUBE-SVC-APP|KUBE-SEP-|app on |10\.244\.1\.).*\n`), ""},
	{regexp.MustCompile(` {3,}`), "  "}, // columns are as wide as what is in them
	{regexp.MustCompile(`#\d+`), "#N"},
	{regexp.MustCompile(`flow \d+`), "flow ID"},
	{regexp.MustCompile(`policy (ACCEPT|DROP)( +)\d+ packets \d+ bytes`), "policy $1 N packets"},
	{regexp.MustCompile(`and \d+ more packets? of it (was|were)`), "and more packets"},
	{regexp.MustCompile(`\d+ packets?, \d+ events?`), "packets, events"},
	{regexp.MustCompile(` +`), " "},
}

// tell gives the story of a recording, without what passes.
func tell(t *testing.T, name string, r io.Reader) string {
	t.Helper()
	rr, err := record.NewReader(name, r)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s := newStory(&out, 0, "en")
	if err := rr.Play(context.Background(), record.NewClock(0), s.put); err != nil {
		t.Fatal(err)
	}
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, p := range passing {
		text = p.re.ReplaceAllString(text, p.to)
	}
	return text
}

// TestRecordings makes every lab's recording anew from the live lab, and compares the
// stories. After a change of a lab: nfscope demo LAB --plain -w docs/labs/LAB/recording.nfs
func TestRecordings(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	t.Parallel()
	for _, name := range labs.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), lab.RecordingFile)
			if out, err := exec.Command("nfscope", "demo", name, "--live", "--plain", "-w", file).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			made, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			kept, err := fs.ReadFile(labs.FS, name+"/"+lab.RecordingFile)
			if err != nil {
				t.Fatal(err)
			}
			want := tell(t, "embedded", bytes.NewReader(kept))
			got := tell(t, "made anew", bytes.NewReader(made))
			if d := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); d != "" {
				t.Errorf("the embedded recording (-) and the live lab (+) differ:\n%s", d)
			}
			if !strings.Contains(want, "lost 0") {
				t.Errorf("the recording lost events:\n%s", want)
			}
			cutShort(t, made)
		})
	}
}

// cutShort checks that a recording cut anywhere gives back what was whole.
func cutShort(t *testing.T, b []byte) {
	t.Helper()
	for _, n := range []int{len(b) * 9 / 10, len(b) - 3} { // half of a small lab is its header

		rr, err := record.NewReader("cut", bytes.NewReader(b[:n]))
		if err != nil {
			t.Fatal(err)
		}
		items := 0
		for err == nil {
			if _, err = rr.Next(); err == nil {
				items++
			}
		}
		if !errors.Is(err, record.ErrCut) || items == 0 {
			t.Errorf("cut at %d of %d: %d items, then %v", n, len(b), items, err)
		}
	}
}

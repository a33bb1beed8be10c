package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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
	{regexp.MustCompile(`192\.0\.2\.10:\d+`), "192.0.2.10:PORT"}, // that NAT chose by chance in lab snat
	{regexp.MustCompile(`\d+ answered by app on one, \d+ answered by app on three, \d+ answered by app on two`), "each answered"},
	{regexp.MustCompile(` {3,}`), "  "}, // columns are as wide as what is in them
	{regexp.MustCompile(`#\d+`), "#N"},
	{regexp.MustCompile(`flow \d+`), "flow ID"},
	{regexp.MustCompile(`policy (ACCEPT|DROP)( +)\d+ packets \d+ bytes`), "policy $1 N packets"},
	{regexp.MustCompile(`(\d+) +\d+ \d+ +(-m comment --comment "kubernetes service portals")`), "$1 N N $2"},
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
	text := firstBackend(t, out.String())
	for _, p := range passing {
		text = p.re.ReplaceAllString(text, p.to)
	}
	return text
}

// firstBackend puts the backend that the packet of lab load-balance came to by chance in the
// place of the first one, and that in its place: its rule of the service, its chain, its address
// and its name, which must all be of one.
func firstBackend(t *testing.T, text string) string {
	t.Helper()
	met := regexp.MustCompile(`answered: app on (\w+):`).FindStringSubmatch(text)
	rules, steps, _ := strings.Cut(text, "\n== 1. ")
	if met == nil || !strings.Contains(rules, "KUBE-SVC-APP") {
		return text
	}
	names := []string{"one", "two", "three"}
	n := slices.Index(names, met[1])
	served := regexp.MustCompile(`(?m)^ +\d +0 0 +(.* -j KUBE-SEP-(?:ONE|TWO|THREE))$`).FindAllStringSubmatch(rules, -1)
	if n < 0 || len(served) != len(names) {
		t.Fatalf("app on %s answered; the service has the rules %q", met[1], served)
	}
	said := func(i int) []string {
		return []string{fmt.Sprintf("%d  %s", i+1, served[i][1]), "KUBE-SEP-" + strings.ToUpper(names[i]) + " ", fmt.Sprintf("10.244.1.%d:", i+1), "app on " + names[i]}
	}
	var swap []string
	for i, old := range said(n) {
		swap = append(swap, old, said(0)[i], said(0)[i], old)
	}
	steps = strings.NewReplacer(swap...).Replace(steps)
	// How many came to each is told in the order of their number.
	steps = regexp.MustCompile(`\d+ answered by app on \w+(?:, \d+ answered by app on \w+){2}`).ReplaceAllStringFunc(steps, func(s string) string {
		list := strings.Split(s, ", ")
		slices.SortFunc(list, func(a, b string) int { return strings.Compare(a[strings.Index(a, " "):], b[strings.Index(b, " "):]) })
		return strings.Join(list, ", ")
	})
	return rules + "\n== 1. " + steps
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

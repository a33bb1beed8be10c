package why

import (
	"flag"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
)

var update = flag.Bool("update", false, "write testdata/answers.txt anew")

// answersFile has what the answers of the tests say, a sentence a line. Package speech holds its
// Chinese against it.
const answersFile = "testdata/answers.txt"

// saidSo are the sentences so far.
var saidSo struct {
	sync.Mutex
	lines map[string]bool
}

func TestMain(m *testing.M) {
	flag.Parse()
	status := m.Run()
	if *update && status == 0 {
		if err := os.WriteFile(answersFile, []byte(strings.Join(slices.Sorted(maps.Keys(saidSo.lines)), "\n")+"\n"), 0o644); err != nil {
			panic(err)
		}
	}
	os.Exit(status)
}

// known reads the sentences that are held against their Chinese.
var known = sync.OnceValues(func() (map[string]bool, error) {
	b, err := os.ReadFile(answersFile)
	lines := map[string]bool{"": true}
	for l := range strings.Lines(string(b)) {
		lines[strings.TrimSuffix(l, "\n")] = true
	}
	return lines, err
})

// said asks for each sentence to be among those that are held against their Chinese.
func said(t *testing.T, sentences ...string) {
	t.Helper()
	lines, err := known()
	if err != nil && !*update {
		t.Fatal(err)
	}
	saidSo.Lock()
	defer saidSo.Unlock()
	if saidSo.lines == nil {
		saidSo.lines = map[string]bool{}
	}
	for _, s := range sentences {
		if s == "" {
			continue
		}
		saidSo.lines[s] = true
		if !*update && !lines[s] {
			t.Errorf("not in %s (go test -update writes it anew; ui/speech must know it): %s", answersFile, s)
		}
	}
}

// judged is Judge, of which all that it says is held against its Chinese.
func judged(t *testing.T, s *Seen) *Answer {
	t.Helper()
	a := Judge(s)
	said(t, a.Sentence, string(a.Confidence)+": "+a.Because, a.Do)
	said(t, a.Evidence...)
	return a
}

// TestSaidOfAll: what is said of each ICMP error, of each kind of other flows, of a packet by the
// filter's mark, of a probe that was refused and where conntrack is not at work has its Chinese too.
func TestSaidOfAll(t *testing.T) {
	t.Parallel()
	f, err := filter.Parse("udp and dst host 10.2.0.2 and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	for _, proto := range []model.Proto{model.ProtoICMP, model.ProtoICMPv6} {
		for kind := range uint8(12) {
			for code := range uint8(14) {
				p := with(udp(2), func(p *model.Packet) {
					p.Proto, p.ICMPType, p.ICMPCode = proto, kind, code
					p.Src, p.Dst = netip.MustParseAddr("10.1.0.1"), p.Src
				})
				if w := errorWords(&p); w == p.Detail() || !p.ICMPError() {
					continue
				}
				came := traced(11, p, journey.Accepted, journey.Culprit{})
				came.Direction = journey.Reply
				judged(t, &Seen{Filter: f, Began: begin, Over: true, Watch: drop.Watch{Step: drop.StepBPF}, Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, journey.Culprit{}), came}})
			}
		}
	}
	var all []*verdict
	for _, k := range []Kind{Rule, Rule, Policy, Queue, Conntrack, Kernel, Netfilter, Backlog, NoReply, Refused, Works, Unknown} {
		all = append(all, &verdict{kind: k})
	}
	all = append(all, &verdict{kind: Rule, borne: true})
	a := &Answer{}
	for _, v := range all {
		a.others([]*verdict{all[0], v})
	}
	a.others(all)
	said(t, a.Evidence...)
	if want := "12 other flows match the filter: 1 dropped by a rule, 1 dropped by a policy, 1 dropped for want of a program on their queue, 1 dropped by conntrack, 2 dropped by the kernel, 1 dropped by netfilter, 1 without a reply, 1 refused, 1 answered, with packets lost, 1 answered, 1 not known"; a.Evidence[len(all)] != want {
		t.Errorf("%s, want %s", a.Evidence[len(all)], want)
	}
	marked, err := filter.Parse("tcp and dst host 10.2.0.2 and dst port 80 and mark 7")
	if err != nil {
		t.Fatal(err)
	}
	reckonedSo(t, Simulate(marked, Host{Index: ruleset.NewIndex(&model.Ruleset{}), Local: []netip.Prefix{netip.MustParsePrefix("10.2.0.1/24")}}))
	passed := traced(10, udp(1), journey.Accepted, journey.Culprit{})
	judged(t, &Seen{Filter: f, Began: begin, Over: true, Watch: drop.Watch{Step: drop.StepBPF}, Journeys: []*journey.Journey{passed}, Probe: &Probe{What: "UDP datagram to 10.2.0.2:9", Result: "connection refused", Refused: true}})
	judged(t, &Seen{Filter: f, Began: begin, Over: true, Watch: drop.Watch{Step: drop.StepBPF}, Journeys: []*journey.Journey{passed}, Probe: &Probe{What: "UDP datagram to 10.2.0.2:9", Result: "nothing came back before the looking ended"}})
	passed.Flow = 0
	judged(t, &Seen{Filter: f, Began: begin, Over: true, Watch: drop.Watch{Step: drop.StepBPF}, Journeys: []*journey.Journey{passed}})
}

// reckonedSo is the same of a packet that was only reckoned.
func reckonedSo(t *testing.T, j *journey.Journey) {
	t.Helper()
	said(t, "ladder: "+j.Outcome.Sentence)
	for _, a := range j.Assumptions {
		said(t, "ladder: assumed: "+a)
	}
}

package nftrace

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// monitor runs `nft monitor trace` in a namespace and gives its lines.
func monitor(t testing.TB, ns *netns.Handle) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "stdbuf", "-oL", "nft", "monitor", "trace")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := ns.Start(cmd); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1<<10)
	done := make(chan bool)
	go func() {
		defer close(done)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			lines <- counters.ReplaceAllString(strings.TrimSpace(sc.Text()), "counter")
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		_ = cmd.Wait()
	})
	return lines
}

// asNFT prints an event as nft monitor trace does, without the packet line. nft
// prints nothing of a chain's end.
func asNFT(e journey.Event, texts map[string]string) string {
	s := fmt.Sprintf("trace id %08x %s %s %s", e.ID, e.Family, e.Table, e.Chain)
	switch {
	case e.Kind == journey.EventPolicy:
		s += " policy " + e.Verdict.String()
		if e.Mark != 0 {
			s += fmt.Sprintf(" meta mark %#08x", e.Mark)
		}
	case e.Handle == 0:
		return ""
	default:
		s += fmt.Sprintf(" rule %s (verdict %s", texts[fmt.Sprintf("%s %s %d", e.Family, e.Table, e.Handle)], e.Verdict)
		if e.To != "" {
			s += " " + e.To
		}
		s += ")"
	}
	return s
}

// samePacket holds an event's packet against the packet line of nft.
func samePacket(t testing.TB, e journey.Event, line string) {
	t.Helper()
	field := func(name string) string {
		m := regexp.MustCompile(`(?:^| )` + name + ` "?([^ "]+)`).FindStringSubmatch(line)
		if m == nil {
			return ""
		}
		return m[1]
	}
	num := func(name string) int {
		n, err := strconv.Atoi(field(name))
		if err != nil {
			t.Errorf("%s of nft's line %q: %v", name, line, err)
		}
		return n
	}
	p := e.Packet
	if p == nil {
		t.Errorf("an event without packet for %q", line)
		return
	}
	want := model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Transport: true,
		Src: netip.MustParseAddr(field("ip saddr")), Dst: netip.MustParseAddr(field("ip daddr")),
		SPort: uint16(num("udp sport")), DPort: uint16(num("udp dport")), Length: num("ip length"),
		TTL: uint8(num("ip ttl")), IPID: uint16(num("ip id")), Mark: e.Mark,
		Content: p.Content} // of which nft tells nothing
	if *p != want {
		t.Errorf("packet %+v, nft has %+v", *p, want)
	}
	if e.In != field("iif") || e.Out != field("oif") {
		t.Errorf("in %q out %q, nft has %q", e.In, e.Out, line)
	}
}

// nft monitor trace sees what we see.
func TestAgainstNFT(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "stdbuf")
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, armed+`table ip t {
		chain u { meta mark set 7
			return
		}
		chain v { udp dport 1 drop
		}
		chain pre { type filter hook prerouting priority -150
			counter jump u
			udp dport 2 accept
			goto v
		}
		chain fw { type filter hook forward priority 0; policy drop
			ip daddr 10.2.0.2 accept
		}
		chain post { type filter hook postrouting priority 0
		}
	}
`, "nft", "-f", "-")
	texts := rules(t, n.Router)
	lines := monitor(t, n.Router)
	l := listen(t, n.Router, Options{})
	// nft says nothing when it begins to listen: sentinels, until it prints one.
	deadline := time.After(nettest.InVain)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for listening := false; !listening; {
		select {
		case <-lines:
			listening = true
		case <-tick.C:
			nettest.SendUDP(t, n.Client, 0, "10.1.0.1:4999")
		case <-deadline:
			t.Fatal("nft monitor trace prints nothing")
		}
	}
	nettest.SendUDP(t, n.Client, 5000, "10.2.0.2:4000")
	nettest.SendUDP(t, n.Client, 4998, "10.1.0.1:4999") // the last sentinel
	var events []journey.Event
	for done := false; !done; {
		select {
		case e := <-l.C:
			done = e.Packet != nil && e.Packet.SPort == 4998
			if !done && !(e.Table == "arm" && e.Verdict == model.VerdictDrop) {
				events = append(events, e)
			}
		case <-deadline:
			t.Fatal("no last sentinel from the kernel")
		}
	}
	var nft []string
	for done := false; !done; {
		select {
		case line := <-lines:
			done = strings.Contains(line, "udp sport 4998")
			if !done && !strings.Contains(line, "udp dport 4999") && !strings.Contains(line, "(verdict drop)") {
				nft = append(nft, line)
			}
		case <-deadline:
			t.Fatalf("no last sentinel from nft: %q", nft)
		}
	}
	seen := 0
	for _, e := range events {
		if e.Packet != nil && len(nft) > 0 {
			samePacket(t, e, nft[0])
			nft = nft[1:]
		}
		want := asNFT(e, texts)
		if want == "" {
			continue
		}
		if len(nft) == 0 || nft[0] != want {
			t.Fatalf("we have %q, nft has %q", want, nft)
		}
		nft, seen = nft[1:], seen+1
	}
	if len(nft) > 0 || seen < 8 {
		t.Errorf("%d events alike, nft has besides %q", seen, nft)
	}
}

// CT_ID is the id that conntrack prints: packet and flow are joined exactly.
func TestConntrackID(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "conntrack")
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, armed+`table ip t {
		chain pre { type filter hook prerouting priority 0
			ct state new accept
		}
	}
`, "nft", "-f", "-")
	l := listen(t, n.Router, Options{})
	nettest.SendUDP(t, n.Client, 5000, "10.2.0.2:4000")
	nettest.SendUDP(t, n.Client, 0, "10.1.0.1:4999")
	var ct journey.CT
	for _, e := range l.untilSentinel(t) {
		if e.CT != nil {
			ct = *e.CT
		}
	}
	if ct.ID == 0 {
		nettest.Skip(t, "the kernel's trace says nothing of conntrack; Linux 6.16 does")
	}
	out := nettest.Run(t, n.Router, "conntrack", "-L", "-o", "id", "-p", "udp", "--orig-port-dst", "4000")
	if want := fmt.Sprintf(" id=%d", ct.ID); !strings.Contains(out, want) {
		t.Errorf("conntrack has no%s: %s", want, out)
	}
	if ct.Direction != 0 || ct.State != 8 {
		t.Errorf("a new flow's packet: %+v", ct)
	}
}

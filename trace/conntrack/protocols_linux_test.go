package conntrack

import (
	"testing"

	"nfscope/trace/nettest"
)

// TestProtocols holds entries of every protocol that conntrack(8) can make against what it
// prints of them, as text and as XML. Verification tags it sends in the host's order and
// prints nowhere.
func TestProtocols(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "conntrack")
	ns := nettest.New(t, "protocols")
	for _, args := range []string{
		"-p sctp --sport 1 --dport 2 --state ESTABLISHED --orig-vtag 11 --reply-vtag 12 --mark 3",
		"-p sctp --sport 3 --dport 4 --state COOKIE_ECHOED --orig-vtag 0 --reply-vtag 5",
		"-p gre --srckey 7 --dstkey 8",
		"-p udplite --sport 5 --dport 6 --zone 9",
		"-p tcp --sport 5 --dport 6 --state TIME_WAIT -u ASSURED --src-nat 203.0.113.1:99",
		"-p udp --sport 5 --dport 6 --dst-nat 203.0.113.2:98",
		"-p icmp --icmp-type 8 --icmp-code 5 --icmp-id 77",
		"-p 253",
	} {
		nettest.Run(t, ns, "sh", "-c", "conntrack -I -s 10.0.0.1 -d 10.0.0.2 -t 300 "+args)
	}
	nettest.Run(t, ns, "sh", "-c", "conntrack -I -p sctp -s fd00::1 -d fd00::2 -t 300 --sport 1 --dport 2 --state SHUTDOWN_SENT --orig-vtag 1 --reply-vtag 2")
	flows, _ := list(t, open(t, ns))
	lines := conntrackL(t, ns)
	if len(flows) != 9 || len(lines) != 9 {
		t.Fatalf("%d flows, conntrack prints %d, want 9", len(flows), len(lines))
	}
	asxml := conntrackXML(t, ns)
	for _, f := range flows {
		l := lines[f.ID]
		if l.proto == "unknown" { // conntrack(8) has no name for 253
			l.proto = "253"
		}
		same(t, f, l)
		sameXML(t, f, asxml[f.ID])
		if f.State == "ESTABLISHED" && f.Orig.Tuple.Proto == 132 && (f.Orig.VTag == 0 || f.Reply.VTag == 0) {
			t.Errorf("verification tags %d, %d", f.Orig.VTag, f.Reply.VTag)
		}
		if len(f.Unknown) != 0 {
			t.Errorf("%s: unknown %+v", f.Line(), f.Unknown)
		}
	}
}

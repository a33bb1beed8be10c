package live

import (
	"strings"
	"testing"

	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/trace/nettest"
)

// TestCopies: a packet that a rule sends elsewhere too is two packets, and the copy says
// of which one.
func TestCopies(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore")
	t.Parallel()
	for _, program := range []string{"iptables-legacy-restore", "iptables-nft-restore"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			load(t, n.Router, program, mangle4+"-A PREROUTING -p udp -m udp --dport 9 -j TEE --gateway 10.2.0.2\n-A POSTROUTING -p udp\nCOMMIT\n")
			s := open(t, n.Router, Trace{Filter: parse(t, "udp and dst portrange 9-10")})
			udp(t, n.Client, "10.1.0.1:9")
			udp(t, n.Router, "10.2.0.2:10") // made here, and no copy
			var list []*journey.Journey
			s.wait("three packets", func(snap *snapshot.Snapshot) bool {
				list = snap.Journeys
				return len(list) == 3 && list[0].Closed && list[1].Closed && list[2].Closed
			})
			was, own := 0, 0
			for _, j := range list {
				switch {
				case j.In == "r0":
					was = j.Number
				case j.Packet.DPort == 10:
					own = j.CopyOf
				}
			}
			for _, j := range list {
				if j.In == "" && j.Packet.DPort == 9 && (j.CopyOf != was || !j.Complete || !strings.Contains(j.Outcome.Sentence, "sent out of r1") || !strings.HasSuffix(j.Outcome.Sentence, "; it is a copy of #1")) || own != 0 {
					t.Errorf("want a copy of #%d:\n%s", was, describe(j))
				}
			}
		})
	}
}

// TestCopiesOfSent: of what is sent from here a copy meets the rule that made it too, and nothing
// copies it again: the next packet, be it the same in all, is none, and has a copy of its own.
func TestCopiesOfSent(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	t.Parallel()
	for program, text := range map[string]string{
		"nft":                     "table ip fw {\n chain o { type filter hook output priority 0; udp dport 9 dup to 10.2.0.2 device \"r1\"; }\n}\n",
		"iptables-legacy-restore": mangle4 + "-A OUTPUT -p udp -m udp --dport 9 -j TEE --gateway 10.2.0.2\nCOMMIT\n",
	} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			load(t, n.Router, program, text)
			s := open(t, n.Router, Trace{Filter: parse(t, "udp and dst port 9")})
			b := nettest.Frame{Src: "10.2.0.1", Dst: "10.2.0.2"}.Bytes()
			b[4], b[5] = 0, 7 // both have this ID
			nettest.SendIP(t, n.Router, b, 0)
			nettest.SendIP(t, n.Router, b, 0)
			list := s.settled("four packets", func(list []*journey.Journey) bool { return len(list) == 4 })
			for i, of := range []int{0, 1, 0, 3} {
				if list[i].CopyOf != of {
					t.Errorf("a copy of #%d, want #%d:\n%s", list[i].CopyOf, of, describe(list[i]))
				}
			}
		})
	}
}

package live

import (
	"fmt"
	"strings"
	"testing"

	"nfscope/model/journey"
	"nfscope/trace/nettest"
)

// TestWrote: each change of mark and headers stands at the rule that made it, also where
// another rule changed the field again before an event showed it, where the packet was
// dropped before one did, and where the rule did not match in the end. What the kernel had
// in between is proven by rules that ask for it, and are hit.
func TestWrote(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	t.Parallel()
	const save = "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n" +
		"-A PREROUTING -p udp -j TTL --ttl-set 40\n-A PREROUTING -p udp -m ttl --ttl-eq 40 -j TTL --ttl-inc 10\n-A PREROUTING -m ttl --ttl-eq 50 -j TOS --set-tos 0x20/0xff\n" +
		"-A PREROUTING -m tos --tos 0x20/0xff -j DSCP --set-dscp 0x0a\n-A PREROUTING -m dscp --dscp 0x0a -j MARK --set-xmark 0x7/0xffffffff\n-A PREROUTING -m mark --mark 0x7 -j MARK --set-xmark 0x10/0x0\n" +
		"-A FORWARD -m mark --mark 0x17 -m ttl --ttl-eq 49 -j TTL --ttl-dec 9\n-A FORWARD -m ttl --ttl-eq 40 -j MARK --set-xmark 0x9/0xffffffff\n-A FORWARD -m mark --mark 0x9 -j DROP\nCOMMIT\n"
	saved := "PREROUTING 1: ttl 40; PREROUTING 2: ttl 50; PREROUTING 3: tos 0x20; PREROUTING 4: tos 0x28; PREROUTING 5: mark 0x7; PREROUTING 6: mark 0x17; " +
		"FORWARD 1: ttl 40; FORWARD 2: mark 0x9"
	for _, c := range []struct{ name, program, rules, want, by string }{
		{"legacy", "iptables-legacy-restore", save, saved, "FORWARD 1: ttl by forwarding"},
		{"iptables-nft", "iptables-nft-restore", save, saved, "FORWARD 1: ttl by forwarding"},
		{"native", "nft", `table ip fw {
	chain pre {
		type filter hook prerouting priority -10; policy accept;
		ip ttl set 40
		ip ttl 40 ip ttl set 50
		ip ttl 50 ip dscp set cs1
		ip dscp cs1 ip ecn set ect1
		ip ecn ect1 meta mark set 0x7
		meta mark set 0x8 udp dport 7 accept
		meta mark 0x8 counter
		meta mark 0x8 meta mark set meta mark | 0x10
		meta mark 0x18 jump u
	}
	chain u {
		meta mark set 0x19 udp dport 8 accept
	}
	chain forw {
		type filter hook forward priority 0; policy accept;
		ip ttl 49 meta mark 0x19 ip ttl set 9
		ip ttl 9 meta mark set 0x5
		meta mark 0x5 ip dscp set cs2
		ip dscp cs2 drop
	}
}
`, "pre 1: ttl 40; pre 2: ttl 50; pre 3: tos 0x20; pre 4: tos 0x21; pre 5: mark 0x7; pre 8: mark 0x18; forw 1: ttl 9; forw 2: mark 0x5; forw 3: tos 0x41",
			"pre 7: mark by rule 6 of fw/pre, which did not match after that; u 0: mark by rule 1 of fw/u, which did not match after that"},
		{"native: one of several", "nft", `table ip fw {
	chain forw {
		type filter hook forward priority 0; policy accept;
		udp dport 9 counter
		meta mark set meta cpu meta hour "00:00"-"00:01" udp dport 9 meta cpu 99 accept
		meta mark set 0x8 meta cpu 99 accept
		meta mark 0x8 drop
	}
}
`, "", "forw 1: ttl by forwarding; forw 4: mark by rule 3 of fw/forw, which did not match after that"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			var args []string
			if c.program == "nft" {
				args = []string{"-f", "-"}
			}
			nettest.Feed(t, n.Router, c.rules, c.program, args...)
			s := open(t, n.Router, Trace{Filter: parse(t, "udp")})
			udp(t, n.Client, "10.2.0.2:9")
			j := s.journey("the packet", func(*journey.Journey) bool { return true })
			var did, by []string
			for i := range j.Steps {
				st := &j.Steps[i]
				at := fmt.Sprintf("%s %d: ", st.Chain, st.Rule)
				var made []string
				for _, d := range st.Did {
					made = append(made, d.Field+" "+d.Value)
				}
				if made != nil {
					did = append(did, at+strings.Join(made, ", "))
				}
				for _, a := range st.By {
					by = append(by, at+a.Field+" by "+a.By)
				}
			}
			if got := strings.Join(did, "; "); got != c.want || j.Outcome.Verdict != journey.Dropped || !j.Complete {
				t.Errorf("the rules did\n  %s\nexpected\n  %s\n%s", got, c.want, describe(j))
			}
			if got := strings.Join(by, "; "); got != c.by {
				t.Errorf("without a rule of the ladder\n  %s\nexpected\n  %s\n%s", got, c.by, describe(j))
			}
		})
	}
}

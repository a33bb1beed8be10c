package live

import (
	"slices"
	"strings"
	"testing"

	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/trace/nettest"
)

// TestMissTracers: rules of the user's that trace hide no misses where nfscope traced the
// packet before. Where one of them began the trace it is said of which rules before it nobody
// knows whether they matched; the others are told.
func TestMissTracers(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	t.Parallel()
	const raw = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:T - [0:0]\n"
	const mangle = "*mangle\n:PREROUTING ACCEPT [0:0]\n"
	const since = "its packet may have been rewritten since, before the trace began, so what failed is not known"
	const port7 = "-p udp -m udp --dport 7 "
	const marks = "-A PREROUTING -s 10.8.0.0/16 -j DROP\n-A PREROUTING -m limit --limit 1/hour --limit-burst 1\n-A PREROUTING " + port7 + "-j TRACE\n"
	for _, c := range []struct {
		name, legacy, nft, native string
		want                      []string // the misses
		open                      string   // what is not known of the packet that a rule began to trace
		later                     []string // the misses of that one, where they are others
	}{
		{name: "legacy", legacy: raw + marks + "-A PREROUTING -p udp -j TRACE\n-A PREROUTING " + port7 + "-j TRACE\n-A PREROUTING -s 10.9.0.0/16 -j DROP\nCOMMIT\n",
			want: []string{"raw/PREROUTING 1: source 10.1.0.2, want 10.8.0.0/16", "raw/PREROUTING 3: udp dport 9, want 7", "raw/PREROUTING 5: udp dport 9, want 7", "raw/PREROUTING 6: source 10.1.0.2, want 10.9.0.0/16"}, open: "rule 2 of raw/PREROUTING (iptables-legacy)"},
		{name: "legacy, called", legacy: raw + marks + "-A PREROUTING -p udp -j T\n-A PREROUTING -s 10.9.0.0/16 -j DROP\n-A T -s 10.7.0.0/16 -j DROP\n-A T -j TRACE\n-A T -s 10.6.0.0/16 -j DROP\nCOMMIT\n",
			want: []string{"raw/PREROUTING 1: source 10.1.0.2, want 10.8.0.0/16", "raw/PREROUTING 3: udp dport 9, want 7", "raw/T 1: source 10.1.0.2, want 10.7.0.0/16", "raw/T 3: source 10.1.0.2, want 10.6.0.0/16", "raw/PREROUTING 5: source 10.1.0.2, want 10.9.0.0/16"}, open: "rule 2 of raw/PREROUTING (iptables-legacy)"},
		{name: "iptables-nft", nft: raw + marks + "-A PREROUTING -p udp -j TRACE\n-A PREROUTING " + port7 + "-j TRACE\n-A PREROUTING -s 10.9.0.0/16 -j DROP\nCOMMIT\n",
			want: []string{"raw/PREROUTING 1: source 10.1.0.2, want 10.8.0.0/16", "raw/PREROUTING 3: udp dport 9, want 7", "raw/PREROUTING 5: udp dport 9, want 7", "raw/PREROUTING 6: source 10.1.0.2, want 10.9.0.0/16"}, open: "rule 2 of raw/PREROUTING (iptables-nft)"},
		{name: "native, called", native: "table ip fw {\nchain t {\nip saddr 10.7.0.0/16 drop\nmeta nftrace set 1\nip saddr 10.6.0.0/16 drop\n}\nchain pre {\ntype filter hook prerouting priority -300;\nip saddr 10.8.0.0/16 drop\nmeta cpu 99\nudp dport 7 meta nftrace set 1\nudp dport 9 jump t\nip saddr 10.9.0.0/16 drop\n}\n}\n",
			want: []string{"fw/pre 1: ip saddr 10.1.0.2, want 10.8.0.0/16", "fw/pre 2: cpu does not hold: nothing else of the rule failed, want 99", "fw/pre 3: udp dport 9, want 7", "fw/t 1: ip saddr 10.1.0.2, want 10.7.0.0/16", "fw/t 3: ip saddr 10.1.0.2, want 10.6.0.0/16", "fw/pre 5: ip saddr 10.1.0.2, want 10.9.0.0/16"}, open: "rule 2 of ip fw/pre (nftables)"},
		{name: "iptables-nft, with another hop limit since", nft: mangle + "-A PREROUTING -m ttl --ttl-gt 60\n-A PREROUTING -m ttl --ttl-lt 60 -j DROP\n-A PREROUTING -s 10.8.0.0/16 -m ttl --ttl-eq 99 -j DROP\n-A PREROUTING -p udp -j TTL --ttl-set 40\n-A PREROUTING -p udp -j TRACE\n-A PREROUTING -m ttl --ttl-eq 99 -j DROP\nCOMMIT\n",
			want:  []string{"mangle/PREROUTING 2: ttl ttl-lt 64, want 60", "mangle/PREROUTING 3: source 10.1.0.2, want 10.8.0.0/16; ttl ttl-eq 64, want 99", "mangle/PREROUTING 6: ttl ttl-eq 40, want 99"},
			later: []string{"mangle/PREROUTING 2: (" + since + ")", "mangle/PREROUTING 3: source 10.1.0.2, want 10.8.0.0/16", "mangle/PREROUTING 6: ttl ttl-eq 40, want 99"}, open: "rule 1, 4 of mangle/PREROUTING (iptables-nft)"},
		{name: "iptables-nft, with another service since", nft: mangle + "-A PREROUTING -m dscp --dscp 0x00\n-A PREROUTING -m dscp --dscp 0x0a -j DROP\n-A PREROUTING -m ttl --ttl-eq 99 -j DROP\n-A PREROUTING -p udp -j DSCP --set-dscp 0x0a\n-A PREROUTING -p udp -j TRACE\nCOMMIT\n",
			want:  []string{"mangle/PREROUTING 2: dscp dscp 0x00, want 0x0a", "mangle/PREROUTING 3: ttl ttl-eq 64, want 99"},
			later: []string{"mangle/PREROUTING 2: (" + since + ")", "mangle/PREROUTING 3: ttl ttl-eq 64, want 99"}, open: "rule 1, 4 of mangle/PREROUTING (iptables-nft)"},
		{name: "iptables-nft, with another mark since", nft: mangle + "-A PREROUTING -m mark --mark 0x0\n-A PREROUTING -m mark --mark 0x7 -j DROP\n-A PREROUTING -p udp -j MARK --set-xmark 0x7\n-A PREROUTING -p udp -j TRACE\nCOMMIT\n",
			want:  []string{"mangle/PREROUTING 2: mark mark 0x0, want 0x7"},
			later: []string{"mangle/PREROUTING 2: mark mark does not hold: nothing else of the rule failed, want 0x7"}, open: "rule 1, 3 of mangle/PREROUTING (iptables-nft)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			for program, rules := range map[string]string{"iptables-legacy-restore": c.legacy, "iptables-nft-restore": c.nft, "nft": c.native} {
				switch {
				case rules == "":
				case program == "nft":
					nettest.Feed(t, n.Router, rules, program, "-f", "-")
				default:
					nettest.Feed(t, n.Router, rules, program)
				}
			}
			silent(t, n)
			s := open(t, n.Router, Trace{Filter: parse(t, "udp and dst port 9"), Most: 1})
			udp(t, n.Client, "10.2.0.2:9")
			udp(t, n.Client, "10.2.0.2:9")
			var got []*journey.Journey
			snap := s.wait("two packets", func(snap *snapshot.Snapshot) bool {
				got = slices.DeleteFunc(slices.Clone(snap.Journeys), func(j *journey.Journey) bool { return !j.Closed })
				return len(got) == 2
			})
			for i, j := range got {
				full, want, not := looked(snap, j), c.want, "whether it matched "
				if i > 0 && c.later != nil {
					want = c.later
				} else if i > 0 { // it met the rule that nobody knows of before a rule traced it
					want = slices.DeleteFunc(slices.Clone(want), func(m string) bool { return strings.Contains(m, "cpu") })
				}
				if l := missed(full); !slices.Equal(l, want) {
					t.Errorf("packet %d: the misses are\n  %s\nexpected\n  %s\n%s", i+1, strings.Join(l, "\n  "), strings.Join(want, "\n  "), describe(full))
				}
				if l := strings.Join(full.Assumptions, "\n"); j.Traced != (i == 0) || strings.Contains(l, not) != (i > 0) || i > 0 && !strings.Contains(l, not+c.open+" is not known: ") {
					t.Errorf("packet %d: traced before %v, assumed %q", i+1, j.Traced, full.Assumptions)
				}
			}
		})
	}
}

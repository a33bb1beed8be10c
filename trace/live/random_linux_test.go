package live

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/trace/nettest"
	"nfscope/trace/rules"
)

// TestRandomRules sends single packets through random rulesets of every backend, and
// holds the ladder against the counters that the kernel kept: a rule is in the ladder
// exactly as often as its counter says.
func TestRandomRules(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	t.Parallel()
	for _, backend := range []string{"legacy", "nft", "native", "all"} {
		for seed := range uint64(6) {
			t.Run(fmt.Sprintf("%s %d", backend, seed), func(t *testing.T) {
				t.Parallel()
				randomRules(t, backend, seed)
			})
		}
	}
	// One that is new in every run.
	t.Run("any", func(t *testing.T) { t.Parallel(); randomRules(t, "all", rand.Uint64()) })
}

func randomRules(t *testing.T, backend string, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 7))
	n := nettest.NewRouted(t)
	load := func(what string) bool { return backend == what || backend == "all" }
	var text strings.Builder
	feed := func(program, rules string, args ...string) {
		fmt.Fprintf(&text, "%s:\n%s\n", program, rules)
		nettest.Feed(t, n.Router, rules, program, args...)
	}
	if load("legacy") {
		feed("iptables-legacy-restore", randomSave(r, "filter")+randomSave(r, "mangle"))
	}
	if load("nft") {
		feed("iptables-nft-restore", randomSave(r, "filter"))
	}
	if load("native") {
		feed("nft", randomNative(r), "-f", "-")
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d\n%s", seed, text.String())
		}
	})
	// Somebody listens and says nothing, so that no answer counts anywhere.
	to, at := "10.2.0.2:9", n.Server
	if r.IntN(3) == 0 {
		to, at = "10.1.0.1:9", n.Router
	}
	nettest.Do(t, at, func() error {
		c, err := net.ListenPacket("udp4", to)
		if err == nil {
			t.Cleanup(func() { _ = c.Close() })
		}
		return err
	})
	s := open(t, n.Router, Trace{Filter: parse(t, "udp and dst port 9")})
	reader, err := rules.Open(n.Router)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	before := hits(t, reader)
	udp(t, n.Client, to)
	j := s.journey("the packet", func(*journey.Journey) bool { return true })
	want := hits(t, reader)
	for k, n := range before {
		want[k] -= n
	}
	got := map[string]int{}
	for i := range j.Steps {
		st := &j.Steps[i]
		switch {
		case st.Kind == journey.KindRule:
			got[fmt.Sprintf("%s %s/%s %d", st.Backend, st.Table, st.Chain, st.Rule)]++
		case st.Kind == journey.KindPolicy && st.Backend == model.BackendLegacy:
			got[fmt.Sprintf("%s %s/%s policy", st.Backend, st.Table, st.Chain)]++
		}
	}
	var wrong []string
	for k := range want {
		if want[k] != got[k] {
			wrong = append(wrong, fmt.Sprintf("%s: the kernel counted %d, the ladder has %d", k, want[k], got[k]))
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			wrong = append(wrong, k+" is in the ladder, and not in the kernel")
		}
	}
	if slices.Sort(wrong); len(wrong) > 0 || !j.Complete {
		t.Errorf("%s\n%s", strings.Join(wrong, "\n"), describe(j))
	}
}

// hits counts the packets of every rule, and of every legacy policy.
func hits(t *testing.T, r *rules.Reader) map[string]int {
	t.Helper()
	rs, err := r.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	h := map[string]int{}
	for _, tb := range rs.Tables {
		for _, c := range tb.Chains {
			at := fmt.Sprintf("%s %s/%s", tb.Backend, tb.Name, c.Name)
			if tb.Backend == model.BackendLegacy && c.Base() {
				h[at+" policy"] = int(c.Counters.Packets)
			}
			for i := range c.Rules {
				h[fmt.Sprintf("%s %d", at, i+1)] = int(c.Rules[i].Counters.Packets)
			}
		}
	}
	return h
}

// users is how many user chains there are; a chain calls only later ones.
const users = 4

// randomSave makes one iptables table in save form.
func randomSave(r *rand.Rand, table string, more ...string) string {
	var b strings.Builder
	hooks := []string{"INPUT", "FORWARD", "OUTPUT"}
	if table == "mangle" {
		hooks = []string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}
	}
	fmt.Fprintf(&b, "*%s\n", table)
	for _, h := range hooks {
		policy := "ACCEPT"
		if r.IntN(4) == 0 && table == "filter" {
			policy = "DROP"
		}
		fmt.Fprintf(&b, ":%s %s [0:0]\n", h, policy)
	}
	for i := range users {
		fmt.Fprintf(&b, ":U%d - [0:0]\n", i)
	}
	matches := []string{"", "", "-p udp", "-p tcp", "-p udp -m udp --dport 9", "-p udp -m udp --dport 10", "-s 10.1.0.0/24", "! -s 10.1.0.2", "-i r0", "-m ttl --ttl-gt 3"}
	matches = append(matches, more...)
	rule := func(chain string, first int) {
		target := []string{"", "-j ACCEPT", "-j RETURN", "-j MARK --set-xmark 0x7/0xffffffff", "-j DROP", "-j NFLOG --nflog-group 9"}[r.IntN(6)]
		if first < users && r.IntN(2) == 0 {
			target = fmt.Sprintf("-%s U%d", []string{"j", "j", "g"}[r.IntN(3)], first+r.IntN(users-first))
		}
		if strings.Contains(target, "MARK") && table != "mangle" || target == "-j DROP" && r.IntN(2) == 0 {
			target = ""
		}
		match := matches[r.IntN(len(matches))]
		if match == "-i r0" && (chain == "OUTPUT" || chain == "POSTROUTING") {
			match = "-o r1"
		}
		fmt.Fprintf(&b, "-A %s %s %s\n", chain, match, target)
	}
	for _, h := range hooks {
		for range r.IntN(4) {
			rule(h, 0)
		}
	}
	for i := range users {
		for range r.IntN(4) {
			rule(fmt.Sprintf("U%d", i), i+1)
		}
	}
	b.WriteString("COMMIT\n")
	return b.String()
}

// randomNative makes a native table; every rule counts.
func randomNative(r *rand.Rand, more ...string) string {
	var b strings.Builder
	b.WriteString("table ip fw {\n")
	for i := range users {
		fmt.Fprintf(&b, " chain u%d {\n }\n", i)
	}
	matches := []string{"", "meta l4proto udp", "meta l4proto tcp", "udp dport 9", "udp dport { 9, 10 }", "udp dport 10", "ip saddr 10.1.0.0/24", "iifname \"r0\"", "ip saddr != 10.1.0.2"}
	matches = append(matches, more...)
	rule := func(first int) string {
		verdict := []string{"", "accept", "return", "meta mark set 0x9", "drop", "continue"}[r.IntN(6)]
		if first < users && r.IntN(2) == 0 {
			verdict = fmt.Sprintf("%s u%d", []string{"jump", "jump", "goto"}[r.IntN(3)], first+r.IntN(users-first))
		}
		if verdict == "drop" && r.IntN(2) == 0 {
			verdict = ""
		}
		return fmt.Sprintf("  %s counter %s\n", matches[r.IntN(len(matches))], verdict)
	}
	for _, c := range []struct {
		hook string
		prio int
	}{{"prerouting", -160}, {"input", 5}, {"forward", -5}, {"forward", 7}, {"postrouting", 3}} {
		policy := "accept"
		if r.IntN(5) == 0 {
			policy = "drop"
		}
		fmt.Fprintf(&b, " chain %s%d {\n  type filter hook %s priority %d; policy %s;\n", c.hook, c.prio+1000, c.hook, c.prio, policy)
		for range r.IntN(4) {
			b.WriteString(rule(0))
		}
		b.WriteString(" }\n")
	}
	b.WriteString("}\n")
	// User chains get their rules last: a chain must be there before it is called.
	for i := range users {
		for range r.IntN(4) {
			fmt.Fprintf(&b, "add rule ip fw u%d %s\n", i, strings.TrimSpace(rule(i+1)))
		}
	}
	return b.String()
}

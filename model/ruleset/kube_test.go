package ruleset

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"nfscope/model"
)

// kubeSave generates what kube-proxy writes for so many services of three backends:
// 2 chains a service and one a backend, comments, statistic, DNAT.
func kubeSave(services int) string {
	var chains, rules strings.Builder
	for s := range services {
		ns, ip := fmt.Sprintf("team-%d/shop-%d:http", s%50, s), fmt.Sprintf("10.%d.%d.%d", 96+s>>16, s>>8&255, s&255)
		fmt.Fprintf(&chains, ":KUBE-SVC-%016X - [0:0]\n:KUBE-EXT-%016[1]X - [0:0]\n", s*2654435761)
		svc := fmt.Sprintf("KUBE-SVC-%016X", s*2654435761)
		fmt.Fprintf(&rules, "[%d:%d] -A KUBE-SERVICES -d %s/32 -p tcp -m comment --comment \"%s cluster IP\" -m tcp --dport 80 -j %s\n", s, s*60, ip, ns, svc)
		fmt.Fprintf(&rules, "[0:0] -A %s ! -s 10.244.0.0/16 -d %s/32 -p tcp -m comment --comment \"%s cluster IP\" -m tcp --dport 80 -j KUBE-MARK-MASQ\n", svc, ip, ns)
		for e := range 3 {
			sep := fmt.Sprintf("KUBE-SEP-%015X%d", s*40503, e)
			fmt.Fprintf(&chains, ":%s - [0:0]\n", sep)
			share := ""
			if e < 2 {
				share = fmt.Sprintf(" -m statistic --mode random --probability %.11f", 1/float64(3-e))
			}
			fmt.Fprintf(&rules, "[0:0] -A %s -m comment --comment \"%s -> 10.244.%d.%d:8080\"%s -j %s\n", svc, ns, s>>6&255, e, share, sep)
			fmt.Fprintf(&rules, "[0:0] -A %s -s 10.244.%d.%d/32 -m comment --comment \"%s\" -j KUBE-MARK-MASQ\n", sep, s>>6&255, e, ns)
			fmt.Fprintf(&rules, "[7:420] -A %s -p tcp -m comment --comment \"%s\" -m tcp -j DNAT --to-destination 10.244.%d.%d:8080\n", sep, ns, s>>6&255, e)
		}
		fmt.Fprintf(&rules, "[0:0] -A KUBE-EXT-%016X -m comment --comment \"masquerade traffic for %s external destinations\" -j KUBE-MARK-MASQ\n", s*2654435761, ns)
	}
	return "*nat\n:PREROUTING ACCEPT [1:60]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [2:120]\n:POSTROUTING ACCEPT [2:120]\n" +
		":KUBE-SERVICES - [0:0]\n:KUBE-MARK-MASQ - [0:0]\n" + chains.String() +
		"[9:540] -A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n" +
		"[3:180] -A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000\n" + rules.String() + "COMMIT\n"
}

const kubeServices = 8300 // 100,000 rules, 41,500 chains

// The heap beyond the text stays small, so that a node's rules fit beside everything else.
func TestParseSaveMemory(t *testing.T) {
	text := []byte(kubeSave(kubeServices / 10))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	d, found := ParseSave("f", text, Options{})
	runtime.GC()
	runtime.ReadMemStats(&after)
	rules := count(d.Tables())
	per := (int64(after.HeapAlloc) - int64(before.HeapAlloc) - int64(len(text))) / int64(rules)
	t.Logf("%d rules, %d chains, %d bytes of text: %d heap bytes a rule beyond the text", rules, len(d.Tables()[0].Chains), len(text), per)
	if per > 400 || len(found) > 0 {
		t.Errorf("%d heap bytes a rule, at most 400 are wanted; problems: %v", per, found)
	}
	if got := save(t, d.Tables(), true); got != byChainText(string(text)) {
		t.Error("what was printed is not what was read")
	}
	runtime.KeepAlive(d)
}

// byChainText sorts the generated rules by chain: the generator writes them by service.
func byChainText(text string) string {
	var decl, order []string
	rules := map[string]*strings.Builder{}
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, ":"); ok {
			name, _, _ = strings.Cut(name, " ")
			order, rules[name] = append(order, name), &strings.Builder{}
		}
		if _, r, ok := strings.Cut(line, " -A "); ok {
			name, _, _ := strings.Cut(r, " ")
			rules[name].WriteString(line)
			continue
		}
		decl = append(decl, line)
	}
	var b strings.Builder
	b.WriteString(strings.Join(decl[:len(decl)-1], ""))
	for _, name := range order {
		b.WriteString(rules[name].String())
	}
	return b.String() + decl[len(decl)-1]
}

func BenchmarkParseSave(b *testing.B) {
	text := []byte(byChainText(kubeSave(kubeServices))) // as iptables-save prints it
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		d, _ := ParseSave("f", text, Options{})
		if n := count(d.Tables()); n < 95000 {
			b.Fatal(n)
		}
	}
}

func BenchmarkIndex(b *testing.B) {
	rs, _, _ := ParseFile("f", []byte(kubeSave(kubeServices)))
	c := rs.Tables[0].Chains[len(rs.Tables[0].Chains)-1]
	b.ReportAllocs()
	for b.Loop() {
		x := NewIndex(rs)
		if _, got := x.Chain(model.BackendLegacy, model.FamilyIPv4, "nat", c.Name); got != c || len(x.Callers(c)) != 1 {
			b.Fatal(got)
		}
	}
}

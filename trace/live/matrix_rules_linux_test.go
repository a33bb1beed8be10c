package live

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// wire says how the packets of a batch are sent, and what the rules are to make of them.
type wire struct {
	net                *matrixNet
	backend, path, nat string
	sender             *netns.Handle
	src, dst           string
	// to is where DNAT sends them, as what SNAT lets them leave.
	to, as string
}

// wire describes the packets of a path and a translation.
func (m *matrixNet) wire(path, nat string) wire {
	w := wire{net: m, path: path, nat: nat, sender: m.client}
	a := func(net, host int) string {
		if m.family == model.FamilyIPv6 {
			return fmt.Sprintf("fd%02d::%d", net, host)
		}
		return fmt.Sprintf("10.%d.0.%d", net, host)
	}
	switch path {
	case "in":
		w.src, w.dst, w.to, w.as = a(1, 2), a(1, 1), a(2, 1), a(1, 77)
	case "out":
		w.sender = m.router
		w.src, w.dst, w.to, w.as = a(1, 1), a(2, 2), a(2, 3), a(2, 77)
	case "forward":
		w.src, w.dst, w.to, w.as = a(1, 2), a(2, 2), a(2, 3), a(2, 1)
		if nat == "dnat" || nat == "hairpin" {
			w.dst = a(1, 1)
		}
		if nat == "hairpin" {
			w.to = a(1, 2)
		}
	case "bridge":
		w.src, w.dst, w.to, w.as = a(9, 1), a(9, 2), a(9, 4), a(9, 77)
		if nat == "hairpin" {
			w.dst, w.to = a(9, 3), a(9, 1)
		}
	case "loopback":
		w.sender = m.router
		w.src, w.dst, w.to, w.as = a(1, 1), a(1, 1), a(2, 1), a(2, 1)
	}
	return w
}

// class is the word for the translation in a journey. A hairpin that is stopped before
// its source is translated is but a DNAT.
func (w *wire) class(mc *matrixCase) string {
	switch {
	case w.nat == "none":
		return "(no translation at all)"
	case w.nat == "hairpin" && mc.verdict() != journey.Accepted:
		return "dnat"
	}
	return w.nat
}

// way is the path and the devices of the packet, or of its half over loopback.
func (w *wire) way(mc *matrixCase, half int) (path, in, out string) {
	dev := "r0"
	if w.path == "bridge" {
		dev = "br0"
	}
	switch {
	case mc.delivered():
		return journey.PathInput, dev, ""
	case w.path == "out":
		return journey.PathOutput, "", "r1"
	case w.path == "loopback" && half == 0:
		return journey.PathOutput, "", "lo"
	case w.path == "loopback":
		return journey.PathInput, "lo", ""
	case w.path == "bridge" || w.nat == "hairpin":
		return journey.PathForward, dev, dev
	}
	return journey.PathForward, "r0", "r1"
}

// hook is the one whose chains decide.
func (w *wire) hook() string {
	switch w.path {
	case "in", "loopback":
		return "INPUT"
	case "out":
		return "OUTPUT"
	}
	return "FORWARD"
}

// word is a chain's step that has the last word.
type word struct {
	backend      model.Backend
	table, chain string
	rule         int // 0 for the policy
}

// culprit is who must have the last word of a packet; nil where the rules of the batch
// say nothing of its way.
func (w *wire) culprit(mc *matrixCase) *word {
	if mc.delivered() && mc.path != "in" {
		return nil
	}
	var mine []string // the fates that the deciding chain of the case has rules for
	for _, fate := range matrixFates {
		switch {
		case w.backend == "native" && !w.net.nftQueues && queues(fate):
		case w.backend == "mixed" && stays(mc.fate) && !queues(fate):
		default:
			mine = append(mine, fate)
		}
	}
	x := &word{backend: model.BackendNFTables, table: "fw", chain: "u", rule: 3 + slices.Index(mine, mc.fate)}
	switch {
	case w.backend == "legacy" || w.backend == "mixed" && stays(mc.fate):
		x.backend, x.table, x.chain = model.BackendLegacy, "filter", "U"
	case w.backend == "iptables-nft":
		x.backend, x.table, x.chain = model.BackendIptablesNFT, "filter", "U"
	}
	if mc.fate == "policy" {
		x.rule, x.chain = 0, "decide"
		if x.table == "filter" {
			x.chain = w.hook()
		}
	}
	return x
}

func (x *word) is(c *journey.Culprit) bool {
	if x == nil {
		return true
	}
	kind := "rule"
	if x.rule == 0 {
		kind = "policy"
	}
	return c.Backend == x.backend && c.Table == x.table && c.Chain == x.chain && c.Kind == kind && c.Rule == x.rule
}

// loadMatrix puts a batch's rules in the place of those that are there.
func loadMatrix(t *testing.T, n *matrixNet, backend string, w *wire) {
	t.Helper()
	w.backend = backend
	v6 := n.family == model.FamilyIPv6
	text := "flush ruleset\n"
	if v6 {
		text += quiet
	}
	ip := "ip"
	if v6 {
		ip = "ip6"
	}
	var legacy, nft string
	switch backend {
	case "native":
		text += w.nativeFilter(0, true) + w.nativeNAT()
	case "mixed":
		text += w.nativeFilter(10, false) + w.nativeNAT()
		legacy, nft = w.saveMangle()+w.saveFilter(false), w.saveRaw()
	case "legacy":
		legacy = w.saveRaw() + w.saveMangle() + w.saveNAT() + w.saveFilter(true)
	case "iptables-nft":
		nft = w.saveRaw() + w.saveMangle() + w.saveNAT() + w.saveFilter(true)
	}
	nettest.Feed(t, n.router, text, "nft", "-f", "-")
	if nft != "" {
		nettest.Feed(t, n.router, nft, ip+"tables-nft-restore")
	}
	if legacy != "" {
		nettest.Feed(t, n.router, legacy, ip+"tables-legacy-restore")
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("nft:\n%s\niptables-nft:\n%s\nlegacy:\n%s", text, nft, legacy)
		}
	})
}

func (w *wire) icmp() string {
	if w.net.family == model.FamilyIPv6 {
		return "ipv6-icmp"
	}
	return "icmp"
}

// queues reports whether a fate is a queue's. Where backends are mixed the legacy one
// queues.
func queues(fate string) bool { return fate == "bypass" || fate == "release" || stays(fate) }

// stays reports whether a packet of a fate is seen no more behind its queue.
func stays(fate string) bool { return fate == "queue" || fate == "refuse" }

// The queues of the matrix. Nobody listens on the first and the second.
const queueNobody, queueBypass, queueAccepts, queueDrops = 7, 8, 9, 10

// queuesNatively reports whether the kernel has a queue expression for nf_tables.
func queuesNatively(t *testing.T) bool {
	t.Helper()
	ns := nettest.New(t, "nftqueue")
	_, err := ns.Output(t.Context(), []byte("table ip t { chain c { queue num 5; }; }\n"), "nft", "-f", "-")
	return err == nil
}

func protoOf(fate string) string {
	if fate == "reset" {
		return "tcp"
	}
	return "udp"
}

const all = "9001:9199" // the ports of all fates, translated or not

// saveTable is a table in save form; rules are as -A has them.
func saveTable(name string, policies, users []string, rules ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%s\n", name)
	for _, p := range policies {
		fmt.Fprintf(&b, ":%s [0:0]\n", p)
	}
	for _, u := range users {
		fmt.Fprintf(&b, ":%s - [0:0]\n", u)
	}
	for _, r := range rules {
		fmt.Fprintf(&b, "-A %s\n", r)
	}
	return b.String() + "COMMIT\n"
}

func (w *wire) saveRaw() string {
	p := portOf("notrack")
	return saveTable("raw", []string{"PREROUTING ACCEPT", "OUTPUT ACCEPT"}, nil,
		fmt.Sprintf("PREROUTING -p udp -m udp --dport %d -j CT --notrack", p), fmt.Sprintf("OUTPUT -p udp -m udp --dport %d -j CT --notrack", p))
}

func (w *wire) saveMangle() string {
	var policies, rules []string
	for _, h := range []string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"} {
		policies = append(policies, h+" ACCEPT")
		rules = append(rules, h+" -p tcp -m tcp --dport 1", h+" -p udp -m udp --dport "+all)
	}
	return saveTable("mangle", policies, nil, rules...)
}

// saveNAT translates the destination at the packet's first hook, the source at its last.
func (w *wire) saveNAT() string {
	first, last := "PREROUTING", "POSTROUTING"
	if w.sender == w.net.router {
		first = "OUTPUT"
	}
	if w.path == "in" {
		last = "INPUT"
	}
	var rules []string
	for _, fate := range matrixFates {
		p, proto := portOf(fate), protoOf(fate)
		match := fmt.Sprintf("-p %s -m %s --dport %d", proto, proto, p)
		switch w.nat {
		case "dnat", "hairpin":
			rules = append(rules, fmt.Sprintf("%s %s -j DNAT --to-destination %s", first, match, addrPort(w.to, p+100)))
		case "redirect":
			rules = append(rules, fmt.Sprintf("%s %s -j REDIRECT --to-ports %d", first, match, p+100))
		}
	}
	for _, proto := range []string{"tcp", "udp"} {
		match := fmt.Sprintf("-p %s -m %s --dport %s", proto, proto, all)
		switch w.nat {
		case "snat":
			rules = append(rules, fmt.Sprintf("%s %s -j SNAT --to-source %s", last, match, w.as))
		case "masquerade", "hairpin":
			rules = append(rules, fmt.Sprintf("%s %s -j MASQUERADE", last, match))
		}
	}
	return saveTable("nat", []string{"PREROUTING ACCEPT", "INPUT ACCEPT", "OUTPUT ACCEPT", "POSTROUTING ACCEPT"}, nil, rules...)
}

func queueTo(n int) string { return fmt.Sprintf("NFQUEUE --queue-num %d", n) }

// saveFilter decides, or lets all pass that another backend decides of.
func (w *wire) saveFilter(decide bool) string {
	var policies []string
	for _, h := range []string{"INPUT", "FORWARD", "OUTPUT"} {
		if policy := " ACCEPT"; h == w.hook() && decide {
			policies = append(policies, h+" DROP")
		} else {
			policies = append(policies, h+policy)
		}
	}
	rules := []string{
		w.hook() + " -p " + w.icmp() + " -j ACCEPT",
		w.hook() + " -p tcp -m tcp --tcp-flags RST RST -j ACCEPT",
		w.hook() + " -p udp -m udp --dport " + all + " -j U",
		w.hook() + " -p tcp -m tcp --dport " + all + " -j U",
		w.hook() + " -p udp -m udp --dport 1 -j ACCEPT",
		"U -p udp -m udp --dport 1 -j DROP",
		"U -p udp",
	}
	for _, fate := range matrixFates {
		if decide || queues(fate) {
			target := map[string]string{"accept": "ACCEPT", "notrack": "ACCEPT", "drop": "DROP", "reject": "REJECT", "reset": "REJECT --reject-with tcp-reset",
				"policy": "RETURN", "queue": queueTo(queueNobody), "release": queueTo(queueAccepts), "refuse": queueTo(queueDrops), "bypass": queueTo(queueBypass) + " --queue-bypass"}[fate]
			rules = append(rules, fmt.Sprintf("U -p %s -m multiport --dports %d,%d -j %s", protoOf(fate), portOf(fate), portOf(fate)+100, target))
		}
	}
	return saveTable("filter", policies, []string{"U"}, rules...)
}

// nativeFilter is the native table that decides; with all it counts at every hook and
// switches tracking off too.
func (w *wire) nativeFilter(priority int, all bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "table %s fw {\n chain u {\n  udp dport 1 counter drop\n  meta l4proto udp counter\n", w.nativeFamily())
	for _, fate := range matrixFates {
		verdict := map[string]string{"accept": "accept", "notrack": "accept", "drop": "drop", "reject": "reject", "reset": "reject with tcp reset", "policy": "return"}[fate]
		switch {
		case queues(fate) && !all:
			verdict = "accept" // what another backend queued and let on
		case queues(fate) && !w.net.nftQueues:
			continue
		case queues(fate):
			verdict = map[string]string{"queue": "queue num 7", "release": "queue num 9", "refuse": "queue num 10", "bypass": "queue num 8 bypass"}[fate]
		}
		fmt.Fprintf(&b, "  %s dport { %d, %d } counter %s\n", protoOf(fate), portOf(fate), portOf(fate)+100, verdict)
	}
	fmt.Fprintf(&b, " }\n chain decide {\n  type filter hook %s priority %d; policy drop;\n  meta l4proto %s counter accept\n  tcp flags rst counter accept\n"+
		"  udp dport 9001-9199 counter jump u\n  tcp dport 9001-9199 counter jump u\n  udp dport 1 counter accept\n }\n", strings.ToLower(w.hook()), priority, w.icmp())
	if all {
		for _, h := range []string{"prerouting", "input", "forward", "output", "postrouting"} {
			fmt.Fprintf(&b, " chain m%s {\n  type filter hook %s priority -150; policy accept;\n  tcp dport 1 counter\n  udp dport 9001-9199 counter\n }\n", h, h)
		}
		for _, h := range []string{"prerouting", "output"} {
			fmt.Fprintf(&b, " chain r%s {\n  type filter hook %s priority -300; policy accept;\n  udp dport %d counter notrack\n }\n", h, h, portOf("notrack"))
		}
	}
	return b.String() + "}\n"
}

func (w *wire) nativeFamily() string {
	if w.net.family == model.FamilyIPv6 {
		return "inet"
	}
	return "ip"
}

func (w *wire) nativeNAT() string {
	first, last, to := "prerouting", "postrouting", "to"
	if w.sender == w.net.router {
		first = "output"
	}
	if w.path == "in" {
		last = "input"
	}
	if w.net.family == model.FamilyIPv6 {
		to = "ip6 to"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "table %s n {\n chain first {\n  type nat hook %s priority -100; policy accept;\n", w.nativeFamily(), first)
	for _, fate := range matrixFates {
		p := portOf(fate)
		switch w.nat {
		case "dnat", "hairpin":
			fmt.Fprintf(&b, "  %s dport %d counter dnat %s %s\n", protoOf(fate), p, to, addrPort(w.to, p+100))
		case "redirect":
			fmt.Fprintf(&b, "  %s dport %d counter redirect to :%d\n", protoOf(fate), p, p+100)
		}
	}
	fmt.Fprintf(&b, " }\n chain last {\n  type nat hook %s priority 100; policy accept;\n", last)
	for _, proto := range []string{"tcp", "udp"} {
		switch w.nat {
		case "snat":
			fmt.Fprintf(&b, "  %s dport 9001-9199 counter snat %s %s\n", proto, to, w.as)
		case "masquerade", "hairpin":
			fmt.Fprintf(&b, "  %s dport 9001-9199 counter masquerade\n", proto)
		}
	}
	return b.String() + " }\n}\n"
}

// word is the filter for all packets of the network's family.
func (m *matrixNet) word() string {
	if m.family == model.FamilyIPv6 {
		return "ip6"
	}
	return "ip"
}

package match_test

import (
	"testing"

	"fmt"
	"math/rand/v2"
	"nfscope/model"
	"nfscope/model/match"
	"strings"
)

// gen writes random rules in the forms that iptables-restore reads.
type gen struct {
	*rand.Rand
	v6  bool
	tag string // for names that must not be used twice
	n   int
	// without is an extension that the program cannot have here.
	without string
}

// form is one extension's way to be written.
type form struct {
	name  string
	only  int    // 4 or 6; 0 where both families have it
	proto string // the protocol it needs, "" for none
	table string // the table it needs, "" for any
	text  func(g *gen) string
}

func (g *gen) yes() bool                { return g.IntN(2) == 0 }
func (g *gen) not() string              { return g.maybe("! ") }
func (g *gen) pick(s ...string) string  { return s[g.IntN(len(s))] }
func (g *gen) upto(n int) int           { return g.IntN(n + 1) }
func (g *gen) port() int                { return g.upto(65535) }
func (g *gen) unique(p string) string   { g.n++; return fmt.Sprintf("%s%s%d", p, g.tag, g.n) }
func (g *gen) fam(v4, v6 string) string { return map[bool]string{false: v4, true: v6}[g.v6] }
func (g *gen) maybe(s string) string {
	if g.yes() {
		return s
	}
	return ""
}

func (g *gen) rng(top int) string {
	a, b := g.upto(top), g.upto(top)
	switch g.IntN(5) {
	case 0:
		return fmt.Sprint(a)
	case 1:
		return fmt.Sprintf("%d:", max(a, 1)) // "0:" negated is lost, see TestTraps
	case 2:
		return fmt.Sprintf(":%d", a)
	}
	return fmt.Sprintf("%d:%d", min(a, b), max(a, b))
}

// some gives some of a list, in a random order.
func (g *gen) some(sep string, l ...string) string {
	g.Shuffle(len(l), func(i, j int) { l[i], l[j] = l[j], l[i] })
	return strings.Join(l[:1+g.IntN(len(l))], sep)
}

// any gives none, some or all of a list, in a random order.
func (g *gen) any(l ...string) string { return g.maybe(g.some(" ", l...)) }

func (g *gen) addr() string {
	if !g.v6 {
		return fmt.Sprintf("%d.%d.%d.%d", 1+g.IntN(223), g.IntN(256), g.IntN(256), g.IntN(256))
	}
	return g.pick(fmt.Sprintf("2001:db8::%x", g.IntN(65536)), fmt.Sprintf("fd%02x:%x::%x:0:%x", g.IntN(256), g.IntN(65536), g.IntN(65536), g.IntN(65536)),
		fmt.Sprintf("::%x:%x", 1+g.IntN(65535), g.IntN(65536)), "::1", "::ffff:10.1.2.3", "fe80::", "2001:DB8:0:0:1:0:0:1")
}

func (g *gen) net() string {
	a := g.addr()
	if g.v6 {
		return a + g.pick("", fmt.Sprintf("/%d", 1+g.upto(127)), "/ffff:ffff::", "/ffff::ffff", "/128")
	}
	return a + g.pick("", fmt.Sprintf("/%d", 1+g.upto(31)), "/255.255.0.0", "/255.0.255.0", "/0.0.0.255", "/32", "/255.255.255.255")
}

// prefix is a net for the modules that lose another mask (see traps).
func (g *gen) prefix() string {
	return g.addr() + g.pick("", g.fam("/255.255.0.0", "/ffff:ffff::"), fmt.Sprintf("/%d", 1+g.upto(31)), g.fam("/32", "/128"))
}

func (g *gen) iface() string { return g.pick("eth0", "eth+", "br-1234567890ab", "lo", "wg0.5", "a+") }
func (g *gen) mark() string {
	v := g.pick(fmt.Sprintf("0x%x", g.Uint32()), fmt.Sprint(g.IntN(1000)), "0x0")
	return v + g.maybe(fmt.Sprintf("/0x%x", g.Uint32()))
}

func (g *gen) text(top int) string {
	const letters = `abcXYZ 019-_.:,;!?'\"/$#@|&<>(){}[]=+*%~^` + "`"
	b := make([]byte, 0, top*2)
	b = append(b, '"')
	for range 1 + g.IntN(top) {
		c := letters[g.IntN(len(letters))]
		if c == '"' || c == '\\' {
			b = append(b, '\\')
		}
		b = append(b, c)
	}
	return string(append(b, '"'))
}

// base is -s, -d, -i, -o, -f and -p.
func (g *gen) base(proto string) string {
	var l []string
	if g.IntN(3) == 0 {
		l = append(l, g.not()+g.pick("-s ", "--source ", "--src ")+g.net())
	}
	if g.IntN(3) == 0 {
		l = append(l, g.not()+g.pick("-d ", "--destination ", "--dst ")+g.net())
	}
	if g.IntN(4) == 0 {
		l = append(l, g.not()+g.pick("-i ", "--in-interface ")+g.iface())
	}
	if g.IntN(4) == 0 {
		l = append(l, g.not()+g.pick("-o ", "--out-interface ")+g.iface())
	}
	switch {
	case proto != "":
		l = append(l, g.pick("-p ", "--protocol ")+g.pick(proto, strings.ToUpper(proto)))
	case g.IntN(4) == 0:
		l = append(l, g.not()+"-p "+g.pick("tcp", "udp", "47", "gre", "esp", "ah", "sctp", "udplite", "dccp", "ipcomp", "89", "254", g.fam("icmp", "icmpv6")))
	}
	if proto == "" && !g.v6 && g.IntN(8) == 0 {
		l = append(l, g.not()+g.pick("-f", "--fragments"))
	}
	g.Shuffle(len(l), func(i, j int) { l[i], l[j] = l[j], l[i] })
	return strings.Join(l, " ")
}

// rule writes a rule's options with the given match and target; either may be nil, and
// then one may be chosen, as may more matches.
func (g *gen) rule(m, t *form) (table, text string) {
	all, ends := matchForms(), targetForms()
	proto := ""
	if m != nil {
		proto, table = m.proto, m.table
	}
	if t == nil && g.IntN(2) == 0 || t != nil && proto != "" && t.proto != "" && t.proto != proto {
		for range 20 {
			c := &ends[g.IntN(len(ends))]
			if g.fits(c) && (c.proto == "" || proto == "" || c.proto == proto) && (c.table == "" || table == "" || c.table == table) {
				t = c
				break
			}
		}
	}
	if t != nil {
		if t.proto != "" {
			proto = t.proto
		}
		if t.table != "" {
			table = t.table
		}
	}
	var parts []string
	last := ""
	if t != nil {
		last = t.text(g)
	}
	if m != nil && !strings.Contains(last, "-m "+m.name+" ") { // iptables-nft makes one of two -m tcp
		parts = append(parts, m.text(g))
	}
	for range g.IntN(3) {
		c := &all[g.IntN(len(all))]
		if g.fits(c) && (c.proto == "" || c.proto == proto) && (c.table == "" || c.table == table) && (m == nil || c.name != m.name) && !strings.Contains(strings.Join(parts, " ")+last, "-m "+c.name+" ") {
			parts = append(parts, c.text(g))
		}
	}
	g.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	parts = append([]string{g.base(proto)}, parts...)
	if t != nil {
		parts = append(parts, last)
	}
	if table == "" {
		table = g.pick("filter", "mangle", "raw", "security")
		if t != nil && t.name == "REJECT" {
			table = "filter"
		}
	}
	return table, strings.TrimSpace(strings.Join(parts, " "))
}

func (g *gen) fits(f *form) bool {
	return (f.only == 0 || f.only == 6 == g.v6) && f.name != g.without
}

// TestEveryOptionIsWritten: the generator writes every option of every extension, so
// that TestRoundTrip proves each. What it cannot write is in absent or stands here.
func TestEveryOptionIsWritten(t *testing.T) {
	written := map[string]bool{}
	for seed := range uint64(200) {
		g := &gen{Rand: rand.New(rand.NewPCG(seed, 1)), v6: seed%2 == 1}
		f := model.FamilyIPv4
		if g.v6 {
			f = model.FamilyIPv6
		}
		for _, forms := range [][]form{matchForms(), targetForms()} {
			for _, c := range forms {
				if !g.fits(&c) {
					continue
				}
				r := match.Parse(strings.TrimSpace("-p "+max(c.proto, "0")+" "+c.text(g)), f)
				for _, m := range r.Conds {
					for _, o := range m.Options {
						written[m.Name+" "+o.Name] = true
					}
				}
				for _, o := range r.Target.Options {
					written[r.Target.Name+" "+o.Name] = true
				}
			}
		}
	}
	why := map[string]string{
		"bpf --object-pinned":     "needs a pinned program",
		"IDLETIMER --send_nl_msg": "Android's",
		"NFLOG --nflog-range":     "iptables-nft loses it, see TestTraps",
		"CT --helper":             "see TestAbsent",
		"CT --timeout":            "see TestAbsent",
		"CONNMARK --mask":         "is printed as --nfmask and --ctmask",
		"udplite":                 "", "LED": "", "SECMARK": "", // see TestAbsent
	}
	for _, n := range match.OptionNames() {
		module, _, _ := strings.Cut(n, " ")
		_, known := why[n]
		if _, absent := why[module]; !written[n] && !known && !absent {
			t.Errorf("no form writes %s", n)
		}
	}
}

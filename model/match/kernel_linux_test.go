package match_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/match"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// program is one of the four pairs of restore and save.
type program struct {
	name   string
	family model.Family
	ns     *netns.Handle
	lock   string
}

func programs(t *testing.T) []*program {
	t.Helper()
	var ps []*program
	for _, name := range []string{"iptables-legacy", "iptables-nft", "ip6tables-legacy", "ip6tables-nft"} {
		nettest.Kernel(t, name+"-restore", name+"-save", "ipset")
		p := &program{name: name, family: model.FamilyIPv4}
		if strings.HasPrefix(name, "ip6") {
			p.family = model.FamilyIPv6
		}
		ps = append(ps, p)
	}
	return ps
}

// open gives the program a namespace with the sets and the accounting objects that
// the rules name.
func (p *program) open(t *testing.T) {
	t.Helper()
	p.ns = nettest.New(t, "match")
	p.lock = "XTABLES_LOCKFILE=" + filepath.Join(t.TempDir(), "lock")
	sets := ""
	for _, f := range []string{"4 family inet", "6 family inet6"} {
		sets += fmt.Sprintf("create ip%[1]s timeout 0 counters\ncreate port%[2]s hash:ip,port %[3]s counters\ncreate skb%[2]s hash:ip %[3]s skbinfo\n",
			strings.Replace(f, " ", " hash:ip ", 1), f[:1], f[2:])
	}
	nettest.Feed(t, p.ns, sets, "ipset", "restore")
	nettest.Do(t, p.ns, func() error { return addAccounts("acct", "acct 2") })
}

// load puts rules into a chain of each table and gives what save prints of them, by
// table, in the order of the rules.
func (p *program) load(rules []rule) (map[string][]string, error) {
	var b strings.Builder
	for _, table := range tables {
		fmt.Fprintf(&b, "*%s\n:g - [0:0]\n:ext - [0:0]\n", table)
		for _, r := range rules {
			if r.table == table {
				b.WriteString("-A g " + r.text + "\n")
			}
		}
		b.WriteString("COMMIT\n")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := p.ns.Output(ctx, []byte(b.String()), "env", p.lock, p.name+"-restore"); err != nil {
		return nil, err
	}
	out, err := p.ns.Output(ctx, nil, "env", p.lock, p.name+"-save")
	if err != nil {
		return nil, err
	}
	saved := map[string][]string{}
	table := ""
	for _, l := range strings.Split(string(out), "\n") {
		if strings.HasPrefix(l, "*") {
			table = l[1:]
		}
		if strings.HasPrefix(l, "-A g") {
			saved[table] = append(saved[table], l)
		}
	}
	return saved, nil
}

var tables = []string{"raw", "mangle", "nat", "filter", "security"}

// rule is a rule's options with the table it is for.
type rule struct{ table, text string }

// check holds the rules as they were written and as we print them against what the
// program makes of both. A batch that does not load is halved until the rule is found.
func (p *program) check(t *testing.T, rules []rule) {
	t.Helper()
	var both []rule
	for _, r := range rules {
		both = append(both, r, rule{r.table, p.printed(r)})
	}
	saved, err := p.load(both)
	if err != nil {
		if len(rules) == 1 {
			t.Errorf("%s does not load\n  written %s: %s\n  printed %s\n  %v", p.name, rules[0].table, rules[0].text, both[1].text, err)
			return
		}
		p.check(t, rules[:len(rules)/2])
		p.check(t, rules[len(rules)/2:])
		return
	}
	at := map[string]int{}
	for i, r := range both {
		l := saved[r.table]
		if at[r.table] >= len(l) {
			t.Fatalf("%s: table %s has %d rules, wanted more", p.name, r.table, len(l))
		}
		have := l[at[r.table]]
		at[r.table]++
		want := p.saves(both[i|1].text)
		if have != want {
			what := "as written"
			if i%2 == 1 {
				what = "as printed"
			}
			t.Errorf("%s, %s, %s\n  written %s\n  we      %s\n  it      %s", p.name, r.table, what, both[i&^1].text, want, have)
		}
		// What save prints reads back as itself.
		if again := match.Parse(have, p.family); again.String() != have || len(again.Unknown) > 0 {
			t.Errorf("%s: save prints %s\n  we read %s %v", p.name, have, again, again.Unknown)
		}
	}
}

// saves is what the program prints of a rule that we print: the same, but that
// iptables-nft turns "not up to 10" into "from 11", which nf_tables can compare; not so
// where it keeps the module tcp for an option that nf_tables does not have.
func (p *program) saves(text string) string {
	r := match.Parse("-A g "+text, p.family)
	for i := range r.Conds {
		m := &r.Conds[i]
		if !strings.HasSuffix(p.name, "nft") || m.Name != "tcp" && m.Name != "udp" || m.Option("--tcp-option") != nil {
			continue
		}
		for j := range m.Options {
			o := &m.Options[j]
			if v, ok := o.Value.(match.Range); ok && o.Negated && v.Lo == 0 && v.Hi > 0 {
				o.Negated, o.Value = false, match.Range{Lo: v.Hi + 1, Hi: 65535}
			}
		}
	}
	return r.String()
}

// tag makes names that no other program, batch or process uses: IDLETIMER's labels are
// the whole host's.
func (p *program) tag(batch int) string {
	return fmt.Sprintf("%x%c%d", os.Getpid(), 'a'+rune(len(p.name)), batch) // the names differ in length
}

func (p *program) printed(r rule) string {
	return strings.TrimPrefix(match.Parse(r.text, p.family).String(), "-A g ")
}

// TestRoundTrip loads thousands of random rules over all matches and targets.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, p := range programs(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.open(t)
			total := 0
			for i, seed := range nettest.Seeds(t, 1, 2, 3, 4, 5) {
				g := &gen{Rand: rand.New(rand.NewPCG(seed, 7)), v6: p.family == model.FamilyIPv6, tag: p.tag(i)}
				if strings.HasSuffix(p.name, "nft") {
					g.without = "QUEUE" // see absent
				}
				var rules []rule
				add := func(m, f *form) {
					table, text := g.rule(m, f)
					if r := match.Parse(text, p.family); len(r.Unknown) > 0 {
						t.Errorf("not understood: %s %v", text, r.Unknown)
						return
					}
					rules = append(rules, rule{table, text})
				}
				for range 6 {
					for _, m := range matchForms() {
						if g.fits(&m) {
							add(&m, nil)
						}
					}
					for _, f := range targetForms() {
						if g.fits(&f) {
							add(nil, &f)
						}
					}
				}
				total += len(rules)
				p.check(t, rules)
			}
			t.Logf("%d rules", total)
		})
	}
}

// TestEveryModuleHasAForm: what Parse knows is what the generator writes.
func TestEveryModuleHasAForm(t *testing.T) {
	written := map[string]bool{}
	for _, f := range slices.Concat(matchForms(), targetForms()) {
		written[f.name] = true
	}
	for _, n := range match.Modules() {
		if _, missing := absent[n]; !written[n] && !missing {
			t.Errorf("%s is known but no rule is made with it", n)
		}
	}
}

// absent are the extensions that the programs or the kernel refuse here, each with a
// rule that must fail, and the reason.
// program is "" where all four refuse it, else the end of the name of those that do.
var absent = map[string]struct{ program, text, why string }{
	"udplite":    {"", "-p udplite -m udplite --dport 80", "iptables 1.8 has no module of that name"},
	"LED":        {"", `-j LED --led-trigger-id "a"`, "CONFIG_NETFILTER_XT_TARGET_LED is off"},
	"SECMARK":    {"", "-j SECMARK --selctx system_u:object_r:http_t:s0", "no security module runs"},
	"CT helper":  {"", "-j CT --helper ftp", "CONFIG_NF_CONNTRACK_FTP is off"},
	"IDLETIMER":  {"", "-j IDLETIMER --timeout 5 --label x --send_nl_msg", "iptables 1.8.9 has no such option"},
	"bpf":        {"", "-m bpf --object-pinned /sys/fs/bpf/none", "nothing is pinned there"},
	"CT timeout": {"", "-j CT --timeout web", "no timeout policy of that name"},
	"QUEUE":      {"nft", "-j QUEUE", "iptables-nft makes nf_tables' own queue of it, and CONFIG_NFT_QUEUE is off"},
}

// TestAbsent proves that what TestRoundTrip leaves out cannot be had here. A machine
// that has it fails this test, and then the extension belongs into the forms.
func TestAbsent(t *testing.T) {
	t.Parallel()
	for _, p := range programs(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.open(t)
			for name, a := range absent {
				if !strings.HasSuffix(p.name, a.program) {
					continue
				}
				r := rule{"raw", a.text}
				if !match.Known(a.text, p.family) || p.printed(r) != a.text {
					t.Errorf("%s: %s is not understood", name, a.text)
				}
				if _, err := p.load([]rule{r}); err == nil {
					t.Errorf("%s loads here, though %s: give it a form", name, a.why)
				}
			}
		})
	}
	if os.Getenv("NFSCOPE_REQUIRE_KERNEL") == "" {
		for name, a := range absent {
			t.Logf("not proven by the kernel: %s, %s", name, a.why)
		}
	}
}

// TestTraps holds down where what a program saves is not what it was given, so that
// nobody takes its text for the truth. What we print keeps the meaning.
func TestTraps(t *testing.T) {
	t.Parallel()
	const refused = "refused"
	traps := []struct {
		only, text  string // only is a family's or a program's name, "" for all
		legacy, nft string
	}{
		{"", "! -i +", "", "! -i +"}, // never, and legacy's text says always
		{"", "-p tcp -m tcp ! --dport 0:65535", "-p tcp -m tcp", "-p tcp"},
		{"", "-p udp -m udp ! --sport 0:65535", "-p udp -m udp", "-p udp"},
		{"", "-p udp -m udp ! --sport 0:9", "-p udp -m udp ! --sport 0:9", "-p udp -m udp --sport 10:65535"},
		{"", "-p esp -m esp ! --espspi 0:4294967295", "-p esp -m esp", "-p esp -m esp"},
		{"", "-m connbytes ! --connbytes 5:5 --connbytes-mode packets --connbytes-dir both", "-m connbytes --connbytes 5:5 --connbytes-mode packets --connbytes-dir both", "-m connbytes --connbytes 5:5 --connbytes-mode packets --connbytes-dir both"},
		{"iptables", "-m conntrack --ctorigsrc 10.0.0.1/255.0.255.0", "-m conntrack --ctorigsrc 10.0.0.1", "-m conntrack --ctorigsrc 10.0.0.1"}, // and so it is loaded
		{"ip6tables", "-m conntrack --ctorigsrc fd00::1/ffff::ffff", "-m conntrack --ctorigsrc fd00::1", "-m conntrack --ctorigsrc fd00::1"},
		{"", "-p ipcomp -m ipcomp", "-p ipcomp -m ipcomp --ipcompspi 0", "-p ipcomp -m ipcomp --ipcompspi 0"},
		{"", "-p ipcomp -m ipcomp --ipcompspi 0:4294967295", "-p ipcomp -m ipcomp", "-p ipcomp -m ipcomp"},
		{"", "-p tcp -m tcp --dport 80 -m tcp --sport 81", "-p tcp -m tcp --dport 80 -m tcp --sport 81", "-p tcp -m tcp --sport 81 --dport 80"},
		{"", "-p tcp -m tcp --tcp-flags FIN FIN -m tcp --tcp-flags SYN SYN", "-p tcp -m tcp --tcp-flags FIN FIN -m tcp --tcp-flags SYN SYN", "-p tcp -m tcp --tcp-flags SYN SYN"},
		{"", "-j NFLOG --nflog-range 5", "-j NFLOG --nflog-range 5", "-j NFLOG"},
		{"", "-p tcp -j TCPMSS --set-mss 42", refused, "-p tcp -j TCPMSS --set-mss 42"},
		{"", "-p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14:15", "-p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14:15", "-p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14:15"},
		{"", "-p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15:16", refused, refused},
		{"", "-p tcp --dport ! 80", refused, refused},
		{"", "-s ! ::1", refused, refused},
		{"", "-p tcp -jDROP", refused, refused},
		{"", "--dport 80 -p tcp", refused, refused},
		{"iptables", "-d 10.0.0.1,10.0.0.2", "-d 10.0.0.1/32|-A g -d 10.0.0.2/32", "-d 10.0.0.1/32|-A g -d 10.0.0.2/32"}, // one line, two rules
	}
	for _, p := range programs(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.open(t)
			for _, c := range traps {
				if !strings.HasPrefix(p.name, c.only+"-") && c.only != "" {
					continue
				}
				want := c.legacy
				if strings.HasSuffix(p.name, "nft") {
					want = c.nft
				}
				have := refused
				if saved, err := p.load([]rule{{"mangle", c.text}}); err == nil {
					have = strings.TrimPrefix(strings.TrimPrefix(strings.Join(saved["mangle"], "|"), "-A g"), " ")
				}
				if have != want {
					t.Errorf("%s: %s\n  want %s\n  have %s", p.name, c.text, want, have)
				}
			}
		})
	}
}

// TestListing: what iptables -S and -S -v print reads as what iptables-save prints.
func TestListing(t *testing.T) {
	t.Parallel()
	for _, p := range programs(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.open(t)
			g := &gen{Rand: rand.New(rand.NewPCG(5, 5)), v6: p.family == model.FamilyIPv6, tag: p.tag(9)}
			var rules []rule
			for range 60 {
				table, text := g.rule(nil, nil)
				if table == "filter" && !strings.Contains(text, "QUEUE") {
					rules = append(rules, rule{table, text})
				}
			}
			saved, err := p.load(rules)
			if err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"-S", "g"}, {"-S", "g", "-v"}} {
				out := nettest.Run(t, p.ns, "env", append([]string{p.lock, p.name, "-w"}, args...)...)
				lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(out), "\n"), func(s string) bool { return !strings.HasPrefix(s, "-A") })
				if len(lines) != len(saved["filter"]) || len(lines) < 5 {
					t.Fatalf("%d lines of %d rules", len(lines), len(saved["filter"]))
				}
				for i, l := range lines {
					r := match.Parse(l, p.family)
					if r.String() != saved["filter"][i] || len(r.Unknown) > 0 || r.Counters.Valid != (len(args) == 3) {
						t.Errorf("%s\n  we read %s %v\n  saved   %s", l, r, r.Unknown, saved["filter"][i])
					}
				}
			}
		})
	}
}

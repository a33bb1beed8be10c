package speech

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/drop"
)

// fallen are drops of which package drop says all that it can say, but for the dictionary's own words.
func fallen() (list []*drop.Drop) {
	addr := netip.MustParseAddr
	packet := func(proto model.Proto, src, dst string, change func(*model.Packet)) model.Packet {
		p := model.Packet{Family: model.FamilyIPv4, Proto: proto, Src: addr(src), Dst: addr(dst), SPort: 40000, DPort: 80, Transport: true, TTL: 64, Length: 1500}
		if p.Src.Is6() {
			p.Family = model.FamilyIPv6
		}
		if change != nil {
			change(&p)
		}
		return p
	}
	udp, udp6 := packet(model.ProtoUDP, "10.0.0.1", "10.0.0.2", nil), packet(model.ProtoUDP, "2001:db8::1", "2001:db8::2", nil)
	syn := packet(model.ProtoTCP, "10.0.0.1", "10.0.0.2", func(p *model.Packet) { p.Flags = model.SYN })
	ack := packet(model.ProtoTCP, "10.0.0.1", "10.0.0.2", func(p *model.Packet) { p.Flags = model.ACK })
	fin := packet(model.ProtoTCP, "10.0.0.1", "10.0.0.2", func(p *model.Packet) { p.Flags = model.FIN })
	add := func(reason, place string, p model.Packet, f *drop.Facts, change func(*drop.Drop)) {
		d := &drop.Drop{Source: drop.StepBPF, Reason: reason, Place: place, In: "eth0", Out: "eth1", Packet: p, Facts: f, Count: 1}
		if change != nil {
			change(d)
		}
		list = append(list, d)
	}
	none := model.Packet{}
	sysctl := func(pairs ...string) *drop.Facts {
		f := &drop.Facts{}
		for i := 0; i < len(pairs); i += 2 {
			f.Sysctls = append(f.Sysctls, drop.Sysctl{Name: pairs[i], Value: pairs[i+1]})
		}
		return f
	}
	hook := func(h model.Hook, state string) func(*drop.Drop) {
		return func(d *drop.Drop) {
			d.Station, d.Hook, d.State = drop.StationNetfilter, h, state
			if state != "" {
				d.Orig = model.Tuple{Proto: model.ProtoUDP, Src: udp.Src, Dst: udp.Dst}
			}
		}
	}
	odd := packet(model.Proto(253), "10.0.0.1", "10.0.0.2", nil)

	// Netfilter.
	add("NETFILTER_DROP", "nf_hook_slow", udp, nil, nil)
	add("NETFILTER_DROP", "nft_do_chain", odd, nil, nil)
	add("NETFILTER_DROP", "nft_do_chain", packet(model.ProtoUDP, "10.0.0.1", "10.0.0.2", func(p *model.Packet) { p.SPort, p.DPort = 53, 40000 }), nil, nil)
	add("NETFILTER_DROP", "nf_hook_slow", udp, nil, hook(model.HookForward, ""))
	add("NETFILTER_DROP", "nf_hook_slow", udp, &drop.Facts{Conntrack: &drop.Conntrack{Count: 16, Max: 16, Drop: 3}}, hook(model.HookPrerouting, ""))
	for n := range uint64(2) {
		add("NETFILTER_DROP", "nf_hook_slow", udp, &drop.Facts{Conntrack: &drop.Conntrack{InsertFailed: n + 1}}, hook(model.HookPostrouting, "NEW"))
	}
	add("NETFILTER_DROP", "nf_queue", udp, &drop.Facts{QueuesKnown: true}, hook(model.HookInput, ""))
	add("NETFILTER_DROP", "nf_queue", udp, &drop.Facts{QueuesKnown: true, Queues: []int{3, 4}}, nil)
	add("NETFILTER_DROP", "nf_reinject", udp, nil, nil)
	// No reason.
	for _, place := range []string{"", "foo_bar", "ip_error", "dst_discard", "ip6_pkt_prohibit", "ip6_pkt_discard", "neigh_invalidate", "ip6_mc_input", "ip_forward"} {
		add("NOT_SPECIFIED", place, none, nil, nil)
		add("NOT_SPECIFIED", place, udp, nil, nil)
	}
	for n := range 4 {
		add("NOT_SPECIFIED", "foo_bar.part.0", udp, nil, func(d *drop.Drop) {
			d.Callers = []string{"ip_rcv", "br_pass.isra.0", "br_handle_frame", "process_backlog"}[:n]
		})
	}
	for _, p := range []model.Packet{syn, ack, fin} {
		add("NOT_SPECIFIED", "tcp_v4_rcv", p, nil, nil)
	}
	// Routing.
	for _, v := range []string{"0", "1", "2"} {
		f := sysctl("net.ipv4.conf.all.rp_filter", "0", "net.ipv4.conf.eth0.rp_filter", v)
		f.Back = &drop.Route{Kind: "unicast", Dev: "eth1", Text: "10.0.0.1 via 10.9.9.9 dev eth1"}
		if v == "2" {
			f.Back = &drop.Route{Kind: "none"}
		}
		add("IP_RPFILTER", "ip_rcv_finish_core", udp, f, nil)
	}
	add("IP_INADDRERRORS", "ip_error", udp, sysctl("net.ipv4.conf.eth0.forwarding", "0", "net.ipv4.ip_forward", "0"), nil)
	add("IP_INNOROUTES", "ip_error", udp, nil, nil)
	add("IP_INNOROUTES", "ip_error", udp, &drop.Facts{To: &drop.Route{Kind: "unicast", Dev: "eth1", Text: "10.0.0.2 dev eth1"}}, nil)
	add("IP_INNOROUTES", "ip_error", udp, &drop.Facts{To: &drop.Route{Kind: "prohibit"}}, nil)
	add("IP_OUTNOROUTES", "ip_queue_xmit", udp, nil, func(d *drop.Drop) { d.In = "" })
	add("IP_INNOROUTES", "ip6_pkt_discard", none, nil, nil)
	add("IP_OUTNOROUTES", "ip6_pkt_discard_out", none, nil, nil)
	add("IP_INNOROUTES", "ip6_pkt_prohibit", none, nil, nil)
	add("IP_OUTNOROUTES", "ip6_pkt_discard_out", udp, nil, func(d *drop.Drop) { d.Kind = "multicast" })
	add("IP_INHDR", "ip_forward", none, nil, nil)
	for _, p := range []model.Packet{udp, udp6} {
		p.TTL = 1
		add("IP_INHDR", "ip6_forward", p, nil, nil)
	}
	add("IP_INHDR", "ip6_rcv_core", packet(model.ProtoUDP, "2001:db8::1", "::1", nil), nil, nil)
	add("OTHERHOST", "ip_rcv_core", udp, &drop.Facts{In: &drop.Link{Name: "eth0", MAC: "02:00:00:00:00:01"}}, func(d *drop.Drop) { d.SrcMAC, d.DstMAC = "02:00:00:00:00:07", "02:00:00:00:00:02" })
	add("IP_LOCALNET", "ip_rcv_finish_core", packet(model.ProtoUDP, "127.0.0.1", "10.0.0.2", nil), sysctl("net.ipv4.conf.eth0.route_localnet", "0"), nil)
	add("IP_LOCALNET", "ip_rcv_finish_core", packet(model.ProtoUDP, "10.0.0.1", "127.0.0.2", nil), nil, nil)
	add("IP_LOCAL_SOURCE", "ip_rcv_finish_core", udp, &drop.Facts{OwnSrc: true}, nil)
	add("PKT_TOO_BIG", "ip_forward", udp, nil, nil)
	add("PKT_TOO_BIG", "ip_forward", udp, &drop.Facts{Out: &drop.Link{Name: "eth1", MTU: 1400}}, nil)
	// Its end, and the link.
	for _, f := range []*drop.Facts{nil, {Listener: drop.ListenerNone}, {Listener: drop.ListenerThere, Nearby: []string{"0.0.0.0:80"}},
		{Nearby: []string{"127.0.0.1:80"}, Deaf: drop.Deaf{Addr: true}}, {Nearby: []string{"[fe80::1%br-7]:80 for [fe80::2%br-7]:9", "127.0.0.1:80", "10.0.0.9:80 for 10.0.0.8:7"}, Deaf: drop.Deaf{Peer: true}}} {
		add("NO_SOCKET", "__udp4_lib_rcv", udp, f, nil)
	}
	add("NO_SOCKET", "__udp4_lib_rcv", udp, &drop.Facts{Nearby: []string{"0.0.0.0:80 on eth7", "10.0.0.9:80 for 10.0.0.8:7 on eth8"}, Deaf: drop.Deaf{Device: true}}, nil)
	add("NO_SOCKET", "__udp4_lib_rcv", udp, &drop.Facts{Nearby: []string{"10.0.0.9:80 on eth7"}, Deaf: drop.Deaf{Addr: true, Device: true}}, nil)
	for _, p := range []model.Packet{packet(model.ProtoICMP, "10.0.0.1", "10.0.0.2", func(p *model.Packet) { p.ICMPType = 8 }), packet(model.ProtoICMPv6, "2001:db8::1", "2001:db8::2", func(p *model.Packet) { p.ICMPType = 128 })} {
		add("NOT_SPECIFIED", "icmpv6_rcv", p, nil, nil)
		add("NOT_SPECIFIED", "icmpv6_rcv", p, sysctl("net.ipv6.icmp.echo_ignore_all", "1"), nil)
	}
	add("NO_SOCKET", "tcp_v4_rcv", ack, nil, nil)
	add("NO_SOCKET", "icmp_rcv", packet(model.ProtoICMP, "10.0.0.1", "10.0.0.2", nil), nil, nil)
	add("NEIGH_FAILED", "neigh_invalidate", udp, &drop.Facts{Neighbour: &drop.Neighbour{Addr: udp.Dst, Dev: "eth1", State: "FAILED"}, Out: &drop.Link{Name: "eth1"}}, nil)
	for _, p := range []model.Packet{udp, udp6} {
		add("NEIGH_FAILED", "neigh_invalidate", p, nil, nil)
		add("NEIGH_FAILED", "neigh_invalidate", p, nil, func(d *drop.Drop) { d.Out = "" })
	}
	for _, l := range []drop.Link{{}, {Up: true}, {Up: true, Carrier: true, Qdisc: "tbf", QdiscDropped: 9}} {
		l.Name = "eth1"
		add("QDISC_DROP", "__dev_queue_xmit", udp, &drop.Facts{Out: &l}, nil)
	}
	// What the dictionary does not have, and all that it has, with names filled in.
	add("", "", none, nil, nil)
	add("SOMETHING_NEW", "", none, nil, nil)
	for _, reason := range slices.Sorted(maps.Keys(drop.Meanings())) {
		source := drop.StepBPF
		if strings.Contains(reason, " ") || regexp.MustCompile(`[a-z]`).MatchString(reason) {
			source = drop.StepProc
		}
		for _, p := range []model.Packet{none, odd} {
			add(reason, "", p, nil, func(d *drop.Drop) { d.Source = source })
		}
	}
	return list
}

// phrases are the words, the facts and the advice of a drop.
func phrasesOf(x drop.Explanation) []string {
	return slices.DeleteFunc(append([]string{x.Words, x.Without, x.Do}, x.Facts...), func(s string) bool { return s == "" })
}

// english are words that commands do not have.
var english = regexp.MustCompile(`\b(?:the|a|an|by|was|were|of|is|it|its|not|no|and|or|at|this|that|in|to|for|with|packets?|bytes|does|see|add|look)\b`)

// TestMeanings: whatever the dictionary says and advises is there in Chinese, and nothing else.
func TestMeanings(t *testing.T) {
	t.Parallel()
	known, used := meanings(), map[string]bool{}
	for reason, m := range drop.Meanings() {
		for _, text := range []string{m.Says, m.Do} {
			if text == "" {
				continue
			}
			used[text] = true
			switch said, ok := known[text]; {
			case !ok:
				t.Errorf("%s: %q has no Chinese", reason, text)
			case said == "" && (text == m.Says || english.MatchString(text)):
				t.Errorf("%s: %q stays", reason, text)
			case said != "" && !strings.ContainsFunc(said, han):
				t.Errorf("%s: %q is %q", reason, text, said)
			}
		}
	}
	for text := range known {
		if !used[text] {
			t.Errorf("nobody says %q", text)
		}
	}
	if n := len(blanks(known)); n < 10 {
		t.Errorf("%d texts with names in them", n)
	}
	for _, part := range []map[string]string{ipReasons(), tcpReasons(), socketReasons(), deviceReasons(), otherReasons(), counters()} {
		for text, said := range part {
			if known[text] != said {
				t.Errorf("%q is both %q and %q", text, said, known[text])
			}
		}
	}
}

// TestDropsInChinese: of whatever kind a drop is, its explanation has no word of English, on the
// page of drops and in what became of a packet.
func TestDropsInChinese(t *testing.T) {
	t.Parallel()
	say, ladder := In("zh").Drop(), In("zh").Ladder()
	kept := regexp.MustCompile("`[^`]*`|ip route get \\S+ from \\S+ iif \\S+|ip (?:route|neigh) (?:get|show) \\S+|show dev \\S+")
	words := drop.Meanings()
	for _, d := range fallen() {
		x := words.Explain(d)
		for _, text := range phrasesOf(x) {
			said := say(text)
			left := english.FindString(kept.ReplaceAllString(said, "-"))
			if left != "" || !strings.ContainsFunc(said, han) && (text != x.Do || said != text) { // commands stay
				t.Errorf("%s in %s: %q is %q: %q", d.Reason, d.Place, text, said, left)
			}
		}
		if d.Source != drop.StepProc && d.Reason != "" {
			want := fmt.Sprintf("被内核丢弃，在 socket 处（%s）：%s", d.Cause(), In("zh").Explained(x, say))
			if got := ladder("dropped by the kernel at the socket (" + d.Cause() + "): " + x.Sentence()); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
	}
	if got := In("en").Explained(words.Explain(fallen()[1]), In("en").Drop()); !strings.HasPrefix(got, "a rule or a policy") {
		t.Errorf("in English: %q", got)
	}
}

func han(r rune) bool { return r >= 0x4e00 && r <= 0x9fff }

// literals are the texts of a Go file, cut where something is filled in, by the functions and
// variables that have them.
func literals(t *testing.T, path string) map[string][]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, d := range file.Decls {
		name := ""
		switch d := d.(type) {
		case *ast.FuncDecl:
			name = d.Name.Name
		case *ast.GenDecl:
			if v, ok := d.Specs[0].(*ast.ValueSpec); ok {
				name = v.Names[0].Name
			}
		}
		ast.Inspect(d, func(n ast.Node) bool {
			if b, ok := n.(*ast.BasicLit); ok && b.Kind == token.STRING {
				text, err := strconv.Unquote(b.Value)
				if err != nil {
					t.Fatal(err)
				}
				out[name] = append(out[name], regexp.MustCompile(`%[a-z]`).Split(text, -1)...)
			}
			return true
		})
	}
	return out
}

// marked are patterns that leave their numbers in what they say.
func marked(list [][2]string) [][2]string {
	list = slices.Clone(list)
	for i := range list {
		list[i][1] += fmt.Sprintf("<%d>", i)
	}
	return list
}

// unused are the patterns that none of the phrases fits.
func unused(list [][2]string, phrases []string) (out []string) {
	put := translator(marked(list))
	hit := map[string]bool{}
	for _, text := range phrases {
		for _, m := range regexp.MustCompile(`<\d+>`).FindAllString(put(text), -1) {
			hit[m] = true
		}
	}
	for i := range list {
		if !hit[fmt.Sprintf("<%d>", i)] {
			out = append(out, list[i][0])
		}
	}
	return out
}

// TestDropsCovered: the drops above are all that the code can make of one: each text of the
// functions that explain stands in one of them, and each pattern is of use to one. A text that
// is added without its Chinese, or a pattern that is left over, fails here.
func TestDropsCovered(t *testing.T) {
	t.Parallel()
	words := drop.Meanings()
	var said []string
	for _, d := range fallen() {
		said = append(said, phrasesOf(words.Explain(d))...)
	}
	all := strings.Join(said, "\n")
	n := 0
	files, err := filepath.Glob("../../model/drop/*.go")
	if err != nil {
		t.Fatal(err)
	}
	// The dictionary, the names of the kernel's functions, and what is said elsewhere: of a
	// station (package journey's), of a step (TestLifts), of what cannot be read.
	elsewhere := regexp.MustCompile(`^(?:\w+Reasons|counterMeanings|functions|hooks|stationNames|At|Words|UnmarshalText)$`)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for name, texts := range literals(t, file) {
			for _, text := range texts {
				if text = strings.TrimSpace(text); !strings.Contains(text, " ") || elsewhere.MatchString(name) {
					continue
				}
				if n++; !strings.Contains(all, text) {
					t.Errorf("%s: %s: no drop of this test has %q", file, name, text)
				}
			}
		}
	}
	if n < 90 {
		t.Errorf("%d texts", n)
	}
	for _, pattern := range unused(slices.Concat(blanks(meanings()), clauses(), advice()), said) {
		t.Errorf("nothing fits the pattern %q", pattern)
	}
}

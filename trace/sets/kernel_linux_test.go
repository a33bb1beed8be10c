package sets

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model/set"
	"nfscope/trace/kmod"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

func reader(t testing.TB, ns *netns.Handle) *Reader {
	t.Helper()
	r, err := Open(ns)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func list(t testing.TB, r *Reader) map[string]set.Set {
	t.Helper()
	l, err := r.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]set.Set{}
	for _, s := range l {
		m[s.Name] = s
	}
	return m
}

// lines reads a whole set by pages of n and prints it.
func lines(t testing.TB, r *Reader, s set.Set, n int) (out []string) {
	t.Helper()
	for {
		p, err := r.Members(t.Context(), s, len(out), n)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range p.Members {
			out = append(out, m.Line(s.Backend))
		}
		if !p.More || len(p.Members) == 0 {
			return out
		}
	}
}

// seconds is what moves between two readings.
var seconds = regexp.MustCompile(`timeout 5\d\d\b|expires [0-9a-z]+`)

func same(t *testing.T, name string, got, want []string) {
	t.Helper()
	for _, l := range [][]string{got, want} {
		for i := range l {
			l[i] = seconds.ReplaceAllString(l[i], "…")
		}
		slices.Sort(l)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant:\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// ipsets has a set of every type; what this kernel does not have is left out.
const ipsets = `create bip bitmap:ip range 10.0.0.0/16 timeout 599 counters comment skbinfo
add bip 10.0.0.1 comment "a b" skbmark 0x1/0xff skbprio 1:10 skbqueue 3
add bip 10.0.0.2 timeout 0 packets 5 bytes 600
create bipn bitmap:ip range 10.0.0.0/8 netmask 24
add bipn 10.1.2.0/24
create bmac bitmap:ip,mac range 10.0.0.0-10.0.0.50
add bmac 10.0.0.1
add bmac 10.0.0.2,aa:bb:cc:0d:ee:ff
create bport bitmap:port range 1-65535
add bport 80
add bport 8000-8003
create hip hash:ip timeout 599
add hip 10.0.0.1
add hip 10.0.0.2 timeout 0
create hipn hash:ip netmask 24 counters forceadd
add hipn 10.1.2.3
create hipb hash:ip bitmask 255.255.0.255
add hipb 10.1.2.3
create hip6 hash:ip family inet6 comment skbinfo
add hip6 2001:db8:0:1:0:1:0:1 comment "x" skbmark 0x5
add hip6 ::1.2.3.4 skbqueue 9
add hip6 1:0:0:2::
add hip6 ::ffff:1.2.3.4
create hmac hash:mac
add hmac aa:bb:cc:0d:ee:ff
create hipmac hash:ip,mac
add hipmac 10.0.0.1,aa:bb:cc:0d:ee:ff
create hnet hash:net
add hnet 10.0.0.0/8
add hnet 10.1.0.0/16 nomatch
add hnet 10.1.2.3
create hnet6 hash:net family inet6 counters
add hnet6 2001:db8::/32
add hnet6 ::1
create hnn hash:net,net
add hnn 10.0.0.0/8,192.168.0.0/16
add hnn 0.0.0.0/0,1.2.3.4 nomatch
create hipport hash:ip,port
add hipport 10.0.0.1,80
add hipport 10.0.0.1,udp:53
add hipport 10.0.0.1,icmp:echo-request
add hipport 10.0.0.1,icmp:3/99
add hipport 10.0.0.1,sctp:7
add hipport 10.0.0.1,udplite:8
add hipport 10.0.0.1,gre:0
add hipport 10.0.0.1,200:0
create hipport6 hash:ip,port family inet6
add hipport6 fe80::1,icmpv6:echo-request
add hipport6 fe80::1,tcp:443
create hipmark hash:ip,mark markmask 0xffff
add hipmark 10.0.0.1,0x12
create hpp hash:ip,port,ip
add hpp 10.0.0.1,80,10.0.0.2
create hpn hash:ip,port,net
add hpn 10.0.0.1,udp:80,10.0.0.0/24
add hpn 10.0.0.1,udp:80,1.2.3.4 nomatch
create hpn6 hash:ip,port,net family inet6 timeout 599
add hpn6 ::5,tcp:80,2001:db8::/32
create hnp hash:net,port
add hnp 10.0.0.0/8,tcp:80
add hnp 10.0.0.1,tcp:80
create hnif hash:net,iface
add hnif 10.0.0.0/8,eth0
add hnif 0.0.0.0/0,physdev:eth1
add hnif 1.2.3.4,eth wildcard nomatch
create hnif6 hash:net,iface family inet6
add hnif6 ::/0,eth0
create hnpn hash:net,port,net
add hnpn 10.0.0.0/8,tcp:80,1.2.3.4
create empty hash:ip
create sets list:set size 5 timeout 599 counters
add sets hip
add sets hnet timeout 0
`

// TestIPSet holds every type against what the program prints.
func TestIPSet(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "ipset")
	ns := nettest.New(t, "ipset")
	made := 0
	for _, line := range strings.Split(strings.TrimSpace(ipsets), "\n") {
		f := strings.Fields(line)
		if f[0] == "add" && !strings.Contains(nettest.Run(t, ns, "ipset", "list", "-n"), f[1]+"\n") {
			continue
		}
		if _, err := ns.Output(t.Context(), []byte(line+"\n"), "ipset", "restore"); err != nil {
			if f[0] == "add" {
				t.Fatal(err)
			}
			t.Logf("left out: %v", err)
		} else if f[0] == "create" {
			made++
		}
	}
	if made < 15 {
		nettest.Skip(t, fmt.Sprintf("this kernel has %d of the types", made))
	}
	r := reader(t, ns)
	got := list(t, r)
	if len(got) != made {
		t.Errorf("%d sets are listed, %d are there", len(got), made)
	}
	for name, s := range got {
		want := parseIPSetList(nettest.Run(t, ns, "ipset", "list", name))
		head := fmt.Sprintf("type %s revision %d header %s memory %d references %d count %d", s.Type, s.Revision, s.Options, s.Memory, s.References, s.Count)
		if head != want.head {
			t.Errorf("%s: %s\nwant:  %s", name, head, want.head)
		}
		if !s.CountKnown || int(s.Count) != len(want.members) {
			t.Errorf("%s: %d members (known: %t), want %d", name, s.Count, s.CountKnown, len(want.members))
		}
		same(t, name, lines(t, r, s, 100), slices.Clone(want.members))
		same(t, name+" by pages of one", lines(t, r, s, 1), want.members)
		hasAll(t, r, s)
		if h, err := r.Header(t.Context(), s.Key); err != nil || h.Options != s.Options {
			t.Errorf("Header of %s: %+v, %v", name, h, err)
		}
		if n, err := r.Count(t.Context(), s); err != nil || n != s.Count {
			t.Errorf("Count of %s: %d, %v", name, n, err)
		}
	}
}

type listed struct {
	head    string
	members []string
}

func parseIPSetList(out string) (l listed) {
	head, members, _ := strings.Cut(out, "Members:\n")
	v := map[string]string{}
	for _, line := range strings.Split(head, "\n") {
		k, val, _ := strings.Cut(line, ": ")
		v[k] = strings.TrimSpace(val)
	}
	l.head = fmt.Sprintf("type %s revision %s header %s memory %s references %s count %s", v["Type"], v["Revision"], v["Header"], v["Size in memory"], v["References"], v["Number of entries"])
	if members = strings.TrimSpace(members); members != "" {
		l.members = strings.Split(members, "\n")
	}
	return l
}

// TestNFT holds every key type against what the program prints.
func TestNFT(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	ns := nettest.New(t, "nft")
	nettest.Run(t, ns, "nft", "-f", "testdata/sets.nft")
	nettest.Echo(t, ns, 99)
	if _, err := nettest.Dial(t, ns, "tcp", "", "127.0.0.1:99", time.Minute); err != nil { // which dc counts: without one the kernel takes the member out
		t.Fatal(err)
	}
	r := reader(t, ns)
	got := list(t, r)
	want := parseNFT(nettest.Run(t, ns, "nft", "list", "ruleset"))
	if len(got) != len(want) || len(want) < 30 || len(want["dc"].members) != 1 {
		t.Errorf("%d sets are listed, %d are there, %q in dc", len(got), len(want), want["dc"].members)
	}
	for name, w := range want {
		s, ok := got[name]
		if !ok {
			t.Errorf("%s is missing", name)
			continue
		}
		if typ := strings.TrimSpace(s.Type + map[bool]string{true: " : " + s.Data}[s.Data != ""]); w.head != "" && typ != w.head {
			t.Errorf("%s is of type %q, want %q", name, typ, w.head)
		}
		if s.CountKnown && int(s.Count) != len(w.members) {
			t.Errorf("%s: the kernel says %d members, there are %d", name, s.Count, len(w.members))
		}
		if n, err := r.Count(t.Context(), s); err != nil || int(n) != len(w.members) {
			t.Errorf("Count of %s: %d, %v", name, n, err)
		}
		s.CountKnown = false
		same(t, name, lines(t, r, s, 100), slices.Clone(w.members))
		same(t, name+" by pages of one", lines(t, r, s, 1), w.members)
		hasAll(t, r, s)
	}
	if s := got["ty"]; s.Comment != "hey" || s.Size != 10 {
		t.Errorf("ty has comment %q and size %d", s.Comment, s.Size)
	}
	if s := got["dy"]; s.Timeout.String() != "1h0m0s" || !slices.Equal(s.Flags, []string{"timeout", "dynamic"}) {
		t.Errorf("dy has timeout %s and flags %q", s.Timeout, s.Flags)
	}
}

// parseNFT takes the sets out of nft's list, by name.
func parseNFT(out string) map[string]listed {
	all := map[string]listed{}
	begin := regexp.MustCompile(`(?m)^\t(set|map) (\S+) \{\n`)
	for _, m := range begin.FindAllStringSubmatchIndex(out, -1) {
		body := out[m[1]:]
		body = body[:strings.Index(body, "\n\t}")]
		var l listed
		if _, typ, ok := strings.Cut(body, "\t\ttype "); ok {
			l.head, _, _ = strings.Cut(typ, "\n")
		}
		if _, el, ok := strings.Cut(body, "elements = { "); ok {
			for _, e := range strings.Split(strings.TrimSuffix(strings.TrimSpace(el), " }"), ",") {
				l.members = append(l.members, strings.TrimSpace(e))
			}
		}
		all[out[m[4]:m[5]]] = l
	}
	return all
}

// TestNothing: where there are no sets, none are listed and none are made.
func TestNothing(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "ipset")
	ns := nettest.New(t, "nothing")
	r := reader(t, ns)
	if got := list(t, r); len(got) != 0 {
		t.Errorf("sets of an empty namespace: %v", got)
	}
	for _, k := range []set.Key{{}, {Name: "x"}, {Backend: set.NFT, Family: 1, Table: "t", Name: "x"}} {
		if _, err := r.Header(t.Context(), k); !errors.Is(err, ErrGone) {
			t.Errorf("Header of %s: %v, want ErrGone", k, err)
		}
		if _, err := r.Members(t.Context(), set.Set{Key: k}, 0, 1); !errors.Is(err, ErrGone) {
			t.Errorf("Members of %s: %v, want ErrGone", k, err)
		}
	}
	if out := nettest.Run(t, ns, "nft", "list", "ruleset") + nettest.Run(t, ns, "ipset", "save"); out != "" {
		t.Errorf("looking made %s", out)
	}
}

// TestModules: a kernel without ip_set and nf_tables is not asked for them, so that it
// loads nothing, and one that has them is.
func TestModules(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	root := t.TempDir()
	if err := os.MkdirAll(root+"/proc", 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(root+"/"+path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("proc/modules", "")
	ns := nettest.New(t, "modules")
	nettest.Run(t, ns, "nft", "add table t; add set t s { type mark; }")
	r := reader(t, ns)
	r.kernel = kmod.Kernel{Root: root}
	if got := list(t, r); len(got) != 0 {
		t.Errorf("a kernel without modules was asked, and has %v", got)
	}
	if _, err := r.Header(t.Context(), set.Key{Backend: set.NFT, Family: 2, Table: "t", Name: "s"}); !errors.Is(err, ErrGone) {
		t.Errorf("Header: %v, want ErrGone", err)
	}
	write("proc/kallsyms", "0000000000000000 T nft_do_chain\n")
	if got := list(t, r); len(got) != 1 {
		t.Errorf("sets of nf_tables: %v", got)
	}
	if !(&Reader{ns: ns}).hasTables() {
		t.Error("this kernel's nf_tables is not seen")
	}
}

// hasAll looks every member up that is no range, and what is none.
func hasAll(t *testing.T, r *Reader, s set.Set) {
	t.Helper()
	p, err := r.Members(t.Context(), s, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range p.Members {
		text := m.Text
		if s.Backend == set.NFT && (m.Text == "*" || strings.ContainsAny(text, "/*") || strings.Contains(text, "-") && spans.MatchString(text)) ||
			s.Type == "bitmap:ip,mac" && !strings.Contains(text, ",") {
			continue
		}
		want := !m.NoMatch // what is taken out of a net is not in the set
		if has, err := r.Contains(t.Context(), s, text); err != nil || has != want {
			t.Errorf("Contains of %s, %q: %t, want %t, %v", s.Key, text, has, want, err)
		}
	}
}

// spans matches ranges of numbers and addresses, not names with a hyphen.
var spans = regexp.MustCompile(`[0-9a-f]-(0x)?[0-9a-f:]`)

// TestContains: what is within an interval or a net is in the set, what is beside it is
// not, and what cannot be a member is said to be none.
func TestContains(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "ipset")
	ns := nettest.New(t, "contains")
	nettest.Run(t, ns, "nft", "-f", "testdata/sets.nft")
	nettest.Feed(t, ns, "create port bitmap:port range 1-100\nadd port 5\ncreate nets hash:net,port\nadd nets 10.0.0.0/8,udp:53\nadd nets 10.1.0.0/16,udp:53 nomatch\n"+
		"create six hash:net family inet6\nadd six 2001:db8::/32\ncreate icmp hash:ip,port\nadd icmp 10.0.0.1,icmp:echo-request\n", "ipset", "restore")
	r := reader(t, ns)
	l := list(t, r)
	for _, c := range []struct {
		set, member string
		want        bool
	}{
		{"port", "5", true}, {"port", "6", false}, {"nets", "10.2.3.4,udp:53", true}, {"nets", "10.2.3.4,udp:54", false}, {"nets", "10.2.3.4,53", false},
		{"nets", "10.1.3.4,udp:53", false}, {"nets", "10.0.0.0/8,udp:53", true}, {"six", "2001:db8::5", true}, {"six", "2001:db9::5", false},
		{"icmp", "10.0.0.1,icmp:8/0", true}, {"icmp", "10.0.0.1,icmp:0/0", false},
		{"a", "10.200.3.4 . 85", true}, {"a", "10.200.3.4 . 91", false}, {"a", "1.2.3.5 . 22", true}, {"a", "1.2.3.7 . 22", false},
		{"isv", "79", true}, {"isv", "81", false}, {"isv", "95", true}, {"isv", "0", true}, {"isv", "65535", true}, {"isv", "59999", false},
		{"b", "200.0.0.1", true}, {"mi", "7", true}, {"mi", "0x0000000a", false}, {"m", "5", true}, {"m", "0x05000000", false},
		{"i", `"wlan0"`, true}, {"i", "eth1", false}, {"v", "fe80::1", true}, {"v", "::6", false}, {"hs", "7", true}, {"hh", "1 . 2 . 3 . 0:4 . 5 . 6", false},
		{"mci", `0x00000005 . "eth0" . 8`, true}, {"mci", `0x00000006 . "eth0" . 8`, false}, {"cs", "new", true}, {"cs", "related", false},
	} {
		has, err := r.Contains(t.Context(), l[c.set], c.member)
		if err != nil || has != c.want {
			t.Errorf("%s in %s: %t, want %t, %v", c.member, l[c.set].Key, has, c.want, err)
		}
	}
	for name, members := range map[string][]string{
		"port": {"x", "5,6", "tcp:5"}, "nets": {"10.0.0.1", "::1,tcp:5", "10.0.0.1,frob:5", "10.0.0.1,tcp:x"}, "six": {"1.2.3.4", "fe80::1%eth0"},
		"icmp": {"10.0.0.0/8,icmp:8/0", "10.0.0.1,icmp:echo"}, "a": {"1.2.3.4", "1.2.3.4 . http", "::1 . 80"}, "isv": {"", "65536", "1-2"},
	} {
		for _, m := range members {
			if has, err := r.Contains(t.Context(), l[name], m); has || err == nil || !strings.Contains(err.Error(), "cannot be looked up in "+l[name].String()) {
				t.Errorf("%q in %s: %t, %v", m, name, has, err)
			}
		}
	}
	nettest.Run(t, ns, "ipset", "destroy", "port")
	nettest.Run(t, ns, "nft", "delete set inet t isv")
	for _, name := range []string{"port", "isv"} {
		if _, err := r.Contains(t.Context(), l[name], "5"); !errors.Is(err, ErrGone) {
			t.Errorf("in a set that is gone: %v", err)
		}
	}
}

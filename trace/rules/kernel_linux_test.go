package rules

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

func open(t testing.TB, ns *netns.Handle) *Reader {
	t.Helper()
	r, err := Open(ns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func snapshot(t testing.TB, r *Reader) *model.Ruleset {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	rs, err := r.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

// clean is a snapshot without a warning.
func clean(t testing.TB, r *Reader) *model.Ruleset {
	t.Helper()
	rs := snapshot(t, r)
	if len(rs.Warnings) > 0 {
		t.Fatalf("warnings:\n%s", strings.Join(rs.Warnings, "\n"))
	}
	return rs
}

func generation(t testing.TB, r *Reader) string {
	t.Helper()
	g, err := r.Generation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// refreshed is rs with the counters that Counts reads. It fails the test when a
// program is run for it.
func refreshed(t testing.TB, r *Reader, rs *model.Ruleset) *model.Ruleset {
	t.Helper()
	saved := r.programs
	defer func() { r.programs = saved }()
	r.programs.run = func(_ context.Context, path string, _ ...string) (*printout, error) {
		t.Errorf("Counts ran %s", path)
		return nil, errors.New("refused")
	}
	c, err := r.Counts(t.Context(), rs)
	if err != nil {
		t.Fatal(err)
	}
	n := *rs
	n.Tables = clone(rs.Tables)
	apply(&n, c)
	return &n
}

// packets sends n UDP datagrams to closed ports of the namespace's own lo, IPv4 and IPv6.
func packets(t testing.TB, ns *netns.Handle, n int) {
	t.Helper()
	nettest.Do(t, ns, func() error {
		c, err := net.ListenPacket("udp", ":0") // not connected: it never hears that nobody listens
		if err != nil {
			return err
		}
		defer c.Close()
		for _, to := range []string{"127.0.0.1:9", "[::1]:9", "127.0.0.1:53"} {
			addr, err := net.ResolveUDPAddr("udp", to)
			if err != nil {
				return err
			}
			for range n {
				if _, err := c.WriteTo([]byte("nfscope"), addr); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// saved is what a save -c program prints, as "table chain [packets:bytes] text" lines.
func saved(out string) []string {
	var lines []string
	table := ""
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "*"):
			table = line[1:]
		case strings.HasPrefix(line, ":"), strings.HasPrefix(line, "["):
			lines = append(lines, table+" "+line)
		}
	}
	return lines
}

// printed is what a table's model says, in the same form.
func printed(t *model.Table) []string {
	var lines []string
	for _, c := range t.Chains {
		policy := c.Policy
		if policy == "" {
			policy = "-"
		}
		lines = append(lines, fmt.Sprintf("%s :%s %s [%d:%d]", t.Name, c.Name, policy, c.Counters.Packets, c.Counters.Bytes))
	}
	for _, c := range t.Chains {
		for _, r := range c.Rules {
			lines = append(lines, fmt.Sprintf("%s [%d:%d] %s", t.Name, r.Counters.Packets, r.Counters.Bytes, r.Text))
		}
	}
	return lines
}

// agree compares the tables of a backend and family with what the program prints.
// Built-in chains that only the program knows may be missing.
func agree(t *testing.T, rs *model.Ruleset, b model.Backend, f model.Family, out string) {
	t.Helper()
	have := map[string]int{}
	for _, tab := range rs.Tables {
		if tab.Backend == b && tab.Family == f {
			for _, l := range printed(tab) {
				have[l]++
			}
		}
	}
	for _, l := range saved(out) {
		if have[l] == 0 && !(b == model.BackendIptablesNFT && strings.HasSuffix(l, " ACCEPT [0:0]")) {
			t.Errorf("%s %s: missing: %s", b, f, l)
		}
		have[l]--
	}
	for l, n := range have {
		if n > 0 {
			t.Errorf("%s %s: too many: %s", b, f, l)
		}
	}
	if t.Failed() {
		t.Logf("program:\n%s", strings.Join(saved(out), "\n"))
	}
}

func hits(rs *model.Ruleset, b model.Backend) (n uint64) {
	for _, t := range rs.Tables {
		if t.Backend == b {
			for _, c := range t.Chains {
				for _, r := range c.Rules {
					n += r.Counters.Packets
				}
			}
		}
	}
	return n
}

const filterRules = `*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:WEB - [0:0]
:EMPTY - [0:0]
-A INPUT -p udp -m udp --dport 9 -m comment --comment "a \"quoted\" one" -j WEB
-A INPUT -p udp -m udp --dport 53 -g EMPTY
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A OUTPUT -p udp
-A WEB -p udp -m length --length 0:1000
-A WEB -j RETURN
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -p udp -j MARK --set-xmark 0x1/0xffffffff
COMMIT
`

const nativeRules = `table inet fw {
	set seen {
		type ipv4_addr
		elements = { 127.0.0.1 }
	}
	chain in {
		type filter hook input priority 0; policy accept;
		ip saddr @seen counter
		udp dport 9 counter comment "nine"
		udp dport 53
		ct original ip saddr 127.0.0.1 counter
		jump deep
	}
	chain deep {
		counter return
	}
	chain out {
		type filter hook output priority -5; policy accept;
		meta l4proto udp counter
	}
}
table ip filter {
	chain input {
		type filter hook input priority 10; policy accept;
		udp dport 9 counter
	}
}
table ip6 six {
	chain in {
		type filter hook input priority 0; policy accept;
		counter
		rt classid 7 counter
	}
}
table arp a {
	chain in {
		type filter hook input priority 0; policy accept;
		counter
	}
}
table bridge b {
	chain through {
		type filter hook forward priority 0; policy accept;
		counter
	}
}
table netdev d {
	chain ing {
		type filter hook ingress device "lo" priority 0; policy accept;
		counter
	}
}
table inet nfscope-own {
	chain c {
		type filter hook input priority 300; policy accept;
		counter
	}
}
`

var counted = regexp.MustCompile(`counter packets (\d+) bytes (\d+)`)
var handled = regexp.MustCompile(`# handle (\d+)$`)

// nftAgrees compares the native tables with what nft prints, by family, table and handle.
func nftAgrees(t *testing.T, rs *model.Ruleset, out string) {
	t.Helper()
	type rule struct {
		chain  string
		handle uint64
		c      model.Counters
	}
	want := map[string][]rule{}
	table, chain := "", ""
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		f := strings.Fields(line)
		m := handled.FindStringSubmatch(line)
		switch {
		case len(f) > 2 && f[0] == "table":
			table, chain = f[1]+" "+f[2], ""
		case len(f) > 1 && f[0] == "chain":
			chain = f[1]
		case len(f) > 1 && f[0] == "set":
			chain = ""
		case m != nil && chain != "":
			r := rule{chain: chain}
			r.handle, _ = strconv.ParseUint(m[1], 10, 64)
			if c := counted.FindStringSubmatch(line); c != nil {
				r.c.Valid = true
				r.c.Packets, _ = strconv.ParseUint(c[1], 10, 64)
				r.c.Bytes, _ = strconv.ParseUint(c[2], 10, 64)
			}
			want[table] = append(want[table], r)
		}
	}
	tables := 0
	for _, tab := range rs.Tables {
		if tab.Backend != model.BackendNFTables {
			continue
		}
		tables++
		var have []rule
		for _, c := range tab.Chains {
			if c.Counters.Valid {
				t.Errorf("chain %s of %s has a counter; nft made none", c.Name, tab.Name)
			}
			for _, r := range c.Rules {
				if r.Text == "" {
					t.Errorf("rule %d of %s %s has no text", r.Index, tab.Name, c.Name)
				}
				have = append(have, rule{chain: c.Name, handle: r.Handle, c: r.Counters})
			}
		}
		key := tab.Family.String() + " " + tab.Name
		if got, w := fmt.Sprint(have), fmt.Sprint(want[key]); got != w {
			t.Errorf("table %s:\n got %s\nwant %s", key, got, w)
		}
		delete(want, key)
	}
	for key := range want {
		if !strings.Contains(key, " "+OwnPrefix) && rs.Table(model.BackendIptablesNFT, family(t, key), strings.Fields(key)[1]) == nil {
			t.Errorf("table %s is missing", key)
		}
	}
	if tables == 0 {
		t.Error("no native table")
	}
}

func family(t *testing.T, key string) model.Family {
	t.Helper()
	f, err := model.ParseFamily(strings.Fields(key)[0])
	if err != nil {
		t.Fatal(err)
	}
	return f
}

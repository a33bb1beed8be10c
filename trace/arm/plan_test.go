package arm

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"nfscope/model/filter"
)

func TestRawRulesAsIptablesWantsThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", "46 "},
		{"tcp dst port 80", "46 -p 6 -m multiport --dports 80"},
		{"tcp and not dst portrange 80-90", "46 -p 6 -m multiport ! --dports 80:90"},
		{"ip src net 10.0.0.0/8 and not dst host 10.0.0.1", "4 -s 10.0.0.0/8 ! -d 10.0.0.1/32"},
		{"src net 10.0.0.0/8 and not src net 10.1.0.0/16", "4 -s 10.0.0.0/8 -m iprange ! --src-range 10.1.0.0-10.1.255.255"},
		{"src net fd00::/8 and in eth0", "6 -i eth0 -s fd00::/8"},
		{"mark 1/3 and not icmp", "46 ! -p 1 -m mark --mark 0x1/0x3"},
		{"dst port 80", "46 -p 6 -m multiport --dports 80|46 -p 17 -m multiport --dports 80|46 -p 33 -m multiport --dports 80|" +
			"46 -p 132 -m multiport --dports 80|46 -p 136 -m multiport --dports 80"},
		{"not tcp and not udp", "46 ! -p 6 (partly)"},
	} {
		f, err := filter.Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		p, err := newPlan(f, false)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, k := range p.prerouting {
			for _, r := range rawRules(k) {
				s := map[bool]string{true: "4"}[r.v4] + map[bool]string{true: "6"}[r.v6] + " " + strings.Join(r.args, " ")
				if r.partly {
					s += " (partly)"
				}
				got = append(got, s)
			}
		}
		if s := strings.Join(got, "|"); s != c.want {
			t.Errorf("%q:\n got %s\nwant %s", c.text, s, c.want)
		}
	}
}

func TestPlanLeavesOutWhatAHookCannotKnow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text        string
		pre, output int
		note        string
	}{
		{"in eth0 and tcp", 1, 0, ""},
		{"not in eth0 and tcp", 1, 1, ""},
		{"out eth1 and tcp", 1, 1, "filtered afterwards: out eth1"},
		{"out eth0 or out eth1", 1, 2, "out eth0, out eth1"},
		{"tcp and out eth0 or tcp and out eth1", 1, 2, "out eth0, out eth1"},
		{"dropped and state new", 1, 1, "dropped, state new"},
		{"mark 1", 1, 1, "mark a packet comes with"},
	} {
		f, err := filter.Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		p, err := newPlan(f, false)
		if err != nil || len(p.prerouting) != c.pre || len(p.output) != c.output || !strings.Contains(strings.Join(p.notes, "\n"), c.note) ||
			c.note == "" && len(p.notes) > 0 {
			t.Errorf("%q: %+v, %v", c.text, p, err)
		}
	}
}

// TestPlanOfConnections: what comes back is known by its connection where that tells it from
// others, whatever the interfaces; and a filter has twice the room for it.
func TestPlanOfConnections(t *testing.T) {
	t.Parallel()
	var hosts []string
	for i := range 40 {
		hosts = append(hosts, fmt.Sprintf("src host 10.0.0.%d", i))
	}
	for _, c := range []struct {
		text  string
		known int
	}{{"udp and in eth0", 0}, {"udp", 1}, {"udp and in eth0 and src host 10.0.0.1", 2}, {"in eth0", 0}, {"ip or ip6", 0}, {strings.Join(hosts, " or "), 80}} {
		f, err := filter.Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		p, err := newPlan(f, true)
		if err != nil || len(p.known) != c.known {
			t.Fatalf("%q: %v, %+v", c.text, err, p)
		}
		for _, k := range p.known {
			if slices.ContainsFunc(k.Conds, func(d filter.Cond) bool { return d.Field == filter.FieldIn || d.Field == filter.FieldOut }) {
				t.Errorf("%q: a connection has no interface: %+v", c.text, k)
			}
		}
	}
}

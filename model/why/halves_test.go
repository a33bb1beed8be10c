package why

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
)

// TestHairpin: a request is sent back to where it came from where it leaves by the interface it
// came by, only its destination was translated, and both ends are in one network.
func TestHairpin(t *testing.T) {
	routes := &model.Routes{List: []model.Route{{To: netip.MustParsePrefix("10.1.0.0/24"), Device: "r0"}, {To: netip.MustParsePrefix("10.2.0.0/24"), Device: "r0"}, {To: netip.MustParsePrefix("0.0.0.0/0"), Device: "r0"}}}
	const asked, server = "192.0.2.1:9", "10.1.0.3:53"
	for name, c := range map[string]struct {
		change func(*journey.Journey)
		want   bool
	}{
		"a hairpin":              {func(*journey.Journey) {}, true},
		"its source is told":     {func(j *journey.Journey) { j.NAT.Src = []string{"10.1.0.2:40000", "10.1.0.2:40000"} }, true},
		"masqueraded":            {func(j *journey.Journey) { j.NAT.Src = []string{"10.1.0.2:40000", "10.1.0.1:40000"} }, false},
		"out of another":         {func(j *journey.Journey) { j.Out = "r1" }, false},
		"no interfaces":          {func(j *journey.Journey) { j.In, j.Out = "", "" }, false},
		"not translated":         {func(j *journey.Journey) { j.NAT = nil }, false},
		"to what it had":         {func(j *journey.Journey) { j.NAT.Dst = []string{asked, asked} }, false},
		"half known":             {func(j *journey.Journey) { j.NAT.Dst = []string{asked} }, false},
		"into another network":   {func(j *journey.Journey) { j.NAT.Dst = []string{asked, "10.2.0.3:53"} }, false},
		"behind another gateway": {func(j *journey.Journey) { j.NAT.Dst = []string{asked, "10.3.0.3:53"} }, false},
	} {
		j := traced(10, udp(1), journey.Accepted, journey.Culprit{})
		j.Out, j.NAT = "r0", &journey.NAT{Dst: []string{asked, server}}
		c.change(j)
		x := &sight{journey: j, packet: &j.Packet}
		if got := (&verdict{by: x}).hairpin(&Seen{Routes: routes}); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		x.reply = true
		if (&verdict{by: x}).hairpin(&Seen{Routes: routes}) || (&verdict{by: &sight{}}).hairpin(&Seen{Routes: routes}) || (&verdict{}).hairpin(&Seen{Routes: routes}) {
			t.Errorf("%s: so is a reply, or what was not traced", name)
		}
	}
}

// TestOneWay: a client that acknowledges what did not come by here has its replies another way.
func TestOneWay(t *testing.T) {
	syn, ack := tcp(model.SYN, 1, 1), tcp(model.ACK, 2, 2)
	answer := back(tcp(model.SYN|model.ACK, 9, 3))
	for name, c := range map[string]struct {
		list []model.Packet
		want bool
	}{
		"it goes on":      {[]model.Packet{syn, ack}, true},
		"it goes on late": {[]model.Packet{syn, syn, ack}, true},
		"it asks again":   {[]model.Packet{syn, syn}, false},
		"from the middle": {[]model.Packet{ack, ack}, false},
		"it gives up":     {[]model.Packet{syn, tcp(model.RST|model.ACK, 2, 2)}, false},
		"it was answered": {[]model.Packet{syn, answer, ack}, false},
		"datagrams":       {[]model.Packet{udp(1), udp(2)}, false},
	} {
		k := &talk{}
		for i := range c.list {
			k.sights = append(k.sights, &sight{packet: &c.list[i], reply: c.list[i].SPort == 80})
		}
		if got := k.oneWay(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestParted: only of a reply that is another connection's first packet is said that conntrack
// has the directions apart.
func TestParted(t *testing.T) {
	x := func(reply bool, flow uint32, direction, state string) *sight {
		j := traced(10, udp(1), journey.Accepted, journey.Culprit{})
		j.Flow, j.Direction, j.CTState = flow, direction, state
		return &sight{journey: j, packet: &j.Packet, reply: reply}
	}
	const untold, apart = "it was told not to track the request", "in another entry"
	for name, c := range map[string]struct {
		list []*sight
		want string
	}{
		"one connection":          {[]*sight{x(false, 7, journey.Original, "NEW"), x(true, 7, journey.Reply, "ESTABLISHED")}, ""},
		"not tracked":             {[]*sight{x(false, 0, "", "UNTRACKED"), x(true, 8, journey.Original, "NEW")}, untold},
		"another zone":            {[]*sight{x(false, 7, journey.Original, "NEW"), x(true, 8, journey.Original, "NEW")}, apart},
		"neither is tracked":      {[]*sight{x(false, 0, "", "UNTRACKED"), x(true, 0, "", "UNTRACKED")}, ""},
		"the same ports again":    {[]*sight{x(false, 7, journey.Original, "NEW"), x(false, 8, journey.Original, "NEW"), x(true, 8, journey.Reply, "ESTABLISHED")}, ""},
		"the first is not known":  {[]*sight{x(false, 0, "", ""), x(true, 8, journey.Original, "NEW")}, ""},
		"the first was only lost": {[]*sight{{packet: &model.Packet{}}, x(true, 8, journey.Original, "NEW")}, ""},
	} {
		got := (&talk{sights: c.list}).parted()
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestLookForgets: a frame that asks for an address is no packet of the flow.
func TestLookForgets(t *testing.T) {
	f, err := filter.Parse("ip or ip6")
	if err != nil {
		t.Fatal(err)
	}
	l := NewLook(f, "")
	l.Begin(begin)
	l.Drop(&drop.Drop{Time: at(1), Source: drop.StepBPF, Reason: "NEIGH_FAILED", ARP: "arp who-has 10.0.0.2 tell 10.0.0.1", Count: 1})
	l.Drop(netfilter(2, udp(1)))
	if s := l.Seen(at(1000), false); len(s.Drops) != 1 || s.Looked != time.Second {
		t.Errorf("%d drops, %v", len(s.Drops), s.Looked)
	}
}

// TestHalvesAdvice: what to do is said of what was dropped half seen, by a rule or a policy, and
// of a hairpin that came through, not of one that a rule dropped.
func TestHalvesAdvice(t *testing.T) {
	f, err := filter.Parse("ip")
	if err != nil {
		t.Fatal(err)
	}
	policy := drops9
	policy.Kind, policy.Rule, policy.Text = "policy", 0, ""
	const way = "ip route get 10.1.0.2"
	for _, c := range []struct {
		by          journey.Culprit
		state, told string // as the trace has it, as the kernel does that dropped it
		want        string
	}{
		{drops9, "", "", ""},
		{drops9, "ESTABLISHED", "ESTABLISHED", ""},
		{drops9, "INVALID", "", way},
		{drops9, "", "INVALID", way},
		{policy, "ESTABLISHED", "", ""},
		{policy, "INVALID", "", way},
		{rule(3, "-A FORWARD -m length --length 53 -j DROP"), "", "", ""},
		{rule(3, `-A FORWARD -m comment --comment "no ct state here" -j DROP`), "", "", ""},
		{rule(3, `-A FORWARD -m comment --comment "odd \" one" -m conntrack ! --ctstate ESTABLISHED -j DROP`), "", "", way},
		{rule(3, "-A FORWARD -m conntrack --ctstate INVALID -j DROP"), "", "", way},
		{rule(3, "-A FORWARD -m state --state INVALID -j DROP"), "", "", way},
		{rule(3, `tcp dport 80 ct state != established drop comment "half"`), "", "", way},
	} {
		gone := traced(12, tcp(model.ACK, 2, 3), journey.Dropped, c.by)
		gone.CTState = c.state
		s := &Seen{Filter: f, Began: begin, Looked: time.Second, Journeys: []*journey.Journey{traced(10, tcp(model.SYN, 1, 1), journey.Accepted, journey.Culprit{}), gone}}
		if c.told != "" {
			gone.Drop = netfilter(12, gone.Packet)
			gone.Drop.State = c.told
		}
		if a := Judge(s); a.Do != "" && c.want == "" || !strings.HasPrefix(a.Do, c.want) || !strings.Contains(strings.Join(a.Evidence, "; "), "the client goes on") {
			t.Errorf("%s %s %s %s: %q, %q", c.by.Kind, c.by.Text, c.state, c.told, a.Do, a.Evidence)
		}
	}
	routes := &model.Routes{List: []model.Route{{To: netip.MustParsePrefix("10.1.0.0/24"), Device: "r0"}}}
	for verdict, want := range map[string]string{journey.Accepted: "masquerade it", journey.Dropped: ""} {
		j := traced(10, udp(1), verdict, drops9)
		j.Out, j.NAT = "r0", &journey.NAT{Dst: []string{"192.0.2.1:9", "10.1.0.3:53"}}
		a := Judge(&Seen{Filter: f, Began: begin, Looked: time.Second, Over: true, Routes: routes, Journeys: []*journey.Journey{j}})
		if !strings.HasPrefix(a.Do, want) || want == "" && a.Do != "" {
			t.Errorf("%s: %q", verdict, a.Do)
		}
	}
}

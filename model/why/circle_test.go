package why

import (
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
)

// TestCircling: a packet that comes back by the interface that it left by, with a smaller TTL, goes
// round in a circle, and is not sent again.
func TestCircling(t *testing.T) {
	f, err := filter.Parse("dst host 10.2.0.2")
	if err != nil {
		t.Fatal(err)
	}
	syn := func(ttl uint8) model.Packet {
		return with(tcp(model.SYN, 1, 5), func(p *model.Packet) { p.TTL = ttl })
	}
	comes := func(ms int, p model.Packet, in string) *journey.Journey {
		j := traced(ms, p, journey.Accepted, journey.Culprit{})
		j.In = in
		return j
	}
	alike := func(ttl uint8) model.Packet { // a datagram without an id
		return with(udp(0), func(p *model.Packet) { p.TTL = ttl })
	}
	const says = "packets of it came back 2 times by r1, where they had left, with a smaller TTL: a route leads in a circle"
	for name, c := range map[string]struct {
		list  []*journey.Journey
		want  string
		again int
	}{
		"a circle":                  {[]*journey.Journey{comes(10, syn(64), "r0"), comes(11, syn(62), "r1"), comes(12, syn(60), "r1")}, says, 0},
		"sent again":                {[]*journey.Journey{comes(10, syn(64), "r0"), comes(1011, syn(64), "r0")}, "", 1},
		"by two ways":               {[]*journey.Journey{comes(10, syn(64), "r0"), comes(11, syn(62), "r2")}, "", 0},
		"as old, back from there":   {[]*journey.Journey{comes(10, syn(64), "r0"), comes(11, syn(64), "r1")}, "", 1},
		"another, back from there":  {[]*journey.Journey{comes(10, syn(64), "r0"), comes(11, with(syn(62), func(p *model.Packet) { p.Seq = 9 }), "r1")}, "", 0},
		"datagrams, a circle":       {[]*journey.Journey{comes(10, alike(64), "r0"), comes(11, alike(62), "r1"), comes(12, alike(60), "r1"), comes(13, alike(58), "r1")}, says, 0},
		"datagrams, one came back":  {[]*journey.Journey{comes(10, alike(64), "r0"), comes(11, alike(62), "r1")}, "", 0},
		"datagrams, tried by TTL":   {[]*journey.Journey{comes(10, alike(3), "r1"), comes(11, alike(1), "r1"), comes(12, alike(2), "r1"), comes(13, alike(3), "r1"), comes(14, alike(1), "r1")}, "", 0},
		"datagrams, others each":    {[]*journey.Journey{comes(10, alike(64), "r1"), comes(11, with(alike(62), func(p *model.Packet) { p.Content = 7 }), "r1"), comes(12, with(alike(60), func(p *model.Packet) { p.Content = 8 }), "r1")}, "", 0},
		"datagrams, now and then":   {[]*journey.Journey{comes(10, alike(64), "r1"), comes(510, alike(62), "r1"), comes(1010, alike(60), "r1")}, "", 0},
		"datagrams, by other steps": {[]*journey.Journey{comes(10, alike(64), "r1"), comes(11, alike(62), "r1"), comes(12, alike(61), "r1")}, "", 0},
	} {
		a := judged(t, &Seen{Filter: f, Began: begin, Looked: 2 * time.Second, Over: true, Watch: drop.Watch{Step: drop.StepBPF, Netns: inode}, Journeys: c.list})
		all := strings.Join(a.Evidence, "\n")
		if strings.Contains(all, "in a circle") != (c.want != "") || !strings.Contains(all, c.want) || a.Requests.Again != c.again || strings.HasPrefix(a.Do, "ip route get 10.2.0.2 here") != (c.want != "") {
			t.Errorf("%s: %d again; %s\n%s", name, a.Requests.Again, a.Do, all)
		}
	}
}

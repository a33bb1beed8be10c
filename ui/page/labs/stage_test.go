package labs

import (
	"net/netip"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/ui/keys"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// A packet moves from the host that sent it to the one it was sent on to: the answer's host
// where it is an answer, the watched one where that sent it, the one behind the cable where
// no host has its destination.
func TestEnds(t *testing.T) {
	t.Parallel()
	l := uitest.Lab("en", 0).Lab
	s := newStage(l, 0) // from client
	packet := func(src, dst string) model.Packet {
		return model.Packet{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst)}
	}
	for name, c := range map[string]struct {
		j        journey.Journey
		from, to string
	}{
		"question":   {journey.Journey{Path: journey.PathForward, Packet: packet("198.51.100.7", "10.2.0.2")}, "client", "web"},
		"answer":     {journey.Journey{Path: journey.PathForward, Packet: packet("10.2.0.2", "198.51.100.7")}, "web", "client"},
		"translated": {journey.Journey{Path: journey.PathForward, Packet: packet("10.1.0.2", "203.0.113.1"), NAT: &journey.NAT{Dst: []string{"203.0.113.1:443", "10.2.0.2:8443"}}}, "pc", "web"},
		"own":        {journey.Journey{Path: journey.PathOutput, Packet: packet("10.1.0.1", "10.1.0.2")}, "gateway", "pc"},
		"borrowed":   {journey.Journey{Path: journey.PathOutput, Packet: packet("198.51.100.7", "10.1.0.2")}, "gateway", "pc"},
		"stranger":   {journey.Journey{Path: journey.PathForward, Packet: packet("192.0.2.9", "192.0.2.77"), Out: "eth1"}, "client", "pc"},
		"spoofed":    {journey.Journey{Path: journey.PathForward, Packet: packet("10.1.0.1", "10.2.0.2")}, "client", "web"},
	} {
		if from, to := s.source(&c.j), s.target(&c.j); from != c.from || to != c.to {
			t.Errorf("%s: from %s to %s, want %s to %s", name, from, to, c.from, c.to)
		}
	}
}

// How a packet ended behind the cables is told when it is known: by the answer that comes
// from there, or by what the sender saw.
func TestVerdict(t *testing.T) {
	t.Parallel()
	l := uitest.Lab("en", 1).Lab
	there := fate{host: "web"}
	answer := &journey.Journey{Path: journey.PathForward, Packet: model.Packet{Src: netip.MustParseAddr("10.2.0.2")}}
	for name, c := range map[string]struct {
		result string
		list   []*journey.Journey
		want   string
	}{
		"not known":    {"", []*journey.Journey{{}}, ""},
		"it answers":   {"", []*journey.Journey{{}, answer}, journey.Accepted},
		"the answer":   {"", []*journey.Journey{answer}, ""},
		"it was seen":  {"connected", []*journey.Journey{{}}, journey.Accepted},
		"nobody knows": {"timed out", []*journey.Journey{{}}, lost},
	} {
		s := newStage(l, 0)
		s.list, s.step.Result, s.known = c.list, c.result, c.result != ""
		if got := s.verdict(there); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A packet that stands still does so however much time goes by.
func TestStandsStill(t *testing.T) {
	t.Parallel()
	p := New(Options{Pace: &pace{held: true}})
	f := frame(uitest.Lab("en", 0), theme.Options{}, 120, 40)
	do(p, f, keys.GoOn, keys.Bottom, keys.GoOn)
	f.Snap = uitest.Lab("en", 1)
	p.Move(100*time.Millisecond, f)
	p.Pause(f)
	was := text(p, f)
	if p.Move(time.Minute, f); text(p, f) != was || p.Moving(f) {
		t.Errorf("it moves:\n%s", text(p, f))
	}
	if p.Pause(f); !p.Moving(f) {
		t.Error("it does not go on")
	}
}

// A packet whose way is not over stays in the host, however fast the hand.
func TestUnderWay(t *testing.T) {
	t.Parallel()
	p := New(Options{Pace: &pace{held: true}})
	f := frame(uitest.Lab("en", 0), theme.Options{}, 120, 40)
	do(p, f, keys.GoOn, keys.Bottom, keys.GoOn)
	f.Snap = uitest.Lab("en", 1)
	over := f.Snap.Journeys[0]
	open := *over
	open.Closed = false
	f.Snap.Journeys[0] = &open
	for p.stage.part != inside {
		p.Move(33*time.Millisecond, f)
	}
	if do(p, f, keys.GoOn); p.stage.part != inside || p.phase != showing {
		t.Fatalf("it is at %d", p.stage.part)
	}
	f.Snap.Journeys[0] = over
	do(p, f, keys.GoOn)
	wants(t, p, f, "It was accepted")
}

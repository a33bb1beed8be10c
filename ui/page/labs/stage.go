package labs

import (
	"net/netip"
	"time"

	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/ui/component/network"
	"nfscope/ui/component/player"
)

// part is where on its way a packet is shown.
type part int

// The parts: nothing is known yet, on the cables to the watched host, in its netfilter,
// on the cables behind it, at its end, all over.
const (
	waiting part = iota
	coming
	inside
	going
	ended
	over
)

const (
	// perCable is how long a packet takes from one host to the next; stays how long it is
	// to be seen where it ended.
	perCable = 450 * time.Millisecond
	stays    = 500 * time.Millisecond
	// unasked is how long one that no rule is asked of stays in the watched host.
	unasked = 700 * time.Millisecond
	// most is how many packets of a step are shown on their way; the rest only counts.
	most = 12
)

// fate is how a packet ended on the drawing: in a host with a verdict (journey's, or lost),
// or behind some cables, where the step tells whether it arrived.
type fate struct {
	host    string
	verdict string // "" behind cables
	at      int    // of the stage's list
}

// lost is the fate of a packet of which nothing tells where it ended.
const lost = "lost"

// stage shows the packets of one step, one after the other, on a clock of its own: what
// is shown never runs ahead of what was sent, nor of the teacher.
type stage struct {
	net  *snapshot.LabNet
	step snapshot.LabStep
	// list are the step's packets, oldest first; known is true when no more will come.
	list  []*journey.Journey
	known bool

	at   int // of list
	part part
	way  []string // hosts of the cables it is on
	prog float64  // how far it is along them, or how long it has been at its end, 0 to 1
	walk *player.Player
	// fates are where packets ended, the newest last.
	fates  []fate
	paused bool
}

func newStage(l *snapshot.Lab, step int) *stage {
	return &stage{net: &l.Net, step: l.Steps[step]}
}

// feed takes the step and its packets as they are known now.
func (s *stage) feed(l *snapshot.Lab, step int, js []*journey.Journey) {
	s.step, s.known = l.Steps[step], l.Steps[step].Result != ""
	last := 0
	if step+1 < len(l.Steps) {
		last = l.Steps[step+1].After
	}
	s.list = s.list[:0]
	for _, j := range js {
		if j.Number > s.step.After && (last <= 0 || j.Number <= last) && (len(j.Steps) > 0 || j.Closed) {
			s.list = append(s.list, j)
		}
	}
	// A recording that is played back takes away what is under way: those left begin anew.
	if s.at >= len(s.list) && (s.part == inside || s.part == going || s.at > 0 && (s.part == coming || s.part == ended)) {
		s.at, s.part, s.way, s.prog, s.walk, s.fates = 0, waiting, nil, 0, nil, nil
	}
}

// now is the packet under way; nil where there is none.
func (s *stage) now() *journey.Journey {
	if s.part == waiting || s.part == over || s.at >= len(s.list) {
		return nil
	}
	return s.list[s.at]
}

// first is the packet that the step is about; nil where none was seen.
func (s *stage) first() *journey.Journey {
	if len(s.list) == 0 {
		return nil
	}
	return s.list[0]
}

// rate is how much faster than the first a later packet goes.
func (s *stage) rate() float64 {
	switch {
	case s.at == 0:
		return 1
	case s.at < 3:
		return 2
	}
	return 6
}

// move goes on by d of the animation's time.
func (s *stage) move(d time.Duration, m *network.Map) {
	if s.paused {
		return
	}
	for d = time.Duration(float64(d) * s.rate()); d > 0; {
		switch p := s.part; {
		case p == waiting:
			if !s.begin(m) {
				return
			}
		case p == coming, p == going:
			d = s.along(d)
			if s.prog >= 1 {
				s.arrive(m)
			}
		case p == inside && s.walk == nil:
			s.prog += float64(d) / float64(unasked)
			d = 0
			if s.prog >= 1 {
				s.leave(m)
			}
		case p == inside:
			s.walk.Feed(s.list[s.at : s.at+1])
			s.walk.Advance(d)
			d = 0
			if l := s.walk.Sprites(); len(l) == 0 || l[0].Done && l[0].Journey.Closed {
				s.leave(m)
			}
		case p == ended:
			if s.prog += float64(d) / float64(stays); s.prog < 1 {
				return
			}
			d = 0
			s.next(m)
		default:
			return
		}
	}
}

// along moves the packet over its cables and gives the time that is left.
func (s *stage) along(d time.Duration) time.Duration {
	total := max(perCable*time.Duration(len(s.way)-1), 1)
	need := time.Duration((1 - s.prog) * float64(total))
	if d < need {
		s.prog += float64(d) / float64(total)
		return 0
	}
	s.prog = 1
	return d - need
}

// begin starts the packet that is due, and reports whether there is one.
func (s *stage) begin(m *network.Map) bool {
	switch {
	case s.at < len(s.list) && s.at < most:
		s.part, s.prog = coming, 0
		s.way = m.Way(s.source(s.list[s.at]), s.net.Observed)
	case len(s.list) == 0 && s.at == 0 && s.known: // no hook saw it
		s.part, s.prog = coming, 0
		s.way = m.Way(s.step.From, s.net.Observed)
	case s.known:
		s.part = over
		return false
	default:
		return false
	}
	return true
}

// source is the host that a packet came from.
func (s *stage) source(j *journey.Journey) string {
	if j.Path == journey.PathOutput {
		return s.net.Observed
	}
	if h := s.net.Host(j.Packet.Src); h != "" && h != s.net.Observed {
		return h
	}
	return s.step.From
}

// arrive is the end of some cables.
func (s *stage) arrive(m *network.Map) {
	if s.part == going {
		s.end(s.way[len(s.way)-1], "")
		return
	}
	switch {
	case s.at < len(s.list):
		s.enter()
	case s.step.Answered(): // it was not traced
		s.end(s.net.Observed, journey.Accepted)
	default:
		s.end(s.net.Observed, lost)
	}
}

// enter brings the packet into the watched host.
func (s *stage) enter() {
	s.part, s.prog, s.walk = inside, 0, nil
	if len(s.list[s.at].Steps) > 0 {
		s.walk = player.New()
		s.walk.Feed(s.list[s.at : s.at+1])
	}
}

// leave is the end of netfilter's part.
func (s *stage) leave(m *network.Map) {
	j := s.list[s.at]
	if j.Outcome.Verdict != journey.Accepted || j.Path == journey.PathInput {
		s.end(s.net.Observed, j.Outcome.Verdict)
		return
	}
	s.way, s.prog, s.part = m.Way(s.net.Observed, s.target(j)), 0, going
	if len(s.way) < 2 {
		s.end(s.net.Observed, journey.Accepted)
	}
}

// target is the host that a packet was sent on to: the one with its last destination, or
// at the other end of the cable it left by.
func (s *stage) target(j *journey.Journey) string {
	for _, e := range s.net.Links {
		for k := range e.Ends {
			if e.Ends[k].Host == s.net.Observed && e.Ends[k].Dev == j.Out && s.destination(j) == "" {
				return e.Ends[1-k].Host
			}
		}
	}
	return s.destination(j)
}

// destination is the host that has the packet's destination as it left.
func (s *stage) destination(j *journey.Journey) string {
	if j.NAT != nil && len(j.NAT.Dst) == 2 {
		if a, err := netip.ParseAddrPort(j.NAT.Dst[1]); err == nil {
			return s.net.Host(a.Addr())
		}
	}
	p := j.Packet
	for i := range j.Steps {
		j.Steps[i].Packet.Apply(&p)
		j.Steps[i].Did.Apply(&p)
	}
	return s.net.Host(p.Dst)
}

// verdict is how a packet ended, as far as that is known by now: "" where it is not.
func (s *stage) verdict(e fate) string {
	if e.verdict != "" {
		return e.verdict
	}
	for _, j := range s.list[min(e.at+1, len(s.list)):] {
		if s.source(j) == e.host { // it answers
			return journey.Accepted
		}
	}
	switch {
	case !s.known:
		return ""
	case s.step.Reached():
		return journey.Accepted
	}
	return lost
}

func (s *stage) end(host, verdict string) {
	s.fates = append(s.fates, fate{host, verdict, s.at})
	s.part, s.prog = ended, 0
}

// next goes to the next packet.
func (s *stage) next(m *network.Map) {
	s.at++
	s.part, s.way, s.walk = waiting, nil, nil
	s.begin(m)
}

// finish shows at once where everything ended.
func (s *stage) finish(m *network.Map) {
	s.paused = false
	for range 4 * (most + 1) {
		switch s.part {
		case waiting:
			if !s.begin(m) {
				return
			}
		case coming, going:
			s.arrive(m)
		case inside:
			if !s.list[s.at].Closed {
				return
			}
			s.leave(m)
		case ended:
			s.next(m)
		default:
			return
		}
	}
}

// single goes one place on or back, and stands there.
func (s *stage) single(on bool, m *network.Map) {
	s.paused = true
	switch {
	case s.part == waiting && on:
		s.begin(m)
	case s.part == coming && on && s.prog < 1 && len(s.way) > 1:
		s.hop(1)
	case s.part == coming && on:
		s.arrive(m)
		if s.walk != nil {
			s.walk.Step(1)
		}
	case s.part == coming:
		s.hop(-1)
	case s.part == inside && on && s.walk == nil:
		s.leave(m)
	case s.part == inside && on:
		before := s.rung()
		s.walk.Step(1)
		if s.rung() == before && s.list[s.at].Closed {
			s.leave(m)
		}
	case s.part == inside && s.rung() > 0:
		s.walk.Step(-1)
	case s.part == inside:
		s.part, s.prog = coming, 1
		s.way = m.Way(s.source(s.list[s.at]), s.net.Observed)
	case s.part == going && on && s.prog < 1:
		s.hop(1)
	case s.part == going && on:
		s.arrive(m)
	case s.part == going && s.prog > 0:
		s.hop(-1)
	case s.part == going:
		s.part, s.prog = inside, 0
	case s.part == ended && on:
		s.next(m)
	}
}

// hop moves the packet by one cable.
func (s *stage) hop(n int) {
	total := max(len(s.way)-1, 1)
	at := int(s.prog*float64(total) + 0.5)
	s.prog = float64(min(max(at+n, 0), total)) / float64(total)
}

// rung is the step of the packet under way that it stands at; -1 where it is not inside
// of netfilter.
func (s *stage) rung() int {
	switch {
	case s.part != inside && s.part != going && s.part != ended || s.at >= len(s.list):
		return -1
	case s.part == inside && s.walk != nil:
		_, at := s.walk.Focused()
		return at
	}
	return len(s.list[s.at].Steps) - 1
}

// moving reports whether time changes anything.
func (s *stage) moving() bool {
	return !s.paused && s.part != over && !(s.part == waiting && s.at >= len(s.list) && !s.known)
}

// made reports whether a connection of the step is to be seen already: its first packet
// came to its end.
func (s *stage) made(id uint32) bool {
	for i, j := range s.list {
		if j.Flow == id {
			return i < s.at || s.part == over || s.part == ended || s.part == going
		}
	}
	return true
}

package journey

import (
	"slices"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
)

// Sight is a traced packet seen at a Seat. It needs no rule, and knows the packet by the
// kernel's own name for it: the address of its sk_buff.
type Sight struct {
	Seat
	// Time is the kernel's.
	Time time.Time
	// Netns is the namespace's name, "" for the one that is looked at.
	Netns string `json:",omitempty"`
	// Skb is the address. It is another packet's once this one is gone.
	Skb uint64
	// Follow is the number that the packet was given when it was first seen, 0 for none; New
	// is true where that was here.
	Follow uint64
	New    bool
	// ID is nf_tables' id of the packet, 0 where it is not known.
	ID uint32
	// Turn is which of the id's events was the packet's last before it came; see Event.
	Turn   uint32
	CPU    uint32
	Packet model.Packet
	In     string
	Out    string
	// Tracked is true where the packet had a connection.
	Tracked bool
	// Lost is how many sights are missing before this one; one that is of no packet tells of
	// nothing else.
	Lost uint64
}

// course is the sights of one packet.
type course struct {
	name courseName
	skb  uint64
	key  packetKey
	sum  uint32
	all  []Sight // the first of them and the last
	// number is its journey's, 0 where it makes none; came that of the course that it goes on
	// from. filed is true once the journey is made.
	number, came int
	filed        bool
	// stood is what stood in the hooks when the packet came, where its namespace's rules have
	// changed since, nil where they have not; moved is true where that may matter to it.
	stood []standing
	moved bool
	// lost counts the sights that were lost while it was under way.
	lost uint64
}

// courseName is a packet's number, in recordings without one its sk_buff, in a namespace.
type courseName struct {
	follow uint64
	netns  string
}

func (w *course) begin() *Sight { return &w.all[0] }
func (w *course) seen() *Sight  { return &w.all[len(w.all)-1] }

// head is the packet as it was seen first.
func (w *course) head() *model.Packet { return &w.all[0].Packet }

// sights are the courses of the last seconds.
type sights struct {
	by   map[courseName]*course
	line []*course // by their beginning
}

const (
	// maxCourses is how many are kept, maxSights how many sights of each.
	maxCourses = 4096
	maxSights  = 64
)

// Sight takes a packet that was seen between two chains. Sights say by which chain, or by
// conntrack, a packet was dropped that nothing else told of, and tell packets apart whose
// headers are the same.
func (f *Fold) Sight(s *Sight) {
	if s.Lost > 0 {
		f.lost += s.Lost
		f.overlooked(s.Lost)
	}
	if s.Follow == 0 && s.Skb == 0 {
		return
	}
	w := &f.sights
	if w.by == nil {
		w.by = map[courseName]*course{}
	}
	key, sum := keyOf(&s.Packet).plain()
	name, fresh := courseName{s.Follow, s.Netns}, s.New || s.First
	if s.Follow == 0 {
		name.follow = s.Skb
	}
	if at := w.by[name]; at != nil && !fresh && at.key == key && (place{at.seen().Hook, at.seen().Priority}).before(place{s.Hook, s.Priority}) {
		if len(at.all) == maxSights {
			at.all = slices.Delete(at.all, maxSights-1, maxSights)
		}
		at.all = append(at.all, *s)
		return
	}
	if !fresh {
		delete(w.by, name)
		return // its beginning was not seen: the bound held it back
	}
	n := &course{name: name, skb: s.Skb, key: key, sum: sum, all: []Sight{*s}}
	if f.following.on {
		f.number++
		n.number = f.number
		if !s.New { // each trace counts from one again
			n.came = w.last(s.Follow)
		}
	} else if s.Netns != "" {
		return // a traced packet's journey is of the namespace that is looked at
	}
	w.by[name] = n
	f.met(s)
	old := 0
	for old < len(w.line) && (len(w.line)-old >= maxCourses || s.Time.Sub(w.line[old].begin().Time) > waiting) {
		o := w.line[old]
		if w.by[o.name] == o {
			delete(w.by, o.name)
		}
		if o.number != 0 && !o.filed {
			f.walked(o)
		}
		old++
	}
	w.line = append(slices.Delete(w.line, 0, old), n)
}

// overlooked notes that sights were lost: of nobody is it known where it was seen last.
func (f *Fold) overlooked(n uint64) {
	for _, o := range f.sights.line {
		if o.number != 0 && !o.filed {
			o.lost = n
			f.walked(o)
		}
	}
	f.sights = sights{}
}

// last is the number of the newest course of a packet, 0 for none.
func (s *sights) last(follow uint64) int {
	for _, w := range slices.Backward(s.line) {
		if w.name.follow == follow {
			return w.number
		}
	}
	return 0
}

// clone copies all that changes.
func (s *sights) clone() (c sights) {
	if s.by == nil {
		return c
	}
	c.by = make(map[courseName]*course, len(s.by))
	for _, o := range s.line {
		n := *o
		n.all = slices.Clone(o.all)
		if c.line = append(c.line, &n); s.by[o.name] == o {
			c.by[o.name] = &n
		}
	}
	return c
}

// left reports whether the packet was seen where packets leave netfilter.
func (w *course) left() bool {
	return w.seen().Until == LastSeat && (w.seen().Hook == model.HookInput || w.seen().Hook == model.HookPostrouting)
}

// fits reports whether a course can be that of the packet which left a trail.
func (w *course) fits(t *trail, slack time.Duration) bool {
	at := place{w.begin().Hook, w.begin().Priority}
	switch {
	case w.key != t.key, w.sum != t.sum && w.sum != 0 && t.sum != 0,
		w.begin().Time.Before(t.since.Add(-slack)), w.begin().Time.After(t.last.Add(slack)):
		return false
	case (w.begin().Hook == model.HookPrerouting) != (t.inside != ""):
		return false
	case t.left && !w.left(), !t.left && t.probed && w.left():
		return false
	}
	return rank(w.seen().Hook) >= rank(t.reach.above().hook) && kin(w.head(), at, &t.packet, t.at)
}

// course finds the one course that a journey's packet can have gone; nil where there is none, or
// several.
func (f *Fold) course(t *trail) (one *course) {
	if w := f.sights.by[courseName{follow: t.follow}]; w != nil {
		return w
	}
	for _, w := range f.sights.line {
		if !w.fits(t, f.opt.Quiet) {
			continue
		}
		if one != nil {
			return nil
		}
		one = w
	}
	return one
}

// beyond lists what stands between the seat where a packet was seen last and the next one of
// the hook. Where sights were lost, or the packet was dropped in another hook, it may have come
// farther than it was seen.
func (f *Fold) beyond(w *course, d *drop.Drop) []standing {
	if w.lost > 0 || w.seen().Hook != d.Hook {
		return nil
	}
	return standBetween(f.stands(""), &w.seen().Seat, w.head().Family)
}

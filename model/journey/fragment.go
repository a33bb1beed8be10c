package journey

import (
	"fmt"
	"net/netip"
	"time"

	"nfscope/model"
)

// Where conntrack is not at work nobody puts fragments together, and each is a packet of
// its own. Those of a datagram have its addresses and its identification. Of IPv6 that is
// in a header which nf_tables' trace never shows, and of the fragments behind the first it
// shows no header at all; but a sender sends them in a row.

// datagram is what its fragments have in common. in tells the halves of one over loopback
// apart.
type datagram struct {
	src, dst netip.Addr
	proto    model.Proto // IPv4: identifications count for each protocol
	id       uint32
	in       string
}

// seenOf is what was seen of a datagram.
type seenOf struct {
	first    int // the journey of its fragment that came first
	n        int // fragments
	last     time.Time
	src, dst netip.Addr
	// mixed is set where another sender's fragments came between.
	mixed bool
}

// piece is a packet's place in its datagram.
type piece struct {
	of, n int
	// row is set where it is taken for a fragment of that one because it came behind it.
	row      bool
	src, dst netip.Addr
}

const (
	// assembly is how long a receiver waits for fragments (ip_frag_time, ip6_frag_time):
	// then an identification may be another datagram's.
	assembly = 30 * time.Second
	// maxDatagrams bounds those that are remembered.
	maxDatagrams = 1024
)

// fragment finds the datagram that a packet is a fragment of.
func (f *Fold) fragment(b *builder, e *Event) {
	p := e.Packet
	if p == nil || b.piece.n > 0 && !b.piece.row {
		return
	}
	head := p.Extended && p.Proto == protoFragment // of which nf_tables shows no more
	if !p.Unshown && !head && p.FragOffset == 0 && !p.MoreFragments {
		return
	}
	in := b.inside()
	switch {
	case p.Unshown:
		if h, ok := f.heads[in]; ok && b.piece.n == 0 && e.Time.Sub(h.last) < f.opt.Quiet && !h.mixed {
			h.n++
			h.last = e.Time
			f.heads[in] = h
			b.piece = piece{of: h.first, n: h.n, row: true, src: h.src, dst: h.dst}
		}
		return
	case head:
		if b.piece.n > 0 {
			return
		}
		was, ok := f.heads[in]
		f.remember()
		f.heads[in] = seenOf{first: b.number, n: 1, last: e.Time, src: p.Src, dst: p.Dst,
			mixed: ok && was.src != p.Src && e.Time.Sub(was.last) < f.opt.Quiet}
		b.piece = piece{of: b.number, n: 1, row: true}
		return
	}
	d := datagram{src: p.Src, dst: p.Dst, id: p.FragID, in: in}
	if p.Family == model.FamilyIPv4 {
		d.proto, d.id = p.Proto, uint32(p.IPID)
	}
	s, ok := f.datagrams[d]
	if !ok || e.Time.Sub(s.last) > assembly {
		f.remember()
		s = seenOf{first: b.number}
	}
	s.n++
	s.last = e.Time
	f.datagrams[d] = s
	b.piece = piece{of: s.first, n: s.n}
}

// protoFragment is IPv6's fragment header (IPPROTO_FRAGMENT).
const protoFragment model.Proto = 44

// remember makes room for one more.
func (f *Fold) remember() {
	if len(f.datagrams) >= maxDatagrams {
		clear(f.datagrams)
	}
	if len(f.heads) >= maxDatagrams {
		clear(f.heads)
	}
}

// tell says of a journey whose fragment it is.
func (p piece) tell(j *Journey) {
	if j.Fragment, j.FragmentOf = p.n, p.of; !j.Packet.Unshown {
		return
	}
	if p.n == 0 {
		j.Assumptions = append(j.Assumptions, "it is an IPv6 fragment behind the first, because nf_tables' trace shows no header of it; which datagram's is not known")
		return
	}
	j.Packet.Src, j.Packet.Dst = p.src, p.dst
	j.Assumptions = append(j.Assumptions, fmt.Sprintf("it is a fragment of the datagram that #%d begins, because it came right behind it: nf_tables' trace shows no header of IPv6 fragments but the first", p.of))
}

// headers are a packet's headers, where some event showed them; nil where none did, and
// where all do.
type headers model.Packet

// headers looks for them in a journey of which some event showed none.
func (b *builder) headers() *headers {
	if !b.key.behind {
		return nil
	}
	var some *model.Packet
	unshown := false
	look := func(p *model.Packet) {
		if p != nil && p.Unshown {
			unshown = true
		} else if p != nil && some == nil {
			some = p
		}
	}
	for _, w := range b.walks {
		look(w.head)
		for i := range w.steps {
			look(w.steps[i].packet)
		}
	}
	if !unshown {
		return nil
	}
	return (*headers)(some)
}

// of is a packet with these headers, where its event showed none.
func (h *headers) of(p *model.Packet) *model.Packet {
	if h == nil || p == nil || !p.Unshown {
		return p
	}
	q := model.Packet(*h)
	q.Mark = p.Mark
	return &q
}

// leavesElsewhere reports whether the event has another device to send it by than those
// before: of a packet without headers there is little else to know it by.
func (b *builder) leavesElsewhere(e *Event) bool {
	if e.Out == "" || below(e.Family) {
		return false
	}
	for _, w := range b.walks {
		if w.out != "" && w.out != e.Out && !below(w.family) && w.place.hook != model.HookOutput { // output may route it anew
			return true
		}
	}
	return false
}

package drop

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"nfscope/model"
)

// Key is what makes drops one row: reason, place and flow.
type Key struct {
	Source Step
	Reason string
	Place  string
	Hook   model.Hook
	In     string
	Flow   Flow
	// ARP stands for the flow of an ARP packet.
	ARP string
}

// Flow is a flow without the port that changes from one connection to the next.
type Flow struct {
	Proto model.Proto
	// Src and Dst are the packet's ends, with a port where it is the service's.
	Src, Dst netip.AddrPort
}

// Flow gives the packet's flow: which port is the service's conntrack tells, else FlowOf.
func (d *Drop) Flow() Flow {
	f := FlowOf(&d.Packet)
	if side := d.side(); side != sideUnknown && f != f.At(false, false) {
		p := &d.Packet
		f = Flow{p.Proto, netip.AddrPortFrom(p.Src, p.SPort), netip.AddrPortFrom(p.Dst, p.DPort)}.At(side == sideAnswers, side == sideAsks)
	}
	return f
}

// FlowOf gives a packet's flow. Which port is the service's a SYN tells; of others the lower one is
// taken for it, so that connections to one service are one flow.
func FlowOf(p *model.Packet) Flow {
	f := Flow{p.Proto, netip.AddrPortFrom(p.Src, p.SPort), netip.AddrPortFrom(p.Dst, p.DPort)}
	if !p.Transport || !p.Proto.Ports() {
		return f.At(false, false)
	}
	asks := p.SPort >= p.DPort
	if p.Proto == model.ProtoTCP && p.Flags&model.SYN != 0 {
		asks = p.Flags&model.ACK == 0
	}
	return f.At(!asks, asks)
}

// At is the flow with the ports that are told alone.
func (f Flow) At(src, dst bool) Flow {
	if !src {
		f.Src = netip.AddrPortFrom(f.Src.Addr(), 0)
	}
	if !dst {
		f.Dst = netip.AddrPortFrom(f.Dst.Addr(), 0)
	}
	return f
}

// String prints tcp 10.0.0.1 > 10.0.0.2:80.
func (f Flow) String() string {
	if !f.Src.IsValid() {
		return ""
	}
	return f.Proto.String() + " " + end(f.Src) + " > " + end(f.Dst)
}

func end(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}

// KeyOf gives the row that a drop belongs to.
func KeyOf(d *Drop) Key {
	k := Key{Source: d.Source, Reason: d.Reason, Place: d.Place, Hook: d.Hook, In: d.In, ARP: d.ARP}
	if d.HasPacket() {
		k.Flow = d.Flow()
	}
	return k
}

// Row is the drops of one key. It never changes once it was handed out.
type Row struct {
	Key Key
	// Number counts the rows of a Table, from 1.
	Number uint64
	// Last is the newest drop that tells most: one with a packet, and with facts where any
	// had them.
	Last        *Drop
	First, Seen time.Time
	// Count is how many packets.
	Count uint64
	// Rate is packets a second, over the last whole second.
	Rate float64
	// Sparks are the last 16 rates, oldest first.
	Sparks []float64
}

// keep is how many rows there are at most, sparks how many rates of each.
const (
	keep   = 4096
	sparks = 16
)

// Table folds drops into rows. Its zero value is empty.
type Table struct {
	rows map[Key]*entry
	list []*Row // nil where something changed
	// forgotten counts packets of rows that made room.
	forgotten, count uint64
	ticked           time.Time
}

type entry struct {
	row Row
	// out is the row as it was handed out; nil where it has changed since.
	out   *Row
	fresh uint64 // packets since the last tick
}

// Apply counts a drop.
func (t *Table) Apply(d *Drop) {
	if t.rows == nil {
		t.rows = map[Key]*entry{}
	}
	k := KeyOf(d)
	e := t.rows[k]
	if e == nil {
		if len(t.rows) >= keep {
			t.forget()
		}
		t.count++
		e = &entry{row: Row{Key: k, Number: t.count, First: d.Time}}
		t.rows[k] = e
	}
	last := d
	if was := e.row.Last; was != nil && d.Facts == nil && was.Facts != nil {
		c := *d
		c.Facts = was.Facts
		last = &c
	}
	e.row.Last, e.row.Seen = last, d.Time
	e.row.Count += d.Count
	e.fresh += d.Count
	e.out, t.list = nil, nil
}

// forget drops the quarter of the rows that was seen the longest ago.
func (t *Table) forget() {
	all := make([]*entry, 0, len(t.rows))
	for _, e := range t.rows {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *entry) int { return a.row.Seen.Compare(b.row.Seen) })
	for _, e := range all[:len(all)/4] {
		t.forgotten += e.row.Count
		delete(t.rows, e.row.Key)
	}
	t.list = nil
}

// Tick counts rates each second, and reports whether one changed.
func (t *Table) Tick(now time.Time) bool {
	if t.ticked.IsZero() {
		t.ticked = now
	}
	dt := now.Sub(t.ticked)
	if dt < time.Second {
		return false
	}
	t.ticked = now
	changed := false
	for _, e := range t.rows {
		if e.fresh == 0 && e.row.Rate == 0 && quiet(e.row.Sparks) {
			continue
		}
		e.row.Rate = float64(e.fresh) / dt.Seconds()
		s := append(slices.Clip(e.row.Sparks), e.row.Rate) // an array of its own: the old one was handed out
		e.row.Sparks = s[max(0, len(s)-sparks):]
		e.fresh = 0
		e.out, changed = nil, true
	}
	if changed {
		t.list = nil
	}
	return changed
}

func quiet(rates []float64) bool {
	return !slices.ContainsFunc(rates, func(r float64) bool { return r != 0 })
}

// Rows gives all rows, those first that were seen first the longest ago.
func (t *Table) Rows() []*Row {
	if t.list != nil || len(t.rows) == 0 {
		return t.list
	}
	t.list = make([]*Row, 0, len(t.rows))
	for _, e := range t.rows {
		if e.out == nil {
			r := e.row
			e.out = &r
		}
		t.list = append(t.list, e.out)
	}
	slices.SortFunc(t.list, func(a, b *Row) int { return cmp.Compare(a.Number, b.Number) })
	return t.list
}

// Forgotten counts the packets of rows that had to make room.
func (t *Table) Forgotten() uint64 { return t.forgotten }

// Clone gives a Table that goes on from here, apart from this one.
func (t *Table) Clone() Table {
	c := *t
	c.rows = make(map[Key]*entry, len(t.rows))
	for k, e := range t.rows {
		n := *e
		c.rows[k] = &n
	}
	return c
}

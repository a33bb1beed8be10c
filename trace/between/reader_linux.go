package between

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/trace/ifname"
	"nfscope/trace/kprog"
	"nfscope/trace/netns"
)

const (
	most = 4096 // packets under way at once; the longest unseen make room
	pace = 20 * time.Millisecond
	// lines is how many messages of the legacy tracer are remembered whose events have not
	// come yet: as many as fit into its socket.
	lines = 1 << 17
)

// Reader tells of packets at the seats of a namespace, and of those it was spread to. Nothing
// is pinned: programs and maps are gone with the process, whatever ends it.
type Reader struct {
	kit    *kprog.Kit
	base   program
	chosen *Chosen
	seats  []place // by number, as they could be taken; written under mu
	spaces []*ifname.Table

	// heard is the moment up to which all sights were told.
	heard atomic.Pointer[time.Time]
	// lost are sights that are missing and were told of, bad those that could not be read.
	lost, bad uint64

	// The messages of the legacy tracer have a ring of their own, so that none waits for a
	// sight that another CPU is still writing; nfnetlink_log sends one at a time.
	ring *kprog.Ring
	mu   sync.Mutex // held while it is read, and for lines and seats
	// lines are messages by their number.
	lines map[uint32]line
	// turns are how many events of nf_tables' tracer came by id, as the tap counts them; nil
	// once that cannot be told any more: some were lost, or there are too many ids.
	turns map[uint32]uint32

	// using is held for reading by who uses the kit, and for writing while that is closed.
	using  sync.RWMutex
	closed bool
}

// place is a seat that was taken.
type place struct {
	journey.Seat
	space int
	netns string
	taken bool // false for one whose priority, and those near it, others had
}

// Open makes what the programs share; they are in no hook yet.
func Open(o Options) (_ *Reader, err error) {
	l, err := readLayout()
	if err != nil {
		return nil, err
	}
	if o.Rate <= 0 {
		o.Rate = DefaultRate
	}
	if o.Burst <= 0 {
		o.Burst = DefaultBurst
	}
	r := &Reader{chosen: o.Chosen, lines: map[uint32]line{}, turns: map[uint32]uint32{}}
	if r.kit, err = kprog.Open("nfs_sights", stats); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = r.Close()
		}
	}()
	r.base = program{l: l, kit: r.kit, rate: o.Rate, burst: o.Burst, marked: o.Chosen == nil, onward: o.Onward}
	for _, m := range []struct {
		at   **ebpf.Map
		spec ebpf.MapSpec
	}{
		{&r.base.follows, ebpf.MapSpec{Name: "nfs_follows", Type: ebpf.LRUHash, KeySize: 8, ValueSize: followSize, MaxEntries: most}},
		{&r.base.here, ebpf.MapSpec{Name: "nfs_here", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: hereSize, MaxEntries: 1}},
		{&r.base.turns, ebpf.MapSpec{Name: "nfs_turns", Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: mostIDs}},
		{&r.base.told, ebpf.MapSpec{Name: "nfs_told", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: toldSize, MaxEntries: 1}},
	} {
		if *m.at, err = r.kit.Map(m.spec); err != nil {
			return nil, err
		}
	}
	if r.ring, err = r.kit.NewRing("nfs_lines"); err != nil {
		return nil, err
	}
	begin := time.Now()
	r.heard.Store(&begin)
	return r, nil
}

// Sit takes seats in a namespace; the handle may be closed afterwards. A seat whose priority
// another has is taken as near before it as there is room, and left out where there is none.
// It is called before Run: first for the namespace that is looked at, then for others, of
// which name is what their sights have for Netns. What was followed into those is followed on,
// and where packets are chosen, so are those there.
func (r *Reader) Sit(ns *netns.Handle, name string, seats []journey.Seat) error {
	names, err := ifname.Open(ns)
	if err != nil {
		return err
	}
	r.spaces = append(r.spaces, names)
	return ns.Do(func() error { return r.take(seats, name) })
}

// Socket is a tracer's.
type Socket interface {
	// Attach makes a program, by its descriptor, the socket's filter.
	Attach(program int) error
}

// Tap listens to the sockets of the tracers, where those are: which of the legacy tracer's
// messages is of which followed packet is known then (Name). Nil is none.
func (r *Reader) Tap(legacy, nft Socket) error {
	attach := func(to Socket, name string, code func(*tap) asm.Instructions) error {
		p, err := r.kit.Load("load a socket's filter", ebpf.ProgramSpec{Name: name, Type: ebpf.SocketFilter,
			Instructions: code(&tap{ring: r.ring, here: r.base.here, told: r.base.told, turns: r.base.turns})})
		if err != nil {
			return err
		}
		return to.Attach(p.FD())
	}
	if nft != nil {
		if err := attach(nft, "nfs_ids", func(t *tap) asm.Instructions { return t.ids() }); err != nil {
			return err
		}
	}
	if legacy != nil {
		return attach(legacy, "nfs_lines", func(t *tap) asm.Instructions { return t.lines() })
	}
	return nil
}

// Seats are those that could be taken, of all namespaces.
func (r *Reader) Seats() (list []journey.Seat) {
	for i := range r.seats {
		if r.seats[i].taken {
			list = append(list, r.seats[i].Seat)
		}
	}
	return list
}

// Run tells of sights until the context ends (nil) or the Reader is closed (os.ErrClosed),
// which it notices within 20 ms. put must not close the Reader.
func (r *Reader) Run(ctx context.Context, put func(feed.Item)) error {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return r.drain(put) // what came until now
		case <-tick.C:
			if err := r.drain(put); err != nil {
				return err
			}
		}
	}
}

// Name fills in of the legacy tracer's events which followed packet each is of, and nf_tables'
// id of that packet, where both are known. It may be called beside Run. The kernel asks a tap
// before it hands the message to the socket, so that all that was tapped is there.
func (r *Reader) Name(l []journey.Event) error {
	r.using.RLock()
	defer r.using.RUnlock()
	if r.closed {
		return os.ErrClosed
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.ring.Drain(func(time.Time) {}, func(b []byte) error {
		seq, n, err := decodeLine(b)
		if err == nil {
			r.line(seq, n)
		}
		return err
	}); err != nil {
		return err
	}
	for i := range l {
		e := &l[i]
		if e.Source == journey.SourceNFT {
			e.Turn = r.turn(e.ID)
		}
		if e.Source != journey.SourceLegacy {
			continue
		}
		n, ok := r.lines[uint32(e.Seq)]
		delete(r.lines, uint32(e.Seq))
		if ok && int(n.seat) < len(r.seats) && r.seats[n.seat].Precedes(e) {
			if e.Follow = n.follow; n.turn != 0 && r.turns != nil {
				e.ID, e.Turn = n.id, n.turn
			}
		}
	}
	return nil
}

// drain hands over the sights that wait now.
func (r *Reader) drain(put func(feed.Item)) error {
	r.using.RLock()
	defer r.using.RUnlock()
	if r.closed {
		return os.ErrClosed
	}
	boot, err := kprog.Boot()
	if err != nil {
		return err
	}
	at := time.Now()
	lost, err := r.kit.Count(statLost) // what filled the buffer then is what waits now
	if err != nil {
		return err
	}
	if err := r.kit.Ring.Drain(func(time.Time) {}, func(b []byte) error {
		e, err := decode(b)
		if err != nil || int(e.Seat) >= len(r.seats) {
			r.bad++ // no header of IP: it counts as one that is missing
			return nil
		}
		at := &r.seats[e.Seat]
		names := r.spaces[at.space]
		s := &journey.Sight{Seat: at.Seat, Netns: at.netns, Time: boot.Add(time.Duration(e.Time)), Follow: e.Follow, New: e.New, ID: e.ID, Turn: e.Turn, Skb: e.Skb, CPU: e.CPU,
			Packet: e.Packet, In: names.Name(e.In), Out: names.Name(e.Out), Tracked: e.Tracked}
		put(feed.Item{Time: s.Time, Sight: s})
		return nil
	}); err != nil {
		return err
	}
	// Behind what waited: what is missing came later, and maybe nothing comes behind it.
	if n := lost + r.bad - r.lost; n > 0 {
		r.lost += n
		put(feed.Item{Time: at, Sight: &journey.Sight{Time: at, Lost: n}})
	}
	r.heard.Store(&at)
	return nil
}

// Heard is the time before which no packet was at a seat that Run has not told of.
func (r *Reader) Heard() time.Time { return *r.heard.Load() }

// Counts tells how many packets were followed, and how many that were to be the bound held
// back.
func (r *Reader) Counts() (followed, held uint64, err error) {
	if followed, err = r.kit.Count(statNew); err != nil {
		return 0, 0, err
	}
	held, err = r.kit.Count(statHeld)
	return followed, held, err
}

// turn counts an event of an id.
func (r *Reader) turn(id uint32) uint32 {
	if r.turns == nil {
		return 0
	}
	n := r.turns[id] + 1
	if r.turns[id] = n; len(r.turns) > mostIDs {
		r.turns = nil
		return 0
	}
	return n
}

// Missed says that events of nf_tables' tracer were lost.
func (r *Reader) Missed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turns = nil
}

// line remembers a message of the legacy tracer.
func (r *Reader) line(seq uint32, l line) {
	r.lines[seq] = l
	if len(r.lines) <= lines {
		return
	}
	for s := range r.lines { // lost, or somebody else's
		if seq-s > lines/2 {
			delete(r.lines, s)
		}
	}
}

// Close takes the programs out of the hooks, and ends Run.
func (r *Reader) Close() error {
	r.using.Lock()
	defer r.using.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	err := r.kit.Close()
	for _, n := range r.spaces {
		n.Close()
	}
	return err
}

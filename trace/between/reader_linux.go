package between

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/trace/ifname"
	"nfscope/trace/netns"
)

const (
	ringSize = 1 << 20 // 7000 sights
	most     = 4096    // packets under way at once; the longest unseen make room
	pace     = 20 * time.Millisecond
)

// Reader tells of traced packets at the seats of one namespace. Nothing is pinned: programs
// and maps are gone with the process, whatever ends it.
type Reader struct {
	seats []journey.Seat // as they could be taken, by number
	links []link.Link
	progs []*ebpf.Program
	maps  []*ebpf.Map
	stats *ebpf.Map
	ring  *ringbuf.Reader
	names *ifname.Table
	// heard is when the buffer was last begun to be read to its end.
	heard atomic.Pointer[time.Time]
	// lost are those that are missing and were told of, bad those that could not be read.
	lost, bad uint64
}

// Open takes the seats in a namespace; the handle may be closed afterwards. A seat whose
// priority another has is taken as near before it as there is room, and left out where there
// is none.
func Open(ns *netns.Handle, seats []journey.Seat, o Options) (_ *Reader, err error) {
	l, err := readLayout()
	if err != nil {
		return nil, err
	}
	r := &Reader{}
	defer func() {
		if err != nil {
			_ = r.Close()
		}
	}()
	if o.Rate <= 0 {
		o.Rate = DefaultRate
	}
	if o.Burst <= 0 {
		o.Burst = DefaultBurst
	}
	base := program{l: l, each: int64(time.Second) / int64(o.Rate), burst: int64(o.Burst)}
	for _, m := range []struct {
		at   **ebpf.Map
		spec ebpf.MapSpec
	}{
		{&base.ring, ebpf.MapSpec{Name: "nfs_sights", Type: ebpf.RingBuf, MaxEntries: ringSize}},
		{&base.bucket, ebpf.MapSpec{Name: "nfs_bucket", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}},
		{&base.stats, ebpf.MapSpec{Name: "nfs_stats", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: stats}},
		{&base.follows, ebpf.MapSpec{Name: "nfs_follows", Type: ebpf.LRUHash, KeySize: 8, ValueSize: 8, MaxEntries: most}},
	} {
		made, err := ebpf.NewMap(&m.spec)
		if err != nil {
			return nil, fmt.Errorf("make a map: %w", plain(err))
		}
		*m.at = made
		r.maps = append(r.maps, made)
	}
	r.stats = base.stats
	if r.ring, err = ringbuf.NewReader(base.ring); err != nil {
		return nil, fmt.Errorf("map the ring buffer: %w", err)
	}
	if r.names, err = ifname.Open(ns); err != nil {
		return nil, err
	}
	begin := time.Now()
	r.heard.Store(&begin)
	return r, ns.Do(func() error { return r.take(seats, &base) })
}

// plain takes the library's guess at MEMLOCK from a refusal.
func plain(err error) error {
	if errors.Is(err, unix.EPERM) {
		return unix.EPERM
	}
	return err
}

// take loads and attaches a program for each seat.
func (r *Reader) take(seats []journey.Seat, base *program) error {
	for i := range seats {
		s := seats[i]
		p := *base
		p.seat, p.first = uint32(len(r.seats)), s.First
		p.last = s.Until == journey.LastSeat && (s.Hook == model.HookInput || s.Hook == model.HookPostrouting)
		prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "nfs_between", Type: ebpf.Netfilter, AttachType: ebpf.AttachNetfilter, License: "GPL", Instructions: p.assemble()})
		if err != nil {
			return fmt.Errorf("load a netfilter program (Linux 6.4): %w", plain(err))
		}
		r.progs = append(r.progs, prog)
		taken, err := r.sit(prog, &s, before(seats[:i], &s))
		switch {
		case errors.Is(err, unix.EBUSY):
			continue
		case err != nil:
			return fmt.Errorf("attach a netfilter program at %s, priority %d: %w", s.Hook, s.Priority, err)
		}
		r.links, r.seats = append(r.links, taken...), append(r.seats, s)
	}
	for i := range r.seats { // what could not be taken parts nothing
		s := &r.seats[i]
		if s.Until = journey.LastSeat; i+1 < len(r.seats) && r.seats[i+1].Hook == s.Hook {
			s.Until = r.seats[i+1].Priority
		}
	}
	return nil
}

// before is the highest priority of the seats of the same hook that come before one.
func before(seats []journey.Seat, s *journey.Seat) int64 {
	least := int64(-1 << 31)
	for _, o := range seats {
		if o.Hook == s.Hook {
			least = max(least, int64(o.Priority))
		}
	}
	return least
}

// tries is how many priorities are tried for a seat.
const tries = 8

// sit attaches a program for both families, at the seat's priority or as near as one is free:
// behind it for a hook's first seat, else before it.
func (r *Reader) sit(prog *ebpf.Program, s *journey.Seat, least int64) ([]link.Link, error) {
	hook := map[model.Hook]link.NetfilterInetHook{model.HookPrerouting: link.NetfilterInetPreRouting, model.HookInput: link.NetfilterInetLocalIn,
		model.HookForward: link.NetfilterInetForward, model.HookOutput: link.NetfilterInetLocalOut, model.HookPostrouting: link.NetfilterInetPostRouting}[s.Hook]
	step := int64(-1)
	if s.First || s.Until == journey.LastSeat {
		step = 1
	}
	err := error(unix.EBUSY)
	for try := range int64(tries) {
		at := int64(s.Priority) + step*try
		if at <= least || s.Until != journey.LastSeat && at >= int64(s.Until) {
			break
		}
		var both []link.Link
		for _, family := range []link.NetfilterProtocolFamily{link.NetfilterProtoIPv4, link.NetfilterProtoIPv6} {
			var l link.Link
			if l, err = link.AttachNetfilter(link.NetfilterOptions{Program: prog, ProtocolFamily: family, Hook: hook, Priority: int32(at)}); err != nil {
				break
			}
			both = append(both, l)
		}
		if err == nil {
			s.Priority = model.Priority(at)
			return both, nil
		}
		for _, l := range both {
			_ = l.Close() // the other family has the priority taken
		}
		if !errors.Is(err, unix.EBUSY) {
			break
		}
	}
	return nil, plain(err)
}

// Seats are those that could be taken.
func (r *Reader) Seats() []journey.Seat { return r.seats }

// Run tells of sights until the context ends (nil) or the Reader is closed (os.ErrClosed).
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

// drain hands over the sights that wait now.
func (r *Reader) drain(put func(feed.Item)) error {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return err
	}
	begin := time.Now()
	offset := begin.UnixNano() - ts.Nano()
	lost, err := r.counted(statLost)
	if err != nil {
		return err
	}
	r.ring.SetDeadline(time.Now()) // nobody wakes us: the buffer is looked through
	var rec ringbuf.Record
	for {
		err := r.ring.ReadInto(&rec)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			r.heard.Store(&begin)
			return nil
		case err != nil:
			return err
		}
		e, err := decode(rec.RawSample)
		if err != nil || int(e.Seat) >= len(r.seats) {
			r.bad++ // no header of IP: it counts as one that is missing
			continue
		}
		s := &journey.Sight{Seat: r.seats[e.Seat], Time: time.Unix(0, int64(e.Time)+offset), Skb: e.Skb, CPU: e.CPU, Packet: e.Packet,
			In: r.names.Name(e.In), Out: r.names.Name(e.Out), Tracked: e.Tracked, Lost: lost + r.bad - r.lost}
		r.lost = lost + r.bad
		put(feed.Item{Time: s.Time, Sight: s})
	}
}

// Heard is the time before which no packet was at a seat that Run has not told of.
func (r *Reader) Heard() time.Time { return *r.heard.Load() }

// counted is one of the programs' counters.
func (r *Reader) counted(stat uint32) (n uint64, err error) {
	var each []uint64
	if err := r.stats.Lookup(stat, &each); err != nil {
		return 0, fmt.Errorf("read the programs' counters: %w", err)
	}
	for _, c := range each {
		n += c
	}
	return n, nil
}

// Close takes the programs out of the hooks, and ends Run.
func (r *Reader) Close() (err error) {
	for _, l := range r.links {
		err = errors.Join(err, l.Close())
	}
	if r.ring != nil {
		err = errors.Join(err, r.ring.Close())
	}
	for _, p := range r.progs {
		err = errors.Join(err, p.Close())
	}
	for _, m := range r.maps {
		err = errors.Join(err, m.Close())
	}
	if r.names != nil {
		r.names.Close()
	}
	return err
}

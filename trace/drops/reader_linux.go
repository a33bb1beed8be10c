package drops

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/trace/ifname"
	"nfscope/trace/kprog"
	"nfscope/trace/netns"
)

// Reader tells what the kernel drops in one namespace.
type Reader struct {
	o     Options
	ns    *netns.Handle
	inode uint32
	probe *probe // nil on the lower steps
	perf  *perfReader
	proc  *proc
	names *ifname.Table
	atlas *drop.Atlas
	words drop.Dictionary
	// symbols gives the kernel's functions, and reads them when it is asked first.
	symbols func() *symbols
	facts   *factFinder

	// heard is the moment up to which all that was in the kernel's buffer was told.
	heard   atomic.Pointer[time.Time]
	watch   drop.Watch
	last    counters
	boot    time.Time // when the kernel's clock was zero
	watched []string
	// mu is held while something is read: Close waits for that.
	mu   sync.Mutex
	done chan struct{}
}

// Open begins to watch a namespace, on the highest step that is allowed; the handle may
// be closed afterwards. Watching ends with Close, or with the process, however it ends.
func Open(ns *netns.Handle, o Options) (_ *Reader, err error) {
	own, err := netns.Open(fmt.Sprintf("/proc/self/fd/%d", ns.Fd()))
	if err != nil {
		return nil, fmt.Errorf("watch drops in namespace %q: %w", ns.Name(), err)
	}
	r := &Reader{o: o, ns: own, atlas: drop.NewAtlas(), words: drop.Meanings(), symbols: sync.OnceValue(loadSymbols), watched: drop.CounterNames(), done: make(chan struct{})}
	if o.Most != drop.StepProc { // the program is made and checked meanwhile
		go r.symbols()
	}
	defer func() {
		if err != nil {
			_ = r.close()
		}
	}()
	var st unix.Stat_t
	if err := unix.Fstat(own.Fd(), &st); err != nil {
		return nil, fmt.Errorf("watch drops in namespace %q: %w", ns.Name(), err)
	}
	r.inode = uint32(st.Ino)
	r.watch.Netns = r.inode
	if r.proc, err = openProc(own); err != nil {
		return nil, err
	}
	if r.last, err = r.proc.read(); err != nil {
		return nil, err
	}
	r.climb()
	begin := time.Now()
	r.heard.Store(&begin)
	if r.names, err = ifname.Open(own); err != nil {
		return nil, err
	}
	if !o.NoFacts {
		r.facts = newFactFinder(own)
		r.facts.last = r.last
	}
	return r, nil
}

// climb takes the highest step there is.
func (r *Reader) climb() {
	r.watch.Step = drop.StepProc
	if r.o.Most == "" || r.o.Most == drop.StepBPF {
		var err error
		if r.probe, err = openProbe(r.inode, r.o); err == nil {
			r.watch.Step = drop.StepBPF
			return
		}
		r.watch.Lift = append(r.watch.Lift, lift(drop.StepBPF, err))
	}
	if r.o.Most == "" || r.o.Most == drop.StepBPF || r.o.Most == drop.StepPerf {
		var err error
		if r.perf, err = openPerf(r.o.Tracefs, perfPages); err == nil {
			r.watch.Step = drop.StepPerf
			return
		}
		r.watch.Lift = append(r.watch.Lift, lift(drop.StepPerf, err))
	}
}

// Watch tells how drops are being found out; while Run runs, its items do.
func (r *Reader) Watch() drop.Watch { return r.watch }

// Run tells of drops until the context ends (nil) or the Reader is closed
// (os.ErrClosed). emit is called from this goroutine alone.
func (r *Reader) Run(ctx context.Context, emit func(feed.Item)) error {
	if r.probe != nil || r.perf != nil { // it takes a while: the first drop would come behind the end of its packet's journey, and perf's rings would fill
		r.symbols()
	}
	told := r.watch
	emit(feed.Item{Time: time.Now(), Drops: &told})
	all := func() error {
		r.clock()
		if err := r.read(true, emit); err != nil {
			return err
		}
		if w := &r.watch; w.Told != told.Told || w.Held != told.Held || w.Lost != told.Lost || w.Homeless != told.Homeless || w.Missed != told.Missed {
			told = r.watch
			w := told
			emit(feed.Item{Time: time.Now(), Drops: &w})
		}
		return nil
	}
	pace := time.NewTicker(r.o.pace())
	defer pace.Stop()
	every := time.NewTicker(r.o.counters())
	defer every.Stop()
	r.clock()
	for {
		select {
		case <-ctx.Done():
			return all() // what came until now
		case <-r.done:
			return os.ErrClosed
		case <-pace.C:
			if err := r.read(false, emit); err != nil {
				return err
			}
		case <-every.C:
			if err := all(); err != nil {
				return err
			}
		}
	}
}

// read tells of the packets that wait, and with all of the counters too.
func (r *Reader) read(all bool, emit func(feed.Item)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.done:
		return os.ErrClosed
	default:
	}
	err := r.packets(emit)
	if all {
		err = errors.Join(err, r.counted(emit))
	}
	return err
}

// Heard is the time before which the kernel dropped no packet that Run has not told of one
// by one; now, where packets are not told so.
func (r *Reader) Heard() time.Time {
	if r.probe == nil {
		return time.Now()
	}
	return *r.heard.Load()
}

// hear notes that all drops up to a moment were told.
func (r *Reader) hear(at time.Time) { r.heard.Store(&at) }

// clock learns how the kernel's clock stands to ours; where it cannot be read, it stays.
func (r *Reader) clock() {
	if boot, err := kprog.Boot(); err == nil {
		r.boot = boot
	}
}

// packets tells of the drops that wait in the kernel's buffer.
func (r *Reader) packets(emit func(feed.Item)) error {
	switch {
	case r.probe != nil:
		return r.probe.drain(r.hear, func(e raw) {
			d := r.drop(e)
			if question(d.Place) {
				return
			}
			if r.facts != nil {
				d.Facts = r.facts.of(d)
			}
			emit(feed.Item{Time: d.Time, Drop: d})
		})
	case r.perf != nil:
		return r.perf.drain(func(reason string, place, n uint64) {
			if d := r.without(drop.StepPerf, reason, place, n); !question(d.Place) {
				emit(feed.Item{Time: d.Time, Drop: d})
			}
		})
	}
	return nil
}

// question reports whether the place is where the kernel answers `ip route get`: it makes
// a packet for that and throws it away. Our own questions are among them.
func question(place string) bool {
	name, _, _ := strings.Cut(place, ".")
	return name == "inet_rtm_getroute" || name == "inet6_rtm_getroute"
}

// drop turns an event into words.
func (r *Reader) drop(e raw) *drop.Drop {
	d := &drop.Drop{Time: r.boot.Add(time.Duration(e.Time)), Source: drop.StepBPF, Reason: r.probe.reason(e.Reason), Netns: e.Netns, Packet: e.Packet, ARP: e.ARP, Target: e.Target,
		Length: int(e.Length), Kind: e.Kind, SrcMAC: e.SrcMAC, DstMAC: e.DstMAC, Orig: e.Orig, Reply: e.Reply, About: e.About, State: e.State, Zone: e.Zone, Skb: e.Skb, Count: 1}
	d.Place, d.Callers = r.path(e.Place, e.Stack)
	d.Station, d.Hook = r.atlas.Find(d.Place, d.Callers)
	if d.Station == drop.StationRouteOut && e.Iif == e.Index && e.Iif != 0 { // still at the interface it came by
		d.Station = drop.StationRouting
	}
	bridged := d.Hook == model.HookForward && e.Iif != 0 && e.Iif != e.Index // a bridge sets the port it leaves by before the hook
	switch {
	case d.Station == drop.StationDeviceOut, d.Station == drop.StationRouteOut, d.Hook == model.HookOutput, d.Hook == model.HookPostrouting, bridged:
		d.Out = e.Device
		if e.Iif != e.Index {
			d.In = r.names.Name(e.Iif)
		}
	case e.Device != "":
		d.In = e.Device
	default:
		d.In = r.names.Name(e.Iif)
	}
	return d
}

// path names the place and who called it, as far as it is one packet's way.
func (r *Reader) path(place uint64, stack []uint64) (string, []string) {
	names := r.symbols()
	var callers []string
	past := false
	for _, a := range stack {
		if !past {
			past = a == place
			continue
		}
		callers = append(callers, names.at(a))
	}
	return names.at(place), drop.Trim(callers)
}

// without is a drop of which no packet is known.
func (r *Reader) without(step drop.Step, reason string, place, n uint64) *drop.Drop {
	d := &drop.Drop{Time: time.Now(), Source: step, Reason: reason, Count: n}
	if step == drop.StepBPF {
		d.Netns = r.inode
	}
	if place != 0 {
		d.Place, _ = r.path(place, nil)
		d.Station, d.Hook = r.atlas.Find(d.Place, nil)
		if d.Station == drop.StationRouteOut && strings.HasPrefix(d.Place, "dst_discard_out") { // IPv6's blackhole, of what is sent on too
			d.Station = drop.StationUnknown
		}
	}
	return d
}

// counted tells of what was not told one by one, and of the counters that rose.
func (r *Reader) counted(emit func(feed.Item)) error {
	if r.probe != nil {
		c, err := r.probe.counts()
		if err != nil {
			return err
		}
		r.watch.Told, r.watch.Held, r.watch.Lost, r.watch.Merged, r.watch.Homeless = c[statTold], c[statHeld], c[statLost], c[statMerged], c[statHomeless]
		if n, err := r.probe.missed(); err == nil { // else it is no reason to tell of no more drops
			r.watch.Missed = max(r.watch.Missed, n) // of fewer counters, where one cannot be read any more
		}
		if err := r.probe.untoldSince(func(k untoldKey, n uint64) {
			if d := r.without(drop.StepBPF, r.probe.reason(k.Reason), k.Place, n); !question(d.Place) {
				emit(feed.Item{Time: d.Time, Drop: d})
			}
		}); err != nil {
			return err
		}
	}
	if r.perf != nil {
		r.watch.Told, r.watch.Lost, r.watch.Merged = r.perf.told, r.perf.lost, r.perf.lost
	}
	now, err := r.proc.read()
	if err != nil {
		return err
	}
	delta := rose(r.last, now, r.watched)
	r.last = now
	if r.facts != nil {
		r.facts.counted(now, delta)
	}
	for name, n := range delta {
		m := r.words[name]
		if r.probe != nil && len(m.Covers) > 0 {
			continue // each of these packets was told
		}
		d := r.without(drop.StepProc, name, 0, n)
		if !m.Host {
			d.Netns = r.inode
		}
		emit(feed.Item{Time: d.Time, Drop: d})
	}
	return nil
}

// Close ends Run.
func (r *Reader) Close() error {
	select {
	case <-r.done:
		return nil
	default:
		close(r.done)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.close()
}

func (r *Reader) close() (err error) {
	if r.probe != nil {
		err = r.probe.Close()
	}
	if r.perf != nil {
		err = errors.Join(err, r.perf.Close())
	}
	if r.proc != nil {
		err = errors.Join(err, r.proc.Close())
	}
	if r.names != nil {
		r.names.Close()
	}
	if r.facts != nil {
		r.facts.Close()
	}
	return errors.Join(err, r.ns.Close())
}

// loadSymbols reads the kernel's functions; where that is refused addresses stand for
// them.
func loadSymbols() *symbols {
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		return &symbols{}
	}
	defer f.Close()
	s, err := readSymbols(f)
	if err != nil {
		return &symbols{}
	}
	return s
}

package drops

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"nfscope/trace/kprog"
)

// probe is the program at work.
type probe struct {
	*kprog.Kit
	l      *layout
	tuples tupleLayout
	prog   *ebpf.Program
	untold *ebpf.Map
	// fired counts what the program should have been run for, nil where perf is not to be had.
	fired *firings
	// seen are the counts of untold that were told already.
	seen map[untoldKey]uint64
}

// untoldKey is the key of the map of what was not told one by one.
type untoldKey struct {
	Reason uint32
	_      uint32
	Place  uint64
}

// untoldPlace is how many pairs of reason and place are counted.
const untoldPlace = 1024

// openProbe loads the program and attaches it.
func openProbe(inode uint32, o Options) (_ *probe, err error) {
	l, err := readLayout()
	if err != nil {
		return nil, err
	}
	p := &probe{l: l, seen: map[untoldKey]uint64{}}
	p.tuples = tupleLayout{l.ct.size, l.ct.srcAddr, l.ct.srcPort, l.ct.l3, l.ct.dstAddr, l.ct.dstPort, l.ct.proto}
	if l.ct.size > 0 && !p.tuples.fits() {
		return nil, errors.New("BTF: a part of nf_conntrack_tuple lies outside of it")
	}
	if p.Kit, err = kprog.Open("nfs_drops", stats); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = p.Close()
		}
	}()
	if p.untold, err = p.Map(ebpf.MapSpec{Name: "nfs_untold", Type: ebpf.PerCPUHash, KeySize: 16, ValueSize: 8, MaxEntries: untoldPlace}); err != nil {
		return nil, err
	}
	code := program{l: l, o: o, inode: inode, kit: p.Kit, untold: p.untold}
	p.prog, err = p.Load("load the program", ebpf.ProgramSpec{Name: "nfs_drops", Type: ebpf.RawTracepoint, Instructions: code.assemble()})
	if err != nil {
		return nil, err
	}
	at, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: "kfree_skb", Program: p.prog})
	if err != nil {
		return nil, kprog.Plain("attach to the tracepoint kfree_skb", err)
	}
	p.Keep(at)
	p.fired, _ = openFirings(o.Tracefs, p.runs) // else the kernel's own count is all there is
	return p, nil
}

// Close ends the program.
func (p *probe) Close() error {
	var err error
	if p.fired != nil {
		err = p.fired.Close()
	}
	return errors.Join(err, p.Kit.Close())
}

// runs is how often the program was run, on each CPU.
func (p *probe) runs() ([]uint64, error) { return p.Each(statRuns) }

// drain hands over the events that wait now, as Ring.Drain does. It gives os.ErrClosed after Close.
func (p *probe) drain(passed func(time.Time), emit func(raw)) error {
	return p.Ring.Drain(passed, func(b []byte) error {
		r, err := decode(b, p.tuples, p.l.skb.pktTypeShift)
		if err == nil {
			emit(r)
		}
		return err
	})
}

// counts are the program's counters since it was loaded.
type counts [stats]uint64

func (p *probe) counts() (c counts, err error) {
	for i := range c {
		if c[i], err = p.Count(i); err != nil {
			return c, err
		}
	}
	return c, nil
}

// missed is how often the kernel passed the program over, at least: for whatever of the whole host was
// freed as dropped, packets or messages of netlink and Unix sockets.
// The kernel counts some of these itself: raw tracepoints are not entered twice on a CPU. It is
// what is known without perf, and may be more where a CPU came later, which perf does not count;
// 0 where the kernel does not count either (before 5.12).
func (p *probe) missed() (n uint64, err error) {
	if p.fired != nil {
		n, err = p.fired.missed()
	}
	s, own := p.prog.Stats()
	if own != nil {
		own = fmt.Errorf("read the program's misses: %w", own)
		if p.fired == nil || err != nil {
			return 0, errors.Join(err, own)
		}
		return n, nil
	}
	return max(n, s.RecursionMisses), nil
}

// untoldSince hands over by reason and place how many drops were not told one by one
// since the call before.
func (p *probe) untoldSince(emit func(k untoldKey, n uint64)) error {
	var k untoldKey
	var each []uint64
	it := p.untold.Iterate()
	for it.Next(&k, &each) {
		var sum uint64
		for _, n := range each {
			sum += n
		}
		if n := sum - p.seen[k]; n > 0 {
			p.seen[k] = sum
			emit(k, n)
		}
	}
	return it.Err()
}

// reason names a reason.
func (p *probe) reason(n uint32) string {
	if s, ok := p.l.reasons[n]; ok {
		return s
	}
	return fmt.Sprintf("reason %#x", n)
}

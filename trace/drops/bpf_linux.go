package drops

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"
)

// probe is the program at work. Nothing is pinned: the kernel removes it when its
// descriptors close, whatever ends the process.
type probe struct {
	l      *layout
	tuples tupleLayout
	maps   []*ebpf.Map
	prog   *ebpf.Program
	link   link.Link
	ring   *ringbuf.Reader
	stats  *ebpf.Map
	untold *ebpf.Map
	// seen are the counts of untold that were told already.
	seen map[untoldKey]uint64
}

// untoldKey is the key of the map of what was not told one by one.
type untoldKey struct {
	Reason uint32
	_      uint32
	Place  uint64
}

const (
	ringSize    = 1 << 20 // 2048 events: 20 ms at 100,000 a second
	untoldPlace = 1024    // pairs of reason and place
)

// openProbe loads the program and attaches it.
func openProbe(inode uint32, o Options) (_ *probe, err error) {
	l, err := readLayout()
	if err != nil {
		return nil, err
	}
	p := &probe{l: l, seen: map[untoldKey]uint64{}}
	defer func() {
		if err != nil {
			_ = p.Close()
		}
	}()
	p.tuples = tupleLayout{l.ct.size, l.ct.srcAddr, l.ct.srcPort, l.ct.l3, l.ct.dstAddr, l.ct.dstPort, l.ct.proto}
	if l.ct.size > 0 && !p.tuples.fits() {
		return nil, errors.New("BTF: a part of nf_conntrack_tuple lies outside of it")
	}
	code := program{l: l, o: o, inode: inode}
	for _, m := range []struct {
		at   **ebpf.Map
		spec ebpf.MapSpec
	}{
		{&code.ring, ebpf.MapSpec{Name: "nfs_drops", Type: ebpf.RingBuf, MaxEntries: ringSize}},
		{&code.bucket, ebpf.MapSpec{Name: "nfs_bucket", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}},
		{&code.stats, ebpf.MapSpec{Name: "nfs_stats", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: stats}},
		{&code.untold, ebpf.MapSpec{Name: "nfs_untold", Type: ebpf.PerCPUHash, KeySize: 16, ValueSize: 8, MaxEntries: untoldPlace}},
	} {
		made, err := ebpf.NewMap(&m.spec)
		if err != nil {
			return nil, plainly("make a map", err)
		}
		*m.at = made
		p.maps = append(p.maps, made)
	}
	p.stats, p.untold = code.stats, code.untold
	p.prog, err = ebpf.NewProgram(&ebpf.ProgramSpec{Name: "nfs_drops", Type: ebpf.RawTracepoint, License: "GPL", Instructions: code.assemble()})
	if err != nil {
		return nil, plainly("load the program", err)
	}
	p.link, err = link.AttachRawTracepoint(link.RawTracepointOptions{Name: "kfree_skb", Program: p.prog})
	if err != nil {
		return nil, plainly("attach to the tracepoint kfree_skb", err)
	}
	p.ring, err = ringbuf.NewReader(code.ring)
	if err != nil {
		return nil, fmt.Errorf("map the ring buffer: %w", err)
	}
	return p, nil
}

// plainly words an error of the library, which blames MEMLOCK for every EPERM.
func plainly(doing string, err error) error {
	var v *ebpf.VerifierError
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%s: %w", doing, unix.EPERM)
	case errors.As(err, &v):
		return fmt.Errorf("%s: the kernel's verifier refused it: %w", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// drain hands over the events that wait now. It gives os.ErrClosed after Close.
func (p *probe) drain(emit func(raw)) error {
	p.ring.SetDeadline(time.Now()) // nobody wakes us: the buffer is looked through
	var rec ringbuf.Record
	for {
		err := p.ring.ReadInto(&rec)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return err
		}
		r, err := decode(rec.RawSample, p.tuples, p.l.skb.pktTypeShift)
		if err != nil {
			return err
		}
		emit(r)
	}
}

// counts are the program's counters since it was loaded.
type counts [stats]uint64

func (p *probe) counts() (c counts, err error) {
	for i := range c {
		var each []uint64
		if err := p.stats.Lookup(uint32(i), &each); err != nil {
			return c, fmt.Errorf("read the program's counters: %w", err)
		}
		for _, n := range each {
			c[i] += n
		}
	}
	return c, nil
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

// Close detaches the program.
func (p *probe) Close() (err error) {
	if p.link != nil {
		err = p.link.Close()
	}
	if p.ring != nil {
		err = errors.Join(err, p.ring.Close())
	}
	if p.prog != nil {
		err = errors.Join(err, p.prog.Close())
	}
	for _, m := range p.maps {
		err = errors.Join(err, m.Close())
	}
	return err
}

// reason names a reason.
func (p *probe) reason(n uint32) string {
	if s, ok := p.l.reasons[n]; ok {
		return s
	}
	return fmt.Sprintf("reason %#x", n)
}

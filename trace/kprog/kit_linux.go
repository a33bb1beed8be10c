// Package kprog holds what our eBPF programs share: their maps, the ring buffer that they
// write events to, their counters, and the pieces of code that all of them have.
package kprog

import (
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"
)

// RingSize is how many bytes of events wait for their reader in a Ring.
const RingSize = 1 << 20

// Kit is some programs with their maps. Nothing is pinned: the kernel removes all of it when
// the descriptors close, whatever ends the process.
type Kit struct {
	// Ring takes events.
	Ring *Ring
	// Stats are the programs' counters, each per CPU, and Bucket is what Code.Bucket fills.
	Stats, Bucket *ebpf.Map

	maps  []*ebpf.Map
	progs []*ebpf.Program
	links []link.Link
	rings []*Ring
}

// recordHead is what an event takes in a ring beside its bytes, which are filled up to eight
// (BPF_RINGBUF_HDR_SZ, linux/bpf.h).
const recordHead = 8

// Ring is a ring buffer with its reader.
type Ring struct {
	*ebpf.Map
	r *ringbuf.Reader
}

// Open makes the maps that every program has; name begins their names, stats is how many
// counters there are.
func Open(name string, stats int) (_ *Kit, err error) {
	k := &Kit{}
	defer func() {
		if err != nil {
			_ = k.Close()
		}
	}()
	if k.Ring, err = k.NewRing(name + "_ring"); err != nil {
		return nil, err
	}
	if k.Bucket, err = k.Map(ebpf.MapSpec{Name: name + "_bucket", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}); err != nil {
		return nil, err
	}
	if k.Stats, err = k.Map(ebpf.MapSpec{Name: name + "_stats", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: uint32(stats)}); err != nil {
		return nil, err
	}
	return k, nil
}

// NewRing makes a ring buffer.
func (k *Kit) NewRing(name string) (*Ring, error) {
	m, err := k.Map(ebpf.MapSpec{Name: name, Type: ebpf.RingBuf, MaxEntries: RingSize})
	if err != nil {
		return nil, err
	}
	r := &Ring{Map: m}
	if r.r, err = ringbuf.NewReader(m); err != nil {
		return nil, fmt.Errorf("map the ring buffer: %w", err)
	}
	k.rings = append(k.rings, r)
	return r, nil
}

// Map makes a map.
func (k *Kit) Map(spec ebpf.MapSpec) (*ebpf.Map, error) {
	m, err := ebpf.NewMap(&spec)
	if err != nil {
		return nil, Plain("make a map", err)
	}
	k.maps = append(k.maps, m)
	return m, nil
}

// Load loads a program; doing is what that is called where it fails.
func (k *Kit) Load(doing string, spec ebpf.ProgramSpec) (*ebpf.Program, error) {
	spec.License = "GPL"
	p, err := ebpf.NewProgram(&spec)
	if err != nil {
		return nil, Plain(doing, err)
	}
	k.progs = append(k.progs, p)
	return p, nil
}

// Keep keeps the links of attached programs until Close.
func (k *Kit) Keep(l ...link.Link) { k.links = append(k.links, l...) }

// Plain words an error of the library, which blames MEMLOCK for every EPERM.
func Plain(doing string, err error) error {
	var v *ebpf.VerifierError
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%s: %w", doing, unix.EPERM)
	case errors.As(err, &v):
		return fmt.Errorf("%s: the kernel's verifier refused it: %w", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// Drain hands over the events that wait, and no more than so many bytes of those that come
// meanwhile: a flood that has no end does not keep it. What emit is handed is good until it
// returns. It gives os.ErrClosed after Close. An event waits for those before it that another
// CPU is still writing. passed is told the moment up to which all events were handed over.
func (g *Ring) Drain(passed func(time.Time), emit func([]byte) error) error {
	at := time.Now()
	left := g.r.AvailableBytes()
	g.r.SetDeadline(time.Now()) // nobody wakes us: the buffer is looked through
	var rec ringbuf.Record
	for {
		err := g.r.ReadInto(&rec)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			passed(at)
			return nil
		}
		if err == nil {
			err = emit(rec.RawSample)
		}
		if err != nil {
			return err
		}
		if left -= recordHead + (len(rec.RawSample)+7)&^7; left <= 0 {
			passed(at)
			return nil
		}
	}
}

// Each is one of the counters on each CPU, by its number, since the programs were loaded.
func (k *Kit) Each(stat int) (each []uint64, err error) {
	if err := k.Stats.Lookup(uint32(stat), &each); err != nil {
		return nil, fmt.Errorf("read the programs' counters: %w", err)
	}
	return each, nil
}

// Count is one of the counters on all CPUs.
func (k *Kit) Count(stat int) (n uint64, err error) {
	each, err := k.Each(stat)
	for _, c := range each {
		n += c
	}
	return n, err
}

// Boot is when the clock of the programs' events (CLOCK_MONOTONIC) was zero, by the wall's: at
// the one of several looks that took least, for others may have had the processor in the
// middle of one.
func Boot() (boot time.Time, err error) {
	var ts unix.Timespec
	least := time.Duration(math.MaxInt64)
	for range 5 {
		before := time.Now()
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			return time.Time{}, os.NewSyscallError("clock_gettime", err)
		}
		if took := time.Since(before); took < least {
			least, boot = took, time.Unix(0, before.UnixNano()-ts.Nano()+int64(took/2))
		}
	}
	return boot, nil
}

// Close detaches the programs and ends Drain.
func (k *Kit) Close() (err error) {
	for _, l := range k.links {
		err = errors.Join(err, l.Close())
	}
	for _, g := range k.rings {
		err = errors.Join(err, g.r.Close())
	}
	for _, p := range k.progs {
		err = errors.Join(err, p.Close())
	}
	for _, m := range k.maps {
		err = errors.Join(err, m.Close())
	}
	return err
}

// IDs names what is in the kernel: "program 17", "link 4", "map 9".
func (k *Kit) IDs() (list []string, err error) {
	for _, p := range k.progs {
		i, err := p.Info()
		if err != nil {
			return nil, err
		}
		id, _ := i.ID()
		list = append(list, fmt.Sprint("program ", id))
	}
	for _, l := range k.links {
		i, err := l.Info()
		if err != nil {
			return nil, err
		}
		list = append(list, fmt.Sprint("link ", i.ID))
	}
	for _, m := range k.maps {
		i, err := m.Info()
		if err != nil {
			return nil, err
		}
		id, _ := i.ID()
		list = append(list, fmt.Sprint("map ", id))
	}
	return list, nil
}

package drops

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// perfReader reads the tracepoint through perf_event_open(2): reason and place, without
// packet and namespace. The kernel closes it with its descriptors.
type perfReader struct {
	f    *format
	cpus []perfCPU
	// told and lost count events.
	told, lost uint64
}

// perfCPU is the ring of one CPU.
type perfCPU struct {
	fd   int
	ring []byte // a page about the ring, and the ring
	buf  []byte
	lost uint64 // of which the ring told
}

// perfPages is how many pages each ring of a Reader has: a power of 2.
const perfPages = 64

// openPerf begins to read, into rings of so many pages. tracefs is where it is mounted, the
// usual places if "".
func openPerf(tracefs string, pages int) (_ *perfReader, err error) {
	p := &perfReader{}
	defer func() {
		if err != nil {
			_ = p.Close()
		}
	}()
	id, f, err := findTracepoint(tracefs)
	if err != nil {
		return nil, err
	}
	p.f = f
	list, err := onlineCPUs()
	if err != nil {
		return nil, err
	}
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})), Config: id, Sample: 1, Sample_type: unix.PERF_SAMPLE_RAW, Read_format: unix.PERF_FORMAT_LOST}
	filter, err := unix.BytePtrFromString(p.f.filter())
	if err != nil {
		return nil, err
	}
	for _, cpu := range list {
		fd, err := unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if errors.Is(err, unix.EINVAL) && attr.Read_format != 0 { // before Linux 6.0
			attr.Read_format = 0
			fd, err = unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
		}
		if errors.Is(err, unix.ENODEV) { // offline by now
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("open the tracepoint kfree_skb by perf: %w", err)
		}
		c := perfCPU{fd: fd}
		p.cpus = append(p.cpus, c)
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.PERF_EVENT_IOC_SET_FILTER, uintptr(unsafe.Pointer(filter))); e != 0 {
			return nil, fmt.Errorf("set the filter of the tracepoint: %w", e)
		}
		ring, err := unix.Mmap(fd, 0, (1+pages)*os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			return nil, fmt.Errorf("map the ring of CPU %d: %w", cpu, err)
		}
		p.cpus[len(p.cpus)-1].ring = ring
	}
	return p, nil
}

// onlineCPUs lists the numbers of the CPUs at work: 0-3,5.
func onlineCPUs() (list []int, err error) {
	b, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return nil, fmt.Errorf("list the CPUs: %w", err)
	}
	for part := range strings.SplitSeq(strings.TrimSpace(string(b)), ",") {
		from, to, isRange := strings.Cut(part, "-")
		lo, err1 := strconv.Atoi(from)
		hi := lo
		var err2 error
		if isRange {
			hi, err2 = strconv.Atoi(to)
		}
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("list the CPUs: %w", err)
		}
		for c := lo; c <= hi; c++ {
			list = append(list, c)
		}
	}
	return list, nil
}

// drain hands over what waits, added up by reason and place.
func (p *perfReader) drain(emit func(reason string, place, n uint64)) error {
	type key struct {
		reason uint32
		place  uint64
	}
	sums := map[key]uint64{}
	p.lost = 0
	for i := range p.cpus {
		c := &p.cpus[i]
		c.lost += c.records(func(raw []byte) {
			if reason, place, ok := p.f.event(raw); ok {
				sums[key{reason, place}]++
				p.told++
			}
		})
		p.lost += c.allLost()
	}
	for k, n := range sums {
		name, ok := p.f.reasons[k.reason]
		if !ok {
			name = fmt.Sprintf("reason %#x", k.reason)
		}
		emit(name, k.place, n)
	}
	return nil
}

// event reads what is of use in a tracepoint's event.
func (f *format) event(raw []byte) (reason uint32, place uint64, ok bool) {
	if len(raw) < max(f.reason.at+4, f.place.at+8) {
		return 0, 0, false
	}
	return binary.NativeEndian.Uint32(raw[f.reason.at:]), binary.NativeEndian.Uint64(raw[f.place.at:]), true
}

// records takes the records that are in a ring, and gives how many were lost.
func (c *perfCPU) records(emit func(raw []byte)) (lost uint64) {
	page := os.Getpagesize()
	// struct perf_event_mmap_page: data_head and data_tail stand at 1024 and 1032.
	head := atomic.LoadUint64((*uint64)(unsafe.Pointer(&c.ring[1024])))
	tailAt := (*uint64)(unsafe.Pointer(&c.ring[1032]))
	tail := *tailAt
	data := c.ring[page:]
	for tail < head {
		h := c.piece(data, tail, 8)
		kind, size := binary.NativeEndian.Uint32(h), uint64(binary.NativeEndian.Uint16(h[6:]))
		if size < 8 || tail+size > head {
			break
		}
		rec := c.piece(data, tail, size)
		tail += size
		lost += record(kind, rec[8:], emit)
	}
	atomic.StoreUint64(tailAt, head)
	return lost
}

// allLost is how many were lost as the kernel counts them: the ring tells of it only with the
// next record that finds room. Before Linux 6.0 it is what the ring told.
func (c *perfCPU) allLost() uint64 {
	var b [16]byte // struct read_format: value, lost
	if n, err := unix.Read(c.fd, b[:]); err != nil || n < len(b) {
		return c.lost
	}
	return binary.NativeEndian.Uint64(b[8:])
}

// record reads one record: a sample, or how many were lost.
func record(kind uint32, b []byte, emit func(raw []byte)) (lost uint64) {
	switch {
	case kind == unix.PERF_RECORD_SAMPLE && len(b) >= 4:
		if n := int(binary.NativeEndian.Uint32(b)); n <= len(b)-4 {
			emit(b[4 : 4+n])
		}
	case kind == unix.PERF_RECORD_LOST && len(b) >= 16:
		return binary.NativeEndian.Uint64(b[8:])
	}
	return 0
}

// piece copies a part of the ring, which may go round its end.
func (c *perfCPU) piece(data []byte, at, n uint64) []byte {
	c.buf = c.buf[:0]
	for i := uint64(0); i < n; {
		from := (at + i) % uint64(len(data))
		m := min(n-i, uint64(len(data))-from)
		c.buf = append(c.buf, data[from:from+m]...)
		i += m
	}
	return c.buf
}

// Close ends the reading.
func (p *perfReader) Close() (err error) {
	for _, c := range p.cpus {
		if c.ring != nil {
			err = errors.Join(err, unix.Munmap(c.ring))
		}
		err = errors.Join(err, unix.Close(c.fd))
	}
	return err
}

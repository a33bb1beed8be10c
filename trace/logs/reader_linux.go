package logs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"nfscope/model/journey"
	"nfscope/model/logline"
	"nfscope/trace/kmsg"
	"nfscope/trace/netns"
	"nfscope/trace/nflog"
)

// Reader reads the groups of one namespace and the kernel's log.
type Reader struct {
	groups  []group
	kernel  kernelLog // nil where it is not read
	missing []string

	mu sync.Mutex // held while a line is handed over
	// emit is nil once Run has ended.
	emit func(logline.Line)
	once sync.Once
}

// kernelLog is a kmsg.Reader.
type kernelLog interface {
	Run(emit func(kmsg.Record)) error
	Lost() uint64
	Close() error
}

type group struct {
	number uint16
	r      *nflog.Reader
}

// Open binds the groups. What cannot be read is told by Missing; where nothing can, that
// is the error.
func Open(ns *netns.Handle, o Options) (*Reader, error) {
	r := &Reader{}
	var errs []error
	for i, n := range o.Groups {
		if slices.Contains(o.Groups[:i], n) {
			continue // the second reader would find the first in its way
		}
		nr, err := nflog.Open(ns, n, nflog.Options{Buffer: o.Buffer, Unstamped: true, Other: func(m nflog.Message) { r.put(fromGroup(n, &m)) }})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		r.groups = append(r.groups, group{n, nr})
	}
	if o.Kernel {
		if err := r.openKernel(ns); err != nil {
			errs = append(errs, err)
		}
	}
	if len(r.groups) == 0 && r.kernel == nil {
		return nil, errors.Join(errs...)
	}
	for _, err := range errs {
		r.missing = append(r.missing, err.Error())
	}
	return r, nil
}

// allNetns is the sysctl that has the kernel log for all namespaces; only the first one has
// the file (net/netfilter/nf_log.c).
const allNetns = "/proc/sys/net/netfilter/nf_log_all_netns"

// openKernel opens the kernel's log where lines of the namespace are written there.
func (r *Reader) openKernel(ns *netns.Handle) error {
	first := ns.Do(func() error { _, err := os.Stat(allNetns); return err }) == nil
	if !first {
		all, err := os.ReadFile(allNetns)
		if err != nil || strings.TrimSpace(string(all)) == "0" {
			return fmt.Errorf("LOG rules of namespace %q write nothing: the kernel logs for the first network namespace only, as long as net.netfilter.nf_log_all_netns is 0; NFLOG works everywhere", ns.Name())
		}
		r.missing = append(r.missing, "the kernel's log has the lines of all network namespaces, and does not say whose they are")
	}
	k, err := kmsg.Open()
	if err == nil {
		r.kernel = k
	}
	return err
}

// Missing are sentences about what is not read, and why, as far as that is known by now.
func (r *Reader) Missing() []string {
	out := slices.Clone(r.missing)
	for _, g := range r.groups {
		if s := g.r.Stats(); s.Malformed > 0 {
			out = append(out, fmt.Sprintf("group %d: messages are not understood and count as lost (%v)", g.number, s.First))
		}
	}
	return out
}

// Groups are those that are read.
func (r *Reader) Groups() (list []uint16) {
	for _, g := range r.groups {
		list = append(list, g.number)
	}
	return list
}

// Kernel reports whether the kernel's log is read.
func (r *Reader) Kernel() bool { return r.kernel != nil }

// Run hands every line to emit, one at a time, until the context ends (nil), the Reader is
// closed (os.ErrClosed) or a socket fails. It may be called once.
func (r *Reader) Run(ctx context.Context, emit func(logline.Line)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r.mu.Lock()
	r.emit = emit
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.emit = nil
		r.mu.Unlock()
	}()
	n := len(r.groups)
	ended := make(chan error, n+1)
	for _, g := range r.groups {
		go func() { ended <- g.r.Run(ctx, func([]journey.Event) {}) }() // the lines come by Options.Other
	}
	if r.kernel != nil {
		n++
		go func() { ended <- r.kernel.Run(r.record) }()
	}
	var first error
	select {
	case <-ctx.Done():
	case first = <-ended:
		n--
	}
	stop()
	if r.kernel != nil {
		_ = r.kernel.Close()
	}
	for range n {
		if err := <-ended; first == nil && !errors.Is(err, os.ErrClosed) {
			first = err
		}
	}
	return first
}

func (r *Reader) record(m kmsg.Record) {
	if l, ok := fromKernel(&m); ok {
		l.Time = time.Now()
		r.put(l)
	}
}

func (r *Reader) put(l logline.Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.emit != nil {
		r.emit(l)
	}
}

// Lost counts the messages that were not read; of the kernel's log all are counted, for
// nobody knows what those were.
func (r *Reader) Lost() (n uint64) {
	for _, g := range r.groups {
		n += g.r.Lost()
	}
	if r.kernel != nil {
		n += r.kernel.Lost()
	}
	return n
}

// Close ends Run and gives the groups back.
func (r *Reader) Close() (err error) {
	r.once.Do(func() {
		for _, g := range r.groups {
			err = errors.Join(err, g.r.Close())
		}
		if r.kernel != nil {
			err = errors.Join(err, r.kernel.Close())
		}
	})
	return err
}

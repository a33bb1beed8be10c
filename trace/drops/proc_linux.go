package drops

import (
	"errors"
	"fmt"
	"io"
	"os"

	"nfscope/trace/netns"
)

// procFile is an open file of /proc/net: it stays with the namespace that it was opened
// in.
type procFile struct {
	f     *os.File
	parse func([]byte, counters)
}

// proc reads the counters of one namespace.
type proc struct {
	files []procFile
	// missing are those that could not be opened, with why.
	missing []error
	buf     []byte
}

// openProc opens the counters of a namespace.
func openProc(ns *netns.Handle) (*proc, error) {
	p := &proc{buf: make([]byte, 64<<10)}
	stat := func(prefix string) func([]byte, counters) {
		return func(b []byte, c counters) { parsePerCPU(b, prefix, c) }
	}
	err := ns.Do(func() error {
		for _, f := range []struct {
			name  string
			parse func([]byte, counters)
		}{
			{"snmp", parsePairs}, {"netstat", parsePairs}, {"snmp6", parseLines},
			{"stat/nf_conntrack", stat("nf_conntrack")}, {"stat/rt_cache", stat("rt_cache")}, {"softnet_stat", parseSoftnet},
		} {
			file, err := os.Open("/proc/thread-self/net/" + f.name) // the thread is in the namespace, the process need not be
			if err != nil {
				p.missing = append(p.missing, err)
				continue
			}
			p.files = append(p.files, procFile{file, f.parse})
		}
		return nil
	})
	if err == nil && len(p.files) == 0 {
		err = fmt.Errorf("read the counters of namespace %q: %w", ns.Name(), errors.Join(p.missing...))
	}
	return p, err
}

// read reads all counters anew.
func (p *proc) read() (counters, error) {
	c := counters{}
	for _, f := range p.files {
		n := 0
		for { // a file of /proc is read from its begin in one go, or in pieces of a page
			m, err := f.f.ReadAt(p.buf[n:], int64(n))
			n += m
			if err == io.EOF || m == 0 {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", f.f.Name(), err)
			}
			if n == len(p.buf) {
				p.buf = append(p.buf, make([]byte, len(p.buf))...)
			}
		}
		f.parse(p.buf[:n], c)
	}
	return c, nil
}

// Close closes the files.
func (p *proc) Close() (err error) {
	for _, f := range p.files {
		err = errors.Join(err, f.f.Close())
	}
	return err
}

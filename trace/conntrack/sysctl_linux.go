package conntrack

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"nfscope/model/flow"
)

// sysctl reads a number of net.netfilter in the calling thread's namespace, -1 where
// there is none (Documentation/networking/nf_conntrack-sysctl.rst).
func sysctl(name string) int {
	b, err := os.ReadFile(filepath.Join("/proc/sys/net/netfilter", name))
	if err != nil {
		return -1
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return -1
	}
	return n
}

// there reports whether the kernel has nf_conntrack. It must be asked before a socket
// is used: a request to a subsystem that is not there makes the kernel load a module.
// Older kernels hide the sysctls from namespaces without root, but not the statistics.
func (r *Reader) there() (yes bool, err error) {
	err = r.ns.Do(func() error {
		for _, f := range []string{"/proc/sys/net/netfilter/nf_conntrack_count", "/proc/thread-self/net/stat/nf_conntrack"} {
			_, err := os.Stat(f)
			if err == nil {
				yes = true
				return nil
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	})
	return yes, err
}

// silent says, in a sentence, why the kernel sends no events; "" where it does.
func (r *Reader) silent() (why string) {
	_ = r.ns.Do(func() error {
		switch sysctl("nf_conntrack_events") {
		case 0:
			why = "the kernel sends no conntrack events here, so connections are only read from time to time: net.netfilter.nf_conntrack_events is 0; `sysctl -w net.netfilter.nf_conntrack_events=2` sends them to whoever listens"
		case -1:
			if sysctl("nf_conntrack_count") >= 0 {
				why = "this kernel sends no conntrack events, so connections are only read from time to time: it was built without CONFIG_NF_CONNTRACK_EVENTS"
			}
		}
		return nil
	})
	return why
}

// timeouts reads where timeouts begin, of the calling thread's namespace.
func timeouts() flow.Timeouts {
	const dir, prefix = "/proc/sys/net/netfilter", "nf_conntrack_"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	out := flow.Timeouts{}
	for _, e := range entries {
		if name, ok := strings.CutPrefix(e.Name(), prefix); ok && strings.Contains(name, "_timeout") {
			if n := sysctl(e.Name()); n > 0 {
				out[name] = n
			}
		}
	}
	return out
}

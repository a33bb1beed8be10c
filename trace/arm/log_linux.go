package arm

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"nfscope/trace/guard"
	"nfscope/trace/netns"
)

// logger is the name of the logger that sends legacy TRACE lines over NFLOG
// (net/netfilter/nfnetlink_log.c).
const logger = "nfnetlink_log"

// Log is the setting of net.netfilter.nf_log in a namespace, while it is ours.
type Log struct {
	ns    *netns.Handle
	guard *guard.Guard
	set   []setLog
	used  []string // settings that tell us, until Close
}

type setLog struct {
	id        int
	path, old string
}

// EnableLog lets legacy TRACE of IPv4 and IPv6 reach NFLOG group 0: it sets
// net.netfilter.nf_log.2 and .10. Close puts back what was there, and the guard does
// when we are killed.
func EnableLog(ns *netns.Handle, g *guard.Guard) (*Log, error) {
	l := &Log{ns: ns, guard: g}
	for _, path := range logSysctls() {
		if err := l.enable(path); err != nil {
			return nil, errors.Join(fmt.Errorf("let legacy TRACE reach us: %w", err), l.Close())
		}
		l.used = append(l.used, path)
	}
	return l, nil
}

// Logging reports whether legacy TRACE of a family reaches NFLOG group 0 without us.
func Logging(ns *netns.Handle) bool {
	l := Log{ns: ns}
	return slices.ContainsFunc(logSysctls(), func(path string) bool {
		now, _ := l.swap(path, "", "") // what cannot be read is not set by anybody
		return now == logger
	})
}

// logSysctls are the settings for IPv4 and IPv6.
func logSysctls() (paths []string) {
	for _, family := range []int{unix.NFPROTO_IPV4, unix.NFPROTO_IPV6} {
		paths = append(paths, fmt.Sprintf("net/netfilter/nf_log/%d", family))
	}
	return paths
}

func (l *Log) enable(path string) error {
	old, err := l.swap(path, "", "")
	if err != nil {
		return err
	}
	if old == logger {
		return nil // somebody else's, and there to stay
	}
	id, err := l.guard.Sysctl(l.ns, path, old, logger)
	if err != nil {
		return err
	}
	if _, err := l.swap(path, old, logger); err != nil {
		return errors.Join(err, l.guard.Undone(id))
	}
	l.set = append(l.set, setLog{id, path, old})
	return nil
}

// swap reads a sysctl of the namespace and sets it to want if it holds have; ""
// sets nothing.
func (l *Log) swap(path, have, want string) (now string, err error) {
	file := filepath.Join("/proc/sys", path)
	err = l.ns.Do(func() error {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if now = string(bytes.TrimSpace(b)); want == "" || now != have {
			return nil
		}
		return os.WriteFile(file, []byte(want+"\n"), 0)
	})
	return now, advise(err, want)
}

// advise says what would help where a sysctl cannot be read or set to want.
func advise(err error, want string) error {
	switch {
	case errors.Is(err, unix.ENOENT) && want == logger:
		err = fmt.Errorf("%w: the kernel module is not loaded; `modprobe nfnetlink_log` loads it", err)
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("%w: this kernel has no netfilter logging", err)
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS):
		err = fmt.Errorf("%w: /proc/sys must be writable, so run nfscope as root and, in a container, with /proc/sys mounted rw", err)
	}
	return err
}

// Changed says, a sentence each, which settings another program has changed: of that family
// the legacy tables tell nothing any more. What is another's is not set again.
func (l *Log) Changed() (said []string) {
	for _, path := range l.used {
		if now, err := l.swap(path, "", ""); err == nil && now != logger {
			said = append(said, fmt.Sprintf("another program has set %s to %s: legacy tables tell of no packet of that family any more", strings.ReplaceAll(path, "/", "."), now))
		}
	}
	return said
}

// Close puts back what was there, unless somebody has changed it since.
func (l *Log) Close() error {
	var errs []error
	for i := len(l.set) - 1; i >= 0; i-- {
		s := l.set[i]
		if _, err := l.swap(s.path, logger, s.old); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, l.guard.Undone(s.id))
	}
	l.set, l.used = nil, nil
	return errors.Join(errs...)
}

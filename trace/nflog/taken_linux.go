package nflog

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// bindError says why a group could not be bound. go-nflog keeps only the text of the
// kernel's error, so that is what is looked at: any step before the last fails with
// EPERM where CAP_NET_ADMIN is missing, the last one where the group has a reader
// (net/netfilter/nfnetlink_log.c, nfulnl_recv_config).
func bindError(ns *netns.Handle, group uint16, err error) error {
	text := err.Error()
	refused := strings.Contains(text, unix.EPERM.Error()) || strings.Contains(text, unix.EBUSY.Error())
	switch {
	case refused && strings.Contains(text, "requested group"):
		return fmt.Errorf("%w: group %d in namespace %q is read by %s; stop that one first", ErrTaken, group, ns.Name(), holder(ns, group))
	case refused:
		return fmt.Errorf("bind NFLOG group %d in namespace %q: it needs root, or CAP_NET_ADMIN there: %w", group, ns.Name(), err)
	}
	return fmt.Errorf("bind NFLOG group %d in namespace %q: %w", group, ns.Name(), err)
}

// holder names who reads a group: its netlink port is its process id, unless it has
// several netlink sockets.
func holder(ns *netns.Handle, group uint16) string {
	port, err := port(ns, group)
	if err != nil {
		return "another process"
	}
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", port))
	switch {
	case port == uint32(os.Getpid()):
		return "this process itself"
	case err != nil:
		return fmt.Sprintf("another process (netlink port %d)", port)
	}
	return fmt.Sprintf("%s (process %d)", strings.TrimSpace(string(comm)), port)
}

// port reads the netlink port that holds a group from the namespace's
// /proc/net/netfilter/nfnetlink_log, whose first two columns are group and port.
func port(ns *netns.Handle, group uint16) (port uint32, err error) {
	err = ns.Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/netfilter/nfnetlink_log")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) < 2 || f[0] != strconv.Itoa(int(group)) {
				continue
			}
			n, err := strconv.ParseUint(f[1], 10, 32)
			port = uint32(n)
			return err
		}
		return errors.New("the group has no reader")
	})
	return port, err
}

package nflog

import (
	"fmt"
	"os"
	"path/filepath"
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

// holder names who reads a group.
func holder(ns *netns.Handle, group uint16) string {
	who, err := Holder(ns, group)
	if err != nil || who == "" {
		return "another process"
	}
	return who
}

// Holder names who reads a group of a namespace, such as "ulogd (process 712)"; "" where
// nobody does.
func Holder(ns *netns.Handle, group uint16) (string, error) {
	port, inode, err := socket(ns, group)
	if err != nil || port == 0 {
		return "", err
	}
	// The first netlink socket of a process has its id as port, others a random one.
	for _, pid := range owners(inode, port) {
		if pid == os.Getpid() {
			return "this process itself", nil
		}
		if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil {
			return fmt.Sprintf("%s (process %d)", strings.TrimSpace(string(comm)), pid), nil
		}
	}
	return fmt.Sprintf("another process (netlink port %d)", port), nil
}

// socket finds the netlink socket that holds a group: its port, 0 where there is none,
// in the namespace's /proc/net/netfilter/nfnetlink_log, whose first two columns are
// group and port, and its inode in /proc/net/netlink.
func socket(ns *netns.Handle, group uint16) (port uint32, inode string, err error) {
	err = ns.Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/netfilter/nfnetlink_log")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == strconv.Itoa(int(group)) {
				n, err := strconv.ParseUint(f[1], 10, 32)
				if err != nil {
					return err
				}
				port = uint32(n)
			}
		}
		if b, err = os.ReadFile("/proc/thread-self/net/netlink"); err != nil {
			return nil // the port will do
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line) // sk, protocol, port, ..., inode
			if len(f) > 3 && f[1] == strconv.Itoa(unix.NETLINK_NETFILTER) && f[2] == strconv.FormatUint(uint64(port), 10) {
				inode = f[len(f)-1]
			}
		}
		return nil
	})
	return port, inode, err
}

// owners lists the processes that hold the socket open, as far as we may look.
func owners(inode string, port uint32) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*") // a pattern that is right
	for _, f := range files {
		if to, err := os.Readlink(f); inode != "" && err == nil && to == "socket:["+inode+"]" {
			pid, _ := strconv.Atoi(strings.Split(f, "/")[2])
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 && inode == "" {
		pids = append(pids, int(port))
	}
	return pids
}

package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// Hold is the argument behind "lab" of a process that keeps a lab for `lab up`.
const Hold = "__hold"

// Standing lists the labs whose process lives, by name and process.
func Standing() ([]Stand, error) {
	names, err := netns.List(prefix)
	if err != nil {
		return nil, fmt.Errorf("look for labs that stand: %w", err)
	}
	found := map[string]*Stand{}
	for _, name := range names {
		l, i, host, ok := splitName(name)
		if !ok || !alive(i.pid) {
			continue
		}
		key := l + "-" + i.String()
		if found[key] == nil {
			found[key] = &Stand{Lab: l, PID: i.pid, Hosts: map[string]string{}, Held: holds(i.pid, l), inst: i}
		}
		found[key].Hosts[host] = name
	}
	list := guests()
	for _, s := range found {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b Stand) int {
		return cmp.Or(cmp.Compare(a.Lab, b.Lab), cmp.Compare(a.PID, b.PID), cmp.Compare(a.inst.nth, b.inst.nth))
	})
	return list, nil
}

// holds tells whether a process was started to keep a lab: its arguments say so. A
// process that has got the pid of a dead one does not say it of this lab.
func holds(pid int, lab string) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return false
	}
	args := strings.Split(strings.TrimRight(string(b), "\x00"), "\x00")
	i := slices.Index(args, Hold)
	return i > 0 && i+1 < len(args) && args[i+1] == lab
}

// Release ends the process that keeps a lab for `lab up`, and waits until it has removed
// the lab.
func Release(ctx context.Context, s Stand) error {
	fd, err := unix.PidfdOpen(s.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("end process %d, which keeps lab %s: %w", s.PID, s.Lab, err)
	}
	defer unix.Close(fd)
	if !holds(s.PID, s.Lab) { // looked at again: the descriptor cannot become another process
		return fmt.Errorf("process %d does not keep lab %s", s.PID, s.Lab)
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGTERM, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("end process %d, which keeps lab %s: %w", s.PID, s.Lab, err)
	}
	for end := time.Now().Add(20 * time.Second); ctx.Err() == nil; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 100)
		switch {
		case n > 0:
			return nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return err
		case time.Now().After(end):
			return fmt.Errorf("process %d, which keeps lab %s, was told to end and does not", s.PID, s.Lab)
		}
	}
	return ctx.Err()
}

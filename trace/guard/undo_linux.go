package guard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"nfscope/trace/netns"
)

// undo takes one change back. A change that is not there any more is no error; did
// tells whether it was there.
func undo(e Entry, ns *netns.Handle) (did bool, err error) {
	if err := e.check(); err != nil {
		return false, err
	}
	switch e.Kind {
	case KindSysctl:
		if ns == nil {
			return restore(e)
		}
		err = ns.Do(func() (err error) {
			did, err = restore(e)
			return err
		})
		return did, err
	case KindIptables:
		return iptables(e, ns)
	case KindNetns:
		err = netns.Delete(e.Name)
	case KindRemove:
		err = os.Remove(e.Path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// restore sets a sysctl back, unless somebody else has changed it since.
func restore(e Entry) (did bool, err error) {
	path := filepath.Join("/proc/sys", e.Path)
	now, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	if string(bytes.TrimSpace(now)) != e.Ours {
		return false, nil
	}
	err = os.WriteFile(path, []byte(e.Old+"\n"), 0)
	return err == nil, err
}

func isIptables(command string) bool {
	return slices.Contains([]string{"iptables", "ip6tables", "iptables-legacy", "ip6tables-legacy", "iptables-nft", "ip6tables-nft"},
		filepath.Base(command))
}

func iptables(e Entry, ns *netns.Handle) (did bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second) // it waits 30 for the lock of iptables (trace/arm)
	defer cancel()
	cmd := exec.CommandContext(ctx, e.Command[0], e.Command[1:]...)
	var out bytes.Buffer
	cmd.Stderr = &out
	start := cmd.Start
	if ns != nil {
		start = func() error { return ns.Start(cmd) }
	}
	if err := start(); err != nil {
		return false, err
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && Gone(exit.ExitCode(), out.String()) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w: %s", strings.Join(e.Command, " "), err, strings.TrimSpace(out.String()))
	}
	return true, nil
}

// Gone reports whether iptables, by its status and what it said, found no such rule or chain:
// then there is nothing to take out any more. A rule that would jump to a chain which is not
// there is told by a status of 2, that the kernel is busy by 4.
func Gone(status int, said string) bool {
	return (status == 1 || status == 2) && slices.ContainsFunc([]string{"Bad rule", "No chain/target/match", "does not exist", "Couldn't load target"},
		func(s string) bool { return strings.Contains(said, s) })
}

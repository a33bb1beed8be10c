package netns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// runDir is where iproute2 keeps named namespaces (ip-netns(8)).
const runDir = "/var/run/netns"

// Handle is an open network namespace.
type Handle struct {
	name string
	ns   netns.NsHandle
	// path is where it was found, "" where nothing leads to it.
	path string
	// here is true for the namespace we are in: it is never entered, since that would
	// ask for CAP_SYS_ADMIN, which a container with CAP_NET_ADMIN lacks.
	here bool
}

// Current opens the namespace of the calling thread. Its name is "".
func Current() (*Handle, error) {
	ns, err := netns.Get()
	if err != nil {
		return nil, fmt.Errorf("open the current network namespace: %w", err)
	}
	return &Handle{ns: ns, here: true}, nil
}

// Open opens a namespace by what the user wrote: a name of ip-netns(8), a process
// id, or a path; "" is the current one.
func Open(target string) (*Handle, error) {
	path := target
	switch {
	case target == "":
		return Current()
	case strings.ContainsRune(target, '/'):
	default:
		path = filepath.Join(runDir, target)
		if _, err := os.Stat(path); err != nil {
			if pid, perr := strconv.Atoi(target); perr == nil {
				path = fmt.Sprintf("/proc/%d/ns/net", pid)
			}
		}
	}
	ns, err := netns.GetFromPath(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("network namespace %q does not exist: no %s; `ip netns list` names those there are", target, path)
	case err != nil:
		return nil, fmt.Errorf("open network namespace %q: %w", target, err)
	}
	return &Handle{name: target, ns: ns, path: path, here: here(ns)}, nil
}

// here reports whether ns is the namespace of the calling thread.
func here(ns netns.NsHandle) bool {
	home, err := netns.Get()
	if err != nil {
		return false
	}
	defer home.Close()
	return ns.Equal(home)
}

// Create makes a named namespace, as `ip netns add` does, without entering it.
func Create(name string) (*Handle, error) {
	if _, err := os.Stat(filepath.Join(runDir, name)); err == nil {
		return nil, fmt.Errorf("network namespace %q exists already; `nfscope clean` removes what a killed run left", name)
	}
	h := &Handle{name: name, path: filepath.Join(runDir, name)}
	err := share()
	if err == nil {
		err = onThread(func() (err error) {
			h.ns, err = netns.NewNamed(name)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("make network namespace %q: %w", name, err)
	}
	return h, nil
}

// share makes runDir a shared mount of its own, as the first `ip netns add` of a machine does
// (netns_add in iproute2, ip/ipnetns.c): else one that comes later lays such a mount over the
// names that are there, and none of them can be deleted any more (EBUSY: its file is still
// mounted upon underneath). The lock is iproute2's.
func share() error {
	if err := os.MkdirAll(runDir, 0o755); err != nil {
		return err
	}
	dir, err := os.Open(runDir)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", runDir, err)
	}
	err = unix.Mount("", runDir, "none", unix.MS_SHARED|unix.MS_REC, "")
	if errors.Is(err, unix.EINVAL) { // it is no mount yet
		if err := unix.Mount(runDir, runDir, "none", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("mount %s on itself: %w", runDir, err)
		}
		err = unix.Mount("", runDir, "none", unix.MS_SHARED|unix.MS_REC, "")
	}
	if err != nil {
		return fmt.Errorf("share the mount %s: %w", runDir, err)
	}
	return nil
}

// Remove closes the handle and deletes the name. Processes inside keep the
// namespace itself alive.
func (h *Handle) Remove() error {
	err := h.ns.Close()
	return errors.Join(err, Delete(h.name))
}

// Delete removes a namespace's name, as `ip netns del` does.
func Delete(name string) error {
	if err := netns.DeleteNamed(name); err != nil {
		return fmt.Errorf("delete network namespace %q: %w", name, err)
	}
	return nil
}

// List names the namespaces of ip-netns(8) that begin with prefix.
func List(prefix string) ([]string, error) {
	entries, err := os.ReadDir(runDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// Clone opens the namespace once more, to be closed for itself.
func (h *Handle) Clone() (*Handle, error) {
	fd, err := unix.FcntlInt(uintptr(h.ns), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open network namespace %q again: %w", h.name, err)
	}
	c := *h
	c.ns = netns.NsHandle(fd)
	return &c, nil
}

// Gone reports whether what it was found by leads there no more: the name was deleted, the
// process has ended. The namespace lives as long as a Handle of it is open.
func (h *Handle) Gone() bool {
	if h.path == "" {
		return false
	}
	var there, mine unix.Stat_t
	if err := unix.Stat(h.path, &there); err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	return unix.Fstat(int(h.ns), &mine) == nil && (there.Ino != mine.Ino || there.Dev != mine.Dev)
}

// Same reports whether both are of one namespace, by whatever names they were opened.
func (h *Handle) Same(o *Handle) bool { return h.ns.Equal(o.ns) }

// Name is what Open or Create was given.
func (h *Handle) Name() string { return h.name }

// Fd is the file descriptor.
func (h *Handle) Fd() int { return int(h.ns) }

// Rtnetlink opens an rtnetlink socket in the namespace.
func (h *Handle) Rtnetlink() (*netlink.Handle, error) {
	ns := h.ns
	if h.here {
		ns = netns.None()
	}
	conn, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink in namespace %q: %w", h.name, err)
	}
	return conn, nil
}

// Close closes the handle.
func (h *Handle) Close() error { return h.ns.Close() }

// Do runs fn in the namespace, on a thread locked to it. A socket opened in fn
// stays in the namespace; a goroutine started in fn does not.
func (h *Handle) Do(fn func() error) error {
	if h.here {
		return fn()
	}
	return onThread(func() error {
		if err := netns.Set(h.ns); err != nil {
			return fmt.Errorf("enter network namespace %q: %w", h.name, err)
		}
		return fn()
	})
}

// In opens something in the namespace, a socket above all: it stays there. Libraries that can
// do so themselves rest on mdlayher/socket, which up to v0.5.1 forgets why it could not open a
// socket in another namespace (withNetNS) and falls over the one that is not there.
func In[T any](h *Handle, open func() (T, error)) (opened T, err error) {
	err = h.Do(func() (err error) {
		opened, err = open()
		return err
	})
	return opened, err
}

// Scratch runs fn in a new namespace without a name, with lo up, that goes away with
// what fn opens in it. It needs CAP_SYS_ADMIN.
func Scratch(fn func() error) error {
	return onThread(func() error {
		ns, err := netns.New()
		if err != nil {
			return fmt.Errorf("make a network namespace to try something in: %w", err)
		}
		defer ns.Close()
		h := &Handle{ns: ns}
		conn, err := h.Rtnetlink()
		if err != nil {
			return err
		}
		defer conn.Close()
		lo, err := conn.LinkByName("lo")
		if err == nil {
			err = conn.LinkSetUp(lo)
		}
		if err != nil {
			return fmt.Errorf("set lo up: %w", err)
		}
		return fn()
	})
}

// onThread runs fn on a thread that is put back into its own namespace, and that
// dies with its goroutine where that fails.
func onThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		finished := false
		defer func() {
			if !finished { // fn called runtime.Goexit, as t.Fatal does
				done <- errors.New("the work in the network namespace was given up")
			}
		}()
		runtime.LockOSThread()
		home, err := netns.Get()
		if err == nil {
			err = fn()
			if netns.Set(home) == nil {
				runtime.UnlockOSThread()
			}
			_ = home.Close()
		}
		finished = true
		done <- err
	}()
	return <-done
}

// Start starts a command in the namespace.
func (h *Handle) Start(cmd *exec.Cmd) error { return h.Do(cmd.Start) }

// Exec replaces this process by a program in the namespace (execve(2)); it returns only
// where that fails.
func (h *Handle) Exec(path string, args, env []string) error {
	return h.Do(func() error {
		err := syscall.Exec(path, args, env)
		return fmt.Errorf("run %s in network namespace %q: %w", path, h.name, err)
	})
}

// Output runs a program in the namespace, with stdin if that is not nil, and gives
// its standard output. The error holds what it wrote to standard error.
func (h *Handle) Output(ctx context.Context, stdin []byte, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if stdin != nil {
		cmd.Stdin = bytes.NewReader(stdin)
	}
	if err := h.Start(cmd); err != nil {
		return nil, fmt.Errorf("run %s: %w", name, err)
	}
	if err := cmd.Wait(); err != nil {
		return out.Bytes(), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return out.Bytes(), nil
}

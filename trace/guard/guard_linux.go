package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// Guard is our end of the guard. Its methods may be called from any goroutine. A nil
// *Guard guards nothing and refuses nothing.
type Guard struct {
	mu   sync.Mutex
	conn *net.UnixConn
	cmd  *exec.Cmd
	last int
}

// answerTime is how long the guard may take to answer: it only notes things down.
const answerTime = 10 * time.Second

// Start starts the guard; exe is the program to run (os.Executable), whose main calls
// Main. When it returns, the guard is watching.
func Start(exe string) (*Guard, error) { return startIn(exe, Dir) }

func startIn(exe, dir string) (*Guard, error) {
	// A socket of packets, not a pipe: it carries the namespace's descriptor, which
	// may have no name, and its other end reads the end of file when we die.
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "guard")
	conn, err := unixConn(os.NewFile(uintptr(fds[0]), "guard"))
	if err != nil {
		_ = theirs.Close()
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	cmd := exec.Command(exe, Arg, dir, strconv.Itoa(os.Getpid()))
	cmd.Stdin, cmd.Dir = theirs, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // so that ctrl-C does not reach it
	err = cmd.Start()
	_ = theirs.Close() // else a guard that ends at once would go unseen
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	g := &Guard{conn: conn, cmd: cmd}
	if err := g.ask(message{Op: "hello"}, nil); err != nil {
		_ = conn.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, fmt.Errorf("start the guard %s: %w", exe, err)
	}
	return g, nil
}

func unixConn(f *os.File) (*net.UnixConn, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, fmt.Errorf("descriptor is a %T, not a unix socket", c)
	}
	return u, nil
}

// Sysctl tells of a sysctl that is about to be set in a namespace: path as in
// sysctl(8) with slashes (net/netfilter/nf_log/2), its old value and ours. It is put
// back only while it still holds ours.
func (g *Guard) Sysctl(ns *netns.Handle, path, old, ours string) (id int, err error) {
	return g.hold(Entry{Kind: KindSysctl, Path: path, Old: old, Ours: ours}, ns)
}

// Iptables tells of a rule or chain that is about to be made in a namespace, by the
// command that takes it out again (iptables-legacy -w 5 -t raw -D ...).
func (g *Guard) Iptables(ns *netns.Handle, command ...string) (id int, err error) {
	return g.hold(Entry{Kind: KindIptables, Command: command}, ns)
}

// Netns tells of a named namespace that is about to be made.
func (g *Guard) Netns(name string) (id int, err error) {
	return g.hold(Entry{Kind: KindNetns, Name: name}, nil)
}

// Remove tells of a file or directory that is about to be made, by its absolute
// path. A directory is removed only when it is empty.
func (g *Guard) Remove(path string) (id int, err error) {
	return g.hold(Entry{Kind: KindRemove, Path: path}, nil)
}

func (g *Guard) hold(e Entry, ns *netns.Handle) (int, error) {
	if g == nil {
		return 0, nil
	}
	if err := e.check(); err != nil {
		return 0, err
	}
	g.mu.Lock()
	g.last++
	e.ID = g.last
	g.mu.Unlock()
	if ns != nil {
		id, err := identify(ns)
		if err != nil {
			return 0, fmt.Errorf("guard: %w", err)
		}
		e.NS = id
	}
	if err := g.ask(message{"hold", e}, ns); err != nil {
		return 0, fmt.Errorf("guard %s: %w", e, err)
	}
	return e.ID, nil
}

// Undone tells that we undid a change ourselves.
func (g *Guard) Undone(id int) error {
	if g == nil {
		return nil
	}
	if err := g.ask(message{"undone", Entry{ID: id}}, nil); err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	return nil
}

// PID is the guard's process id, 0 where there is none.
func (g *Guard) PID() int {
	if g == nil {
		return 0
	}
	return g.cmd.Process.Pid
}

// Close lets the guard go. What was not undone by then, it undoes; Close waits for it.
func (g *Guard) Close() error {
	if g == nil {
		return nil
	}
	if err := g.conn.Close(); errors.Is(err, net.ErrClosed) {
		return nil
	}
	if err := g.cmd.Wait(); err != nil {
		return fmt.Errorf("the guard could not undo everything: %w; `nfscope clean` shows what is left", err)
	}
	return nil
}

// ask sends a message and waits for the guard to say that it has it.
func (g *Guard) ask(m message, ns *netns.Handle) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	var oob []byte
	if ns != nil {
		oob = unix.UnixRights(ns.Fd())
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	if _, _, err := g.conn.WriteMsgUnix(b, oob, nil); err != nil {
		return fmt.Errorf("the guard is gone: %w", err)
	}
	buf := make([]byte, 4096)
	n, err := g.conn.Read(buf)
	if err != nil {
		return fmt.Errorf("the guard does not answer: %w", err)
	}
	var r reply
	if err := json.Unmarshal(buf[:n], &r); err != nil {
		return fmt.Errorf("the guard answers %q: %w", buf[:n], err)
	}
	switch {
	case r.Error != "":
		return errors.New(r.Error)
	case r.ID != m.Entry.ID:
		return fmt.Errorf("the guard answers for %d, asked was %d", r.ID, m.Entry.ID)
	}
	return nil
}

// check refuses an entry that could not be undone, or whose undoing could harm.
func (e Entry) check() error {
	switch e.Kind {
	case KindSysctl:
		if !filepath.IsLocal(e.Path) {
			return fmt.Errorf("guard: %q is no path under /proc/sys", e.Path)
		}
	case KindIptables:
		if len(e.Command) < 2 || !isIptables(e.Command[0]) {
			return fmt.Errorf("guard: %q is no iptables command", e.Command)
		}
	case KindNetns:
		if e.Name == "" || filepath.Base(e.Name) != e.Name || e.Name == "." || e.Name == ".." {
			return fmt.Errorf("guard: %q is no name of a namespace", e.Name)
		}
	case KindRemove:
		if !filepath.IsAbs(e.Path) {
			return fmt.Errorf("guard: %q is no absolute path", e.Path)
		}
	default:
		return fmt.Errorf("guard: unknown kind of change %q", e.Kind)
	}
	return nil
}

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
//
// A guard process that dies is started again and told of all that is not undone.
// Where that fails the Guard is lost: it takes no more changes, and Close undoes them.
type Guard struct {
	exe, dir string
	lost     chan struct{}

	mu     sync.Mutex
	proc   *keeper // nil when lost
	err    error   // why it is lost
	held   ledger
	last   int
	starts int
	closed bool
}

// keeper is one guard process, and our socket to it.
type keeper struct {
	conn *net.UnixConn
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how, readable then
}

const (
	// answerTime is how long the guard may take to answer: it only notes things down.
	answerTime = 10 * time.Second
	// mostStarts bounds how often a guard is started: who kills it that often wants it
	// dead.
	mostStarts = 10
)

// Start starts the guard; exe is the program to run (os.Executable), whose main calls
// Main. When it returns, the guard is watching.
func Start(exe string) (*Guard, error) { return startIn(exe, Dir) }

func startIn(exe, dir string) (*Guard, error) {
	g := &Guard{exe: exe, dir: dir, lost: make(chan struct{}), starts: 1}
	p, err := launch(exe, exe, dir)
	if errors.Is(err, errStruck) {
		p, err = launch(exe, exe, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("start the guard %s: %w", exe, err)
	}
	g.proc = p
	go g.mind(p)
	return g, nil
}

// errStruck is of a guard that a signal ended: one for all processes of our group, before
// the guard had left that group.
var errStruck = errors.New("a signal ended it as it began")

// launch runs path, which calls itself name, as a guard, and waits for it to answer.
func launch(path, name, dir string) (*keeper, error) {
	// A socket of packets, not a pipe: it carries the namespace's descriptor, which
	// may have no name, and its other end reads the end of file when we die.
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	theirs := os.NewFile(uintptr(fds[1]), "guard")
	conn, err := unixConn(os.NewFile(uintptr(fds[0]), "guard"))
	if err != nil {
		_ = theirs.Close()
		return nil, err
	}
	cmd := exec.Command(path, Arg, dir, strconv.Itoa(os.Getpid()))
	cmd.Args[0] = name
	cmd.Stdin, cmd.Dir = theirs, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // so that ctrl-C does not reach it
	err = cmd.Start()
	_ = theirs.Close() // else a guard that ends at once would go unseen
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	p := &keeper{conn: conn, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	err = p.ask(message{Op: "hello"}, nil)
	if err == nil {
		err = inherit(conn)
	}
	if err != nil {
		p.kill()
		if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() && s.Signal() != syscall.SIGKILL {
			err = fmt.Errorf("%w (%v)", errStruck, s.Signal())
		}
		return nil, err
	}
	return p, nil
}

// inherit lets the programs that we start hold our end too: where we are killed while an
// iptables of ours is at work, the guard reads the end of file, and undoes, once that has
// ended as well. Else it might undo what is made only then.
func inherit(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	if err := raw.Control(func(fd uintptr) { _, set = unix.FcntlInt(fd, unix.F_SETFD, 0) }); err != nil {
		return err
	}
	return set
}

// kill ends a guard without letting it undo anything: it must be dead before its
// socket is closed.
func (p *keeper) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
	_ = p.conn.Close()
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

// mind waits for a guard's death.
func (g *Guard) mind(p *keeper) {
	<-p.done
	g.mu.Lock()
	defer g.mu.Unlock()
	g.replace(p)
}

// replace starts another guard for one that is dead or does not answer, and hands over
// all that is held. The caller holds mu.
func (g *Guard) replace(p *keeper) {
	if g.closed || g.proc != p || g.proc == nil {
		return // Close has it, or it is replaced already
	}
	p.kill()
	g.proc = nil
	err := fmt.Errorf("the guard died %d times", g.starts)
	for g.proc == nil && g.starts < mostStarts {
		g.starts++
		// The program's file may be another by now, or gone; we ourselves are not.
		var next *keeper
		if next, err = launch("/proc/self/exe", g.exe, g.dir); err != nil {
			continue
		}
		for _, h := range g.held {
			if err = next.ask(message{"hold", h.Entry}, h.ns); err != nil {
				break
			}
		}
		if err != nil {
			next.kill()
			continue
		}
		g.proc = next
		go g.mind(next)
	}
	if g.proc == nil {
		g.err = fmt.Errorf("the guard, which cleans up where nfscope is killed, is gone and does not start again: %w", err)
		_ = g.note().write(g.held) // so that Sweep can help if we are killed too
		close(g.lost)
	}
}

func (g *Guard) note() *note { return newNote(g.dir, os.Getpid()) }

// Lost is closed when the guard is dead and no other could be started: from then on
// nothing undoes our changes if we are killed. It is nil for a nil Guard.
func (g *Guard) Lost() <-chan struct{} {
	if g == nil {
		return nil
	}
	return g.lost
}

// Err says why the guard is lost, nil where it is not.
func (g *Guard) Err() error {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// Sysctl tells of a sysctl that is about to be set in a namespace: path as in
// sysctl(8) with slashes (net/netfilter/nf_log/2), its old value and ours. It is put
// back only while it still holds ours.
func (g *Guard) Sysctl(ns *netns.Handle, path, old, ours string) (id int, err error) {
	return g.hold(Entry{Kind: KindSysctl, Path: path, Old: old, Ours: ours}, ns)
}

// Iptables tells of a rule or chain that is about to be made in a namespace, by the
// command that takes it out again (iptables-legacy -w 30 -t raw -D ...).
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
	h := held{Entry: e}
	if ns != nil {
		id, err := identify(ns)
		if err != nil {
			return 0, fmt.Errorf("guard: %w", err)
		}
		// A handle of our own: the caller's may be closed when another guard wants it.
		if h.ns, err = netns.Open("/proc/self/fd/" + strconv.Itoa(ns.Fd())); err != nil {
			return 0, fmt.Errorf("guard: %w", err)
		}
		h.NS = id
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last++
	h.ID = g.last
	if err := g.tell(message{"hold", h.Entry}, h.ns); err != nil {
		h.close()
		return 0, fmt.Errorf("guard %s: %w", e, err)
	}
	g.held = append(g.held, h)
	return h.ID, nil
}

// Undone tells that we undid a change ourselves.
func (g *Guard) Undone(id int) error {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held.drop(id) // first: another guard need not hear of it
	err := g.tell(message{"undone", Entry{ID: id}}, nil)
	if err != nil && g.err != nil { // nobody else keeps the note
		err = g.note().write(g.held)
	}
	if err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	return nil
}

// tell sends a message, to another guard where this one is dead. The caller holds mu.
func (g *Guard) tell(m message, ns *netns.Handle) error {
	for {
		p := g.proc
		switch {
		case g.closed:
			return errors.New("the guard was let go already")
		case p == nil:
			return g.err
		}
		err := p.ask(m, ns)
		var refused refusal
		if err == nil || errors.As(err, &refused) {
			return err
		}
		g.replace(p)
	}
}

// PID is the guard's process id, 0 where there is none.
func (g *Guard) PID() int {
	if g == nil {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.proc == nil {
		return 0
	}
	return g.proc.cmd.Process.Pid
}

// Close lets the guard go. What was not undone by then, it undoes, or we do where it
// is dead; Close waits for it. Only the first call does anything.
func (g *Guard) Close() error {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	defer g.held.close()
	if p := g.proc; p != nil {
		_ = p.conn.CloseWrite() // programs of ours may hold it still
		<-p.done
		_ = p.conn.Close()
		if p.err == nil {
			return nil
		}
	}
	err := g.held.undo()
	if werr := g.note().write(g.held); err == nil {
		err = werr
	}
	if err != nil {
		return fmt.Errorf("not everything could be undone: %w; `nfscope clean` tries again", err)
	}
	return nil
}

// refusal is the guard's own word.
type refusal string

func (r refusal) Error() string { return string(r) }

// ask sends a message and waits for the guard to say that it has it.
func (p *keeper) ask(m message, ns *netns.Handle) error {
	b, err := json.Marshal(m)
	if err != nil {
		return refusal(err.Error())
	}
	var oob []byte
	if ns != nil {
		oob = unix.UnixRights(ns.Fd())
	}
	if err := p.conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	if _, _, err := p.conn.WriteMsgUnix(b, oob, nil); err != nil {
		return fmt.Errorf("the guard is gone: %w", err)
	}
	buf := make([]byte, 4096)
	n, err := p.conn.Read(buf)
	if err != nil {
		return fmt.Errorf("the guard does not answer: %w", err)
	}
	var r reply
	if err := json.Unmarshal(buf[:n], &r); err != nil {
		return fmt.Errorf("the guard answers %q: %w", buf[:n], err)
	}
	switch {
	case r.Error != "":
		return refusal(r.Error)
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

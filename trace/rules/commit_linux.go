package rules

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/trace/netns"
)

const (
	// keptCommits is how many transactions are remembered, at least; many by one process
	// one after the other count as one.
	keptCommits = 256
	// commitBuffer holds what comes while this process is not scheduled: a message takes
	// less than 1 KB of it.
	commitBuffer = 1 << 20
	// hearsay is how long a ruleset waits for the message about its own generation. The
	// kernel counts first and tells afterwards, and who changes the rules may be held up between.
	hearsay = time.Second
	// longCommand is how much of a command line is kept.
	longCommand = 200
)

// commits listens to nf_tables' transactions. A message that gets lost leaves a hole in
// the generations, so that what is not known is counted without being heard.
type commits struct {
	socket *os.File
	// moved takes a word for each transaction, and drops it where one is there already.
	moved chan struct{}
	done  chan struct{}

	mu   sync.Mutex
	list []model.Commit
	// thread made the last of list.
	thread int
	// next is closed, and made anew, with each transaction, and when missed becomes true.
	next chan struct{}
	// missed is true from when all that was left behind a loss was read until more is heard:
	// what is waited for may have been lost.
	missed bool
	// patience is hearsay, but in a test.
	patience time.Duration
}

// listen opens the socket in the namespace and reads until close.
func listen(ns *netns.Handle) (*commits, error) { return listenWith(ns, commitBuffer) }

func listenWith(ns *netns.Handle, buffer int) (*commits, error) {
	fd := -1
	err := ns.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_NETFILTER)
		return err
	})
	if err == nil {
		err = onlyGenerations(fd)
	}
	if err == nil && unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer) // a smaller one loses more, and says so
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (unix.NFNLGRP_NFTABLES - 1)})
	}
	if err != nil {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
		return nil, fmt.Errorf("listen to nf_tables' transactions: %w", err)
	}
	c := &commits{socket: os.NewFile(uintptr(fd), "nf_tables' transactions"), moved: make(chan struct{}, 1),
		done: make(chan struct{}), next: make(chan struct{}), patience: hearsay}
	go c.read()
	return c, nil
}

// onlyGenerations has the kernel drop all but NFT_MSG_NEWGEN before it is queued: a
// transaction of 100,000 rules sends as many messages. The kernel packs those into
// shared buffers, but the generation always comes alone (nf_tables_api.c,
// nf_tables_gen_notify), so that to look at the first message is enough.
func onlyGenerations(fd int) error {
	var typ [2]byte
	binary.NativeEndian.PutUint16(typ[:], unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWGEN)
	code := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: 4}, // nlmsg_type; loads are big-endian
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(binary.BigEndian.Uint16(typ[:]))},
		{Code: unix.BPF_RET | unix.BPF_K, K: 1 << 16},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]})
}

func (c *commits) close() {
	_ = c.socket.Close()
	<-c.done
}

func (c *commits) read() {
	defer close(c.done)
	raw, err := c.socket.SyscallConn()
	if err != nil {
		return
	}
	who := newWitness()
	b := make([]byte, 4096)
	lost := false
	for {
		n, err := 0, error(nil)
		closed := raw.Read(func(fd uintptr) bool {
			n, err = unix.Read(int(fd), b)
			if err == unix.EAGAIN && lost { // it is told of first; then comes what had found room
				lost = false
				c.miss()
			}
			return err != unix.EAGAIN
		})
		if closed != nil {
			return
		}
		if err == unix.EINTR {
			continue
		}
		if err == unix.ENOBUFS {
			lost = true
			c.wake() // something was lost, so something has happened
			continue
		}
		if err != nil {
			return
		}
		h, body, _, err := splitMessage(b[:n])
		if err != nil || h.typ != unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWGEN {
			continue
		}
		m, err := decodeCommit(body)
		if err != nil {
			continue // a hole in the generations
		}
		m.Time = time.Now()
		if !c.add(m, who) { // what we do ourselves changes nothing that is shown
			c.wake()
		}
	}
}

// add remembers a transaction. /proc is asked once for those that one thread makes one
// after the other: else a flood would come in faster than it is read. own tells whether it
// was our own.
func (c *commits) add(m model.Commit, who witness) (own bool) {
	thread := m.PID
	c.mu.Lock()
	n := len(c.list)
	again := n > 0 && thread == c.thread && m.Program == c.list[n-1].Program && m.First == c.list[n-1].Generation+1
	c.mu.Unlock()
	if !again {
		who.name(&m)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.thread = thread
	if again {
		c.list[n-1].Generation, c.list[n-1].Time = m.Generation, m.Time
	} else if c.list = append(c.list, m); n >= 2*keptCommits {
		c.list = slices.Clone(c.list[n-keptCommits:])
	}
	c.missed = false
	c.tell()
	return c.list[len(c.list)-1].Own
}

// miss ends the wait for a message that may be lost.
func (c *commits) miss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.missed = true
	c.tell()
}

// tell has those that wait look again; mu is held.
func (c *commits) tell() {
	close(c.next)
	c.next = make(chan struct{})
}

func (c *commits) wake() {
	select {
	case c.moved <- struct{}{}:
	default:
	}
}

// upTo gives the last transactions up to a generation; a process that went on is given
// with what it made beyond. Where the generation was not heard of yet it waits for the
// message: not long, and not at all where some were lost.
func (c *commits) upTo(ctx context.Context, generation uint32) []model.Commit {
	late := time.NewTimer(c.patience)
	defer late.Stop()
	for {
		c.mu.Lock()
		list, next, missed := slices.Clone(c.list[max(0, len(c.list)-keptCommits):]), c.next, c.missed
		c.mu.Unlock()
		if n := len(list); !missed && (n == 0 || int32(list[n-1].Generation-generation) < 0) {
			select {
			case <-next:
				late.Reset(c.patience)
				continue
			case <-late.C:
			case <-ctx.Done():
			}
		}
		return slices.DeleteFunc(list, func(m model.Commit) bool { return int32(m.First-generation) > 0 })
	}
}

// firstPidSpace is the inode of the first pid namespace (include/linux/proc_ns.h,
// PROC_PID_INIT_INO).
const firstPidSpace = 0xEFFFFFFC

// witness knows processes by /proc, where its pids are the kernel's.
type witness struct {
	foreign bool
	own     string // our own name
}

func newWitness() witness {
	var st unix.Stat_t
	self, _ := os.Readlink("/proc/self") // of the pid namespace that /proc was mounted for
	w := witness{foreign: unix.Stat("/proc/self/ns/pid", &st) != nil || st.Ino != firstPidSpace || self != strconv.Itoa(os.Getpid())}
	b, _ := os.ReadFile("/proc/self/comm")
	w.own = printable(strings.TrimSuffix(string(b), "\n"))
	return w
}

// name adds what /proc says of the process while it still lives; where it speaks of
// another by now, nothing. Programs such as nft end within a millisecond, so this is
// asked at once.
func (w witness) name(m *model.Commit) {
	// By its name, so that our guard is told too, and one that has ended. Another nfscope
	// makes tables that are not shown either.
	m.Own = m.Program == w.own
	m.Foreign = w.foreign
	if w.foreign {
		return
	}
	st, ok := statusOf(m.PID)
	if !ok || st.name != m.Program {
		return
	}
	m.PID = st.process
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", st.process))
	m.Command = strings.ToValidUTF8(string(b[:min(len(b), longCommand)]), "?")
	m.Command = printable(strings.TrimSpace(strings.ReplaceAll(m.Command, "\x00", " ")))
	if p, ok := statusOf(st.parent); ok {
		m.Parent, m.ParentPID = p.name, st.parent
	}
}

type procStatus struct {
	name            string
	process, parent int
}

func statusOf(pid int) (st procStatus, ok bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return st, false
	}
	for l := range strings.Lines(string(b)) {
		key, v, _ := strings.Cut(strings.TrimSuffix(l, "\n"), ":\t")
		switch key {
		case "Name":
			st.name = printable(v)
		case "Tgid":
			st.process, _ = strconv.Atoi(v)
		case "PPid":
			st.parent, _ = strconv.Atoi(v)
		}
	}
	return st, st.process > 0
}

// listen begins to hear of transactions. Where that is not possible changes are found
// all the same, by looking, and nobody knows who made them.
func (w *watcher) listen() {
	c, err := listen(w.r.ns)
	if err != nil {
		if !noNFT(err) {
			w.emit(feed.Item{Time: time.Now(), Problem: "who changes the rules is not known: " + err.Error()})
		}
		return
	}
	w.commits = c
}

func (w *watcher) deaf() {
	if w.commits != nil {
		w.commits.close()
	}
}

// told is nil, which no one ever reads from, where nothing is heard.
func (w *watcher) told() <-chan struct{} {
	if w.commits == nil {
		return nil
	}
	return w.commits.moved
}

// attribute adds to a ruleset who made it.
func (w *watcher) attribute(ctx context.Context, rs *model.Ruleset) {
	if w.commits != nil && w.rs != nil && rs.Transaction != w.rs.Transaction {
		rs.Commits = w.commits.upTo(ctx, rs.Transaction)
	}
}

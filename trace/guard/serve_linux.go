package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// Main is the guard's life; it does not return. The program's main calls it when its
// first argument is Arg. The exit status is 0 when nothing is left to undo.
func Main() {
	// Who stops us stops the one we watch too, and that is when we are needed.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE, syscall.SIGTSTP)
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "nfscope starts its guard itself")
		os.Exit(2)
	}
	pid, err := strconv.Atoi(os.Args[3])
	if err != nil {
		os.Exit(2)
	}
	conn, err := unixConn(os.Stdin)
	if err != nil {
		os.Exit(2)
	}
	s := &server{conn: conn, note: newNote(os.Args[2], pid)}
	s.serve()
	err = s.held.undo()
	_ = s.note.write(s.held) // what is left stays for Sweep
	if err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

type server struct {
	conn *net.UnixConn
	held ledger
	note *note
}

// serve answers until the other end is closed, by its user or by its death.
func (s *server) serve() {
	buf, oob := make([]byte, 1<<20), make([]byte, 64)
	for {
		n, oobn, _, _, err := s.conn.ReadMsgUnix(buf, oob)
		if err != nil || n == 0 {
			return
		}
		var m message
		r := reply{}
		if err := json.Unmarshal(buf[:n], &m); err != nil {
			r.Error = err.Error()
		} else if err := s.handle(m, oob[:oobn]); err != nil {
			r.Error = err.Error()
		}
		r.ID = m.Entry.ID
		b, err := json.Marshal(r)
		if err != nil {
			return
		}
		if _, err := s.conn.Write(b); err != nil {
			return
		}
	}
}

func (s *server) handle(m message, oob []byte) error {
	switch m.Op {
	case "hello":
		return nil
	case "hold":
		if err := m.Entry.check(); err != nil {
			return err
		}
		ns, err := received(oob)
		if err != nil {
			return err
		}
		s.held = append(s.held, held{m.Entry, ns})
	case "undone":
		s.held.drop(m.Entry.ID)
	default:
		return fmt.Errorf("unknown request %q", m.Op)
	}
	_ = s.note.write(s.held) // without /run the guard works as well
	return nil
}

// received opens the namespace whose descriptor came with a message.
func received(oob []byte) (*netns.Handle, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(msgs) != 1 {
		return nil, errors.Join(errors.New("unreadable control message"), err)
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.Join(errors.New("no descriptor in the control message"), err)
	}
	defer unix.Close(fds[0])
	return netns.Open("/proc/self/fd/" + strconv.Itoa(fds[0]))
}

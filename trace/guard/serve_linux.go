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
	if left := s.undoAll(); left > 0 {
		os.Exit(1) // the note stays for Sweep
	}
	s.note.remove()
	os.Exit(0)
}

type held struct {
	Entry
	ns *netns.Handle // nil where the entry has no namespace
}

type server struct {
	conn *net.UnixConn
	held []held
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
		for i, h := range s.held {
			if h.ID == m.Entry.ID {
				if h.ns != nil {
					_ = h.ns.Close()
				}
				s.held = append(s.held[:i], s.held[i+1:]...)
				break
			}
		}
	default:
		return fmt.Errorf("unknown request %q", m.Op)
	}
	s.note.write(s.held)
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

// undoAll undoes what is held, last first, and tells how much could not be.
func (s *server) undoAll() int {
	var left []held
	for i := len(s.held) - 1; i >= 0; i-- {
		if err := undo(s.held[i].Entry, s.held[i].ns); err != nil {
			left = append([]held{s.held[i]}, left...)
		}
	}
	s.note.write(left)
	return len(left)
}

package nettest

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model/journey"
	"nfscope/trace/netns"
)

// Source is a reader of trace events.
type Source interface {
	Run(ctx context.Context, sink func([]journey.Event)) error
	Close() error
}

// Events are what a source tells.
type Events struct {
	// C has the events one by one, to keep.
	C chan journey.Event
	// Ended has what Run gave when it ended; Cancel makes it end.
	Ended  chan error
	Cancel context.CancelFunc
}

// Listen runs a source, and closes it when the test is over.
func Listen(t testing.TB, s Source) *Events {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &Events{C: make(chan journey.Event, 1<<10), Ended: make(chan error, 1), Cancel: cancel}
	go func() { l.Ended <- s.Run(ctx, EachEvent(func(e journey.Event) { l.C <- e })) }()
	t.Cleanup(func() {
		cancel()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// EachEvent hands on events one by one, to keep.
func EachEvent(fn func(journey.Event)) func([]journey.Event) {
	return func(l []journey.Event) {
		for i := range l {
			fn(*l[i].Clone())
		}
	}
}

// Until gives the events before the first one that is a sentinel's.
func (l *Events) Until(t testing.TB, sentinel func(*journey.Event) bool) []journey.Event {
	t.Helper()
	var got []journey.Event
	deadline := time.After(InVain)
	for {
		select {
		case e := <-l.C:
			if sentinel(&e) {
				return got
			}
			got = append(got, e)
		case <-deadline:
			t.Fatalf("no sentinel came; events: %+v", got)
		}
	}
}

// TellsUnread holds a source, which reads a namespace with a trace of UDP port 4000, to this:
// events that nobody read when the trace ended are told as a gap. It closes the source.
func TellsUnread(t *testing.T, ns *netns.Handle, s Source) {
	t.Helper()
	defer s.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	started, release, done := make(chan bool), make(chan bool), make(chan error, 1)
	var got []journey.Event
	go func() {
		done <- s.Run(ctx, EachEvent(func(e journey.Event) {
			if got = append(got, e); len(got) == 1 {
				close(started)
				<-release
			}
		}))
	}()
	SendNumbers(t, ns, 0, 1)
	select {
	case <-started:
	case <-time.After(InVain):
		t.Fatal("no first event")
	}
	SendNumbers(t, ns, 1, 20_000)
	cancel()
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if last := got[len(got)-1]; last.Source != journey.SourceGap || last.Lost != 0 {
		t.Errorf("%d events, the last is %+v", len(got), last)
	}
}

// CloseUnblocks holds sources to this: Close and the end of the context end a Run that waits.
func CloseUnblocks(t *testing.T, open func() (Source, error)) {
	t.Helper()
	for _, how := range []string{"close", "cancel"} {
		s, err := open()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx, func([]journey.Event) {}) }()
		want := error(nil)
		if how == "close" {
			want = os.ErrClosed
			_ = s.Close()
		} else {
			cancel()
		}
		select {
		case err := <-ended:
			if err != want {
				t.Errorf("%s: Run gave %v, want %v", how, err, want)
			}
		case <-time.After(InVain):
			t.Fatalf("%s did not end Run", how)
		}
		_ = s.Close()
	}
}

// From gives a dialer that sends from an address, whose port may have been used a moment ago:
// a program that a parallel test is just starting holds a copy of the closed socket until its
// exec, and the port is not free before.
func From(local net.Addr) *net.Dialer {
	return &net.Dialer{LocalAddr: local, Control: func(_, _ string, c syscall.RawConn) error {
		var e error
		err := c.Control(func(fd uintptr) { e = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
		return errors.Join(err, e)
	}}
}

// SendUDP sends one packet from a port, 0 for any, with a payload of five bytes. That the
// rules drop it on its way out is no error.
func SendUDP(t testing.TB, from *netns.Handle, port int, to string) {
	t.Helper()
	Do(t, from, func() error {
		remote, err := net.ResolveUDPAddr("udp", to)
		if err != nil {
			return err
		}
		c, err := From(&net.UDPAddr{Port: port}).Dial("udp", remote.String())
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte("hello"))
		if err != nil && !strings.Contains(err.Error(), "not permitted") { // a drop in OUTPUT
			return err
		}
		return nil
	})
}

// SendNumbers sends the numbers from one to before another to UDP port 4000 of loopback,
// each a packet of four bytes, as fast as it can. That the rules drop them is no error.
func SendNumbers(t testing.TB, ns *netns.Handle, from, to int) {
	t.Helper()
	Do(t, ns, func() error {
		c, err := net.Dial("udp", "127.0.0.1:4000")
		if err != nil {
			return err
		}
		defer c.Close()
		b := make([]byte, 4)
		for i := from; i < to; i++ {
			binary.BigEndian.PutUint32(b, uint32(i))
			_, _ = c.Write(b) // EPERM: dropped
		}
		return nil
	})
}

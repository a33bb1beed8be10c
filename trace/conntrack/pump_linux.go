package conntrack

import (
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
)

// pump reads the datagrams of a dump ahead of who decodes them: the kernel makes the next
// one while it is asked for it, so that a reader who decodes between two calls leaves the
// kernel idle for as long.
type pump struct {
	conn *netlink.Conn
	raw  syscall.RawConn
	full chan pumped
	free chan []byte
	stop chan struct{}
}

// pumped is a datagram, or why there is none.
type pumped struct {
	buf []byte
	n   int
	err error
}

// ahead is how many datagrams of a dump are read ahead.
const ahead = 4

// newPump sends a request and begins to read. The socket is of no use for anything else
// afterwards.
func newPump(conn *netlink.Conn, raw syscall.RawConn, m netlink.Message) *pump {
	p := &pump{conn: conn, raw: raw, full: make(chan pumped, ahead), free: make(chan []byte, ahead), stop: make(chan struct{})}
	for range ahead {
		p.free <- make([]byte, datagram)
	}
	go p.run(m)
	return p
}

func (p *pump) run(m netlink.Message) {
	defer close(p.full)
	if _, err := p.conn.Send(m); err != nil { // the kernel makes the first datagram before it returns
		p.full <- pumped{err: err}
		return
	}
	for {
		select {
		case <-p.stop:
			return
		case b := <-p.free:
			n, err := receive(p.raw, b)
			p.full <- pumped{b, n, err} // there is room for every buffer
			if err != nil {
				return
			}
		}
	}
}

// next waits for a datagram, which is good until give, and calls meanwhile again and again
// until it is there: the kernel looks for it through the connections of all namespaces, and
// of a million that takes long.
func (p *pump) next(meanwhile func()) pumped {
	tick := time.NewTicker(rest)
	defer tick.Stop()
	for {
		select {
		case d := <-p.full:
			return d
		default:
		}
		select {
		case d := <-p.full:
			return d
		case <-tick.C:
			meanwhile()
		}
	}
}

func (p *pump) give(d pumped) { p.free <- d.buf }

// close ends the reading, and waits until it has.
func (p *pump) close() {
	close(p.stop)
	_ = p.conn.SetReadDeadline(time.Unix(1, 0)) // it waits for what will not come
	for range p.full {
	}
}

package sockdiag

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// The states of /proc/net (net/tcp_states.h); a UDP socket is connected or closed.
const (
	established = 1
	closed      = 7
	listens     = 10
)

// listed reads the sockets that wait from a file of /proc/net. Those of TCP that listen stand
// first, and what comes behind them, which may be a million lines, is not read. The backlog
// and the interface are not there.
func listed(r io.Reader, tcp bool) (list []Socket, err error) {
	s := bufio.NewScanner(r)
	s.Scan() // the heading
	for s.Scan() {
		f := strings.Fields(s.Text())
		if len(f) < 5 {
			return list, fmt.Errorf("/proc/net: a line of %d fields", len(f))
		}
		at, err := procEnd(f[1])
		if err != nil {
			return list, err
		}
		peer, err := procEnd(f[2])
		if err != nil {
			return list, err
		}
		_, queue, _ := strings.Cut(f[4], ":")
		state, err := strconv.ParseUint(f[3], 16, 8)
		if err != nil {
			return list, fmt.Errorf("/proc/net: a state %q", f[3])
		}
		waiting, err := strconv.ParseUint(queue, 16, 32)
		switch {
		case err != nil:
			return list, fmt.Errorf("/proc/net: a queue %q", f[4])
		case tcp && state != listens:
			return list, nil
		case !tcp && state != established && state != closed:
			continue
		}
		x := Socket{At: at, Waiting: int(waiting), Unsure6: at.Addr().Is6() && at.Addr().IsUnspecified()}
		if tcp {
			x.Most = -1
		}
		if peer.Port() > 0 {
			x.Peer = peer
		}
		list = append(list, x)
	}
	return list, s.Err()
}

// procEnd reads an address and a port: words of the machine's byte order, in hexadecimal.
func procEnd(text string) (netip.AddrPort, error) {
	addr, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(addr)
	n, perr := strconv.ParseUint(port, 16, 16)
	if err != nil || perr != nil || len(b) != 4 && len(b) != 16 {
		return netip.AddrPort{}, fmt.Errorf("/proc/net: an address %q", text)
	}
	for w := b; len(w) > 0; w = w[4:] {
		binary.NativeEndian.PutUint32(w, binary.BigEndian.Uint32(w))
	}
	a, _ := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(a, uint16(n)), nil
}

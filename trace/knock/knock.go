// Package knock sends one packet of a flow from a namespace, by an ordinary socket, and
// waits for what comes back: a TCP connection, a UDP datagram or an ICMP echo.
package knock

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"nfscope/model"
)

// ErrUnsupported is what every call returns where there is no Linux.
var ErrUnsupported = errors.New("probes are sent on Linux")

// Tries is how often a packet is sent at most, Wait how long each is waited for.
const (
	Tries = 3
	Wait  = time.Second
)

// Back is what came back.
type Back struct {
	// Words say it: "connected", "answered", "connection refused", "nothing came back".
	Words string
	// Refused is true where the socket was told of an error, Unsent where that was this
	// host's kernel, which has no way to send it.
	Refused, Unsent bool
}

// Door is where to knock.
type Door struct {
	// Proto is TCP, UDP, ICMP or ICMPv6.
	Proto model.Proto
	Dst   netip.Addr
	// Port is the destination's, of TCP and UDP.
	Port uint16
	// Src and SPort are those to send from, where they are not to be chosen by the kernel.
	Src   netip.Addr
	SPort uint16
}

// DoorOf is where a packet goes to; the error says what is missing.
func DoorOf(p *model.Packet) (Door, error) {
	d := Door{Proto: p.Proto, Dst: p.Dst, Port: p.DPort, Src: p.Src, SPort: p.SPort}
	switch {
	case !p.Dst.IsValid():
		return d, errors.New("the filter names no destination: expected `dst host ADDRESS`")
	case p.Proto.ICMP():
		d.Port, d.SPort = 0, 0
	case p.Proto != model.ProtoTCP && p.Proto != model.ProtoUDP:
		return d, errors.New("the filter names no protocol that can be sent: expected tcp, udp, icmp or icmpv6")
	case p.DPort == 0:
		return d, errors.New("the filter names no destination port: expected `dst port N`")
	}
	return d, nil
}

// String names what is sent: "TCP SYN to 10.0.0.1:80".
func (d Door) String() string {
	to := netip.AddrPortFrom(d.Dst, d.Port).String()
	switch d.Proto {
	case model.ProtoTCP:
		return "TCP SYN to " + to
	case model.ProtoUDP:
		return "UDP datagram to " + to
	}
	return fmt.Sprintf("ICMP echo to %s", d.Dst)
}

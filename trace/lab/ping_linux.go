package lab

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"nfscope/model"
)

// echo types, RFC 792 and RFC 4443.
type echoType struct {
	network        string
	proto          model.Proto
	request, reply byte
}

// ping sends one echo request on a raw socket and waits for its reply.
func (a *Attempt) ping(ctx context.Context, s *Step) error {
	to, err := netip.ParseAddr(s.To)
	if err != nil {
		return err
	}
	src, err := sourceFor(s, to)
	if err != nil {
		return err
	}
	echo := echoType{"ip4:icmp", model.ProtoICMP, 8, 0}
	if to.Is6() {
		echo = echoType{"ip6:ipv6-icmp", model.ProtoICMPv6, 128, 129}
	}
	id := uint16(rand.Uint32())
	a.Tuple = model.Tuple{Proto: echo.proto, Src: src, Dst: to, SPort: id, DPort: uint16(echo.request) << 8}
	c, err := net.DialIP(echo.network, &net.IPAddr{IP: src.AsSlice()}, &net.IPAddr{IP: to.AsSlice()})
	if err != nil {
		return err
	}
	defer c.Close()
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	if err := raw.Control(func(fd uintptr) { tellErrors(int(fd)) }); err != nil {
		return err
	}
	// Whoever cancels does not wait for the answer.
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	if _, err := c.Write(echoRequest(echo.request, id, 1)); err != nil {
		return err
	}
	// Its time begins when it was sent: what is given up was sent.
	if _ = c.SetReadDeadline(time.Now().Add(s.wait())); ctx.Err() != nil {
		return ctx.Err()
	}
	b := make([]byte, 1500)
	for {
		n, _, err := c.ReadFromIP(b)
		if err != nil {
			return err
		}
		if t, got, ok := readEcho(b[:n]); ok && t == echo.reply && got == id {
			a.Word = Answered
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// echoRequest makes an echo message with 56 bytes of data. The kernel fills in the
// checksum of ICMPv6 itself.
func echoRequest(typ byte, id, seq uint16) []byte {
	b := make([]byte, 8+56)
	b[0] = typ
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], seq)
	copy(b[8:], "nfscope")
	var s uint32
	for i := 0; i < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	binary.BigEndian.PutUint16(b[2:], ^uint16(s))
	return b
}

func readEcho(b []byte) (typ byte, id uint16, ok bool) {
	if len(b) < 8 {
		return 0, 0, false
	}
	return b[0], binary.BigEndian.Uint16(b[4:]), true
}

package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// The bounds of a service.
const (
	maxConns   = 64
	serviceTTL = 5 * time.Second
	maxLine    = 4096
)

// serve starts the services. Their sockets are opened inside the host's namespace and
// stay there; the goroutines run anywhere.
func (n *Network) serve(ctx context.Context) error {
	for _, h := range n.lab.Hosts {
		for _, s := range h.Services {
			err := n.hosts[h.Name].Do(func() error { return n.listen(ctx, h.Name, s) })
			if err != nil {
				return fmt.Errorf("host %s: start service %s (%s): %w", h.Name, s.Name, s.at(), err)
			}
		}
	}
	return nil
}

func (n *Network) listen(ctx context.Context, host string, s Service) error {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	reply := func(from net.Addr) string { return fmt.Sprintf("%s on %s: you are %s\n", s.Name, host, from) }
	if s.Do == "nfqueue" {
		return n.queues(ctx, n.hosts[host], s)
	}
	if s.Do == "udp" || s.Do == "dns" {
		answer := func(_ []byte, from net.Addr) []byte { return []byte(reply(from)) }
		if s.Do == "dns" {
			answer = func(query []byte, _ net.Addr) []byte { return answerDNS(query, s.Records) }
		}
		// One socket an address: from a wildcard socket the answer would leave with the
		// address of the route back, which need not be the one that was asked.
		for _, a := range append(n.lab.addresses(host), netip.MustParseAddr("127.0.0.1")) {
			c, err := lc.ListenPacket(ctx, "udp", netip.AddrPortFrom(a, s.Port).String())
			if err != nil {
				return err
			}
			n.keep(c)
			n.serving.Go(func() { serveUDP(c, answer) })
		}
		return nil
	}
	talk := func(c net.Conn) { talkLine(c, reply(c.RemoteAddr())) }
	switch s.Do {
	case "http":
		talk = func(c net.Conn) { talkHTTP(c, reply(c.RemoteAddr())) }
	case "proxy":
		talk = func(c net.Conn) { talkLine(c, wanted(c, s.Name, host)) }
	case "agent":
		a, err := newAgent(ctx, n.hosts[host], s)
		if err != nil {
			return err
		}
		n.keep(a)
		n.agents = append(n.agents, a)
		talk = func(c net.Conn) { a.talk(c, host) }
	}
	network := "tcp"
	if !n.lab.hasIPv6(host) {
		network = "tcp4"
	}
	l, err := lc.Listen(ctx, network, fmt.Sprintf(":%d", s.Port))
	if err != nil {
		return err
	}
	n.keep(l)
	n.serving.Go(func() { n.accept(l, talk) })
	return nil
}

// accept gives each connection to talk. What an accept fails of passes (no
// descriptors left, say), so it is tried again after a moment.
func (n *Network) accept(l net.Listener, talk func(net.Conn)) {
	free := make(chan struct{}, maxConns)
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			<-time.After(10 * time.Millisecond)
			continue
		}
		free <- struct{}{}
		_ = c.SetDeadline(time.Now().Add(serviceTTL))
		n.keep(c)
		n.serving.Go(func() {
			talk(c)
			n.forget(c)
			_ = c.Close()
			<-free
		})
	}
}

// serveUDP answers each datagram for which there is an answer.
func serveUDP(c net.PacketConn, answer func([]byte, net.Addr) []byte) {
	b := make([]byte, maxLine)
	for {
		n, from, err := c.ReadFrom(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		if a := answer(b[:n], from); a != nil {
			_, _ = c.WriteTo(a, from)
		}
	}
}

// talkLine answers one line with one line and waits for the other side to end.
func talkLine(c net.Conn, answer string) {
	r := bufio.NewReaderSize(c, maxLine)
	if _, err := r.ReadSlice('\n'); err != nil {
		return
	}
	_, _ = c.Write([]byte(answer))
	_, _ = r.ReadSlice('\n')
}

// talkHTTP answers one HTTP/1.0 request of whatever kind and closes.
func talkHTTP(c net.Conn, answer string) {
	r := bufio.NewReaderSize(c, maxLine)
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		if strings.TrimSpace(string(line)) == "" {
			break
		}
	}
	_, _ = fmt.Fprintf(c, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
}

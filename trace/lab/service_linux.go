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
				return fmt.Errorf("host %s: start service %s on port %d: %w", h.Name, s.Name, s.Port, err)
			}
		}
	}
	return nil
}

func (n *Network) listen(ctx context.Context, host string, s Service) error {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	reply := func(from net.Addr) string { return fmt.Sprintf("%s on %s: you are %s\n", s.Name, host, from) }
	if s.Do == "udp" {
		// One socket an address: from a wildcard socket the answer would leave with the
		// address of the route back, which need not be the one that was asked.
		for _, a := range append(n.lab.addresses(host), netip.MustParseAddr("127.0.0.1")) {
			c, err := lc.ListenPacket(ctx, "udp", netip.AddrPortFrom(a, s.Port).String())
			if err != nil {
				return err
			}
			n.keep(c)
			n.serving.Go(func() { serveUDP(c, reply) })
		}
		return nil
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
	talk := talkLine
	if s.Do == "http" {
		talk = talkHTTP
	}
	n.serving.Go(func() { n.accept(l, func(c net.Conn) { talk(c, reply(c.RemoteAddr())) }) })
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

func serveUDP(c net.PacketConn, reply func(net.Addr) string) {
	b := make([]byte, maxLine)
	for {
		_, from, err := c.ReadFrom(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			_, _ = c.WriteTo([]byte(reply(from)), from)
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

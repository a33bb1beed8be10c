package lab

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
)

// Run sends a step's traffic and says what its sender saw. It is bounded by the step's
// count and timeout and ends early with ctx.
func (n *Network) Run(ctx context.Context, s Step) Result {
	r := Result{Step: n.lab.Step(s.Name), Name: s.Name}
	for i := range max(1, s.Count) {
		a := Attempt{Start: time.Now()}
		if len(s.Sources) > 0 {
			s.Source = s.Sources[i%len(s.Sources)]
		}
		if h := n.hosts[s.From]; h == nil {
			a.Err = fmt.Errorf("step %s comes from host %q, which is not there", s.Name, s.From)
		} else {
			a.Err = h.Do(func() error { return a.send(ctx, &s, &n.ports) })
		}
		a.Took = time.Since(a.Start)
		if a.Word == "" || ctx.Err() != nil {
			a.Word = word(ctx, a.Err)
		}
		r.Attempts = append(r.Attempts, a)
		if ctx.Err() != nil {
			break
		}
	}
	r.late(ctx, &s)
	r.Word = sum(r.Attempts)
	return r
}

// word turns the error of an attempt into what a user would say.
func word(ctx context.Context, err error) Word {
	var timeout interface{ Timeout() bool }
	switch {
	case ctx.Err() != nil:
		return Failed
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ECONNRESET):
		return Refused
	case errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EACCES), errors.Is(err, unix.ENOPROTOOPT):
		return Unreachable
	case errors.As(err, &timeout) && timeout.Timeout():
		return TimedOut
	}
	return Failed
}

// send makes one attempt on the calling thread, which is in the sender's namespace. The time
// it is given begins when its first packet is sent: what is given up was sent.
func (a *Attempt) send(ctx context.Context, s *Step, p *ports) error {
	switch s.Do {
	case "tcp", "http", "udp", "dns":
		return a.exchange(ctx, s, p)
	case "ping":
		return a.ping(ctx, s)
	}
	return fmt.Errorf("step %s does %q, which is unknown", s.Name, s.Do)
}

// timeoutError is an attempt that was given up.
type timeoutError struct{ error }

// Timeout is true.
func (timeoutError) Timeout() bool { return true }

// exchange opens a connection or a connected UDP socket, says one line and reads one.
func (a *Attempt) exchange(ctx context.Context, s *Step, p *ports) error {
	to, err := netip.ParseAddrPort(s.To)
	if err != nil {
		return err
	}
	src, err := sourceFor(s, to.Addr())
	if err != nil {
		return err
	}
	network, proto := "tcp", model.ProtoTCP
	datagram := s.Do == "udp" || s.Do == "dns"
	if datagram {
		network, proto = "udp", model.ProtoUDP
	}
	a.Tuple = model.Tuple{Proto: proto, Src: src, Dst: to.Addr(), DPort: to.Port()}
	port := s.SPort
	if port == 0 {
		if port, err = p.unused(s.From, proto, src); err != nil {
			return err
		}
	}
	timed, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	late := time.AfterFunc(math.MaxInt64, func() { giveUp(context.DeadlineExceeded) })
	defer late.Stop()
	// The port is bound by hand, so that it is known also when nobody answers.
	twin := -1
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		cerr := c.Control(func(fd uintptr) {
			if twin >= 0 { // of a socket that reached itself, in whose place comes this one
				_ = unix.Close(twin)
				twin = -1
			}
			a.Tuple.SPort, err = bind(int(fd), src, port)
			if datagram {
				tellErrors(int(fd))
			} else {
				twin, _ = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
			}
		})
		if !datagram { // connect(2), which sends, is next and is not held up by this
			late.Reset(s.wait())
		}
		return errors.Join(cerr, err)
	}}
	d.SetMultipathTCP(false)
	c, err := d.DialContext(timed, network, s.To)
	a.Resent = resent(twin)
	if errors.Is(err, context.Canceled) && context.Cause(timed) == context.DeadlineExceeded {
		return timeoutError{err}
	}
	if err != nil {
		return err
	}
	defer func() {
		if a.open == nil {
			_ = c.Close()
		}
	}()
	if datagram { // not of writes
		_ = c.SetReadDeadline(time.Now().Add(s.wait()))
	}
	// Whoever cancels does not wait for the answer.
	defer context.AfterFunc(timed, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	switch s.Do {
	case "http":
		return a.http(c, to)
	case "dns":
		return a.dns(c, s.Ask)
	case "tcp": // the handshake is the result; an answer is welcome
		_ = a.line(c, s.Send)
		a.Word = Connected
		return nil
	}
	if err := a.line(c, s.Send); err != nil {
		if s.Result == Mixed { // some answers come, and each may be slow
			a.open = c
		}
		return err
	}
	a.Word = Answered
	return nil
}

// resent closes the second descriptor of a TCP socket, and gives how often its SYN was sent
// again; 0 where that is not known.
func resent(fd int) int {
	if fd < 0 {
		return 0
	}
	defer unix.Close(fd)
	info, err := unix.GetsockoptTCPInfo(fd, unix.SOL_TCP, unix.TCP_INFO)
	if err != nil {
		return 0
	}
	return int(info.Total_retrans)
}

// tellErrors makes a datagram socket report all ICMP errors (ip(7), IP_RECVERR); else
// it keeps quiet of those that may pass, such as no route. A socket without it only
// waits longer.
func tellErrors(fd int) {
	_ = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_RECVERR, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_RECVERR, 1)
}

// sourceFor is the address that the kernel would send from; connecting a UDP socket
// asks for it without a packet.
func sourceFor(s *Step, to netip.Addr) (netip.Addr, error) {
	if s.Source != "" {
		return netip.ParseAddr(s.Source)
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, 9)))
	if err != nil {
		return netip.Addr{}, err
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}

// line says a line, or a greeting, and hears one.
func (a *Attempt) line(c net.Conn, says string) error {
	if _, err := io.WriteString(c, cmp.Or(says, "hello from nfscope")+"\n"); err != nil {
		return err
	}
	line, err := bufio.NewReader(io.LimitReader(c, maxLine)).ReadString('\n')
	a.Answer = strings.TrimSpace(line)
	return err
}

// dns asks a resolver for a name.
func (a *Attempt) dns(c net.Conn, name string) error {
	id := uint16(rand.Uint32())
	query, err := dnsQuery(id, name)
	if err != nil {
		return err
	}
	if _, err := c.Write(query); err != nil {
		return err
	}
	b := make([]byte, maxLine)
	for {
		n, err := c.Read(b)
		if err != nil {
			return err
		}
		if says, ok := readDNS(b[:n], id); ok {
			a.Answer, a.Word = says, Answered
			return nil
		}
	}
}

// http asks for / and takes the first line of the body.
func (a *Attempt) http(c net.Conn, to netip.AddrPort) error {
	if _, err := fmt.Fprintf(c, "GET / HTTP/1.0\r\nHost: %s\r\nUser-Agent: nfscope\r\n\r\n", to); err != nil {
		return err
	}
	r := bufio.NewReader(io.LimitReader(c, maxLine))
	status, err := r.ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(status, "HTTP/") {
		return fmt.Errorf("%q is no answer of HTTP", strings.TrimSpace(status))
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if strings.TrimSpace(line) == "" {
			break
		}
	}
	body, err := r.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	a.Answer, a.Word = strings.TrimSpace(body), Answered
	return nil
}

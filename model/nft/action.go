package nft

import (
	"strconv"
	"strings"
)

// NAT translates addresses or ports.
type NAT struct {
	// Kind is snat, dnat, masquerade or redirect.
	Kind string
	// Family is ip, ip6 or "": inet tables name it.
	Family string
	// Prefix is true where a network is mapped on a network of the same size.
	Prefix bool
	// Addr is what the address becomes: an Addr, a Range, a Prefix, an expression that
	// is looked up; nil where it stays, or where masquerade and redirect choose it. A
	// lookup may give address and port at once.
	Addr Expr
	// Port is what the port becomes, nil where it stays.
	Port Expr
	// Flags are random, fully-random, persistent.
	Flags []string
}

// String prints "dnat ip to 10.0.0.1:80 random".
func (n *NAT) String() string {
	s := n.Kind
	if n.Family != "" {
		s += " " + n.Family
	}
	if n.Prefix {
		s += " prefix"
	}
	return words(s+endpoint(n.Addr, n.Port), strings.Join(n.Flags, ","))
}

// endpoint prints " to ADDR:PORT".
func endpoint(addr, port Expr) string {
	if addr == nil && port == nil {
		return ""
	}
	s := " to "
	if addr != nil {
		s += bracketed(addr, port != nil)
	}
	if port != nil {
		s += ":" + port.String()
	}
	return s
}

// bracketed prints an address; an IPv6 address before a port stands in brackets.
func bracketed(addr Expr, port bool) string {
	switch a := addr.(type) {
	case Addr:
		if port && a.Is6() {
			return "[" + a.String() + "]"
		}
	case Range:
		if port {
			return bracketed(a.Lo, true) + "-" + bracketed(a.Hi, true)
		}
	}
	return addr.String()
}

// TProxy hands the packet to a local socket without changing it.
type TProxy struct {
	Family     string
	Addr, Port Expr
}

// String prints "tproxy ip to 127.0.0.1:8080".
func (t *TProxy) String() string {
	if a, ok := t.Addr.(Addr); ok && t.Port == nil && a.Is6() { // in brackets even without a port
		return words("tproxy", t.Family, "to") + " [" + a.String() + "]"
	}
	return words("tproxy", t.Family) + endpoint(t.Addr, t.Port)
}

// Reject drops the packet and says so.
type Reject struct {
	// With is "", icmp, icmpv6, icmpx or "tcp reset".
	With string
	// Code is the reason, a Symbol or a Number; nil where With has none.
	Code Expr
}

// String prints "reject with icmp host-unreachable".
func (r *Reject) String() string {
	switch {
	case r.With == "":
		return "reject"
	case r.Code == nil:
		return "reject with " + r.With
	}
	return "reject with " + r.With + " " + r.Code.String()
}

// Queue gives the packet to user space.
type Queue struct {
	// Flags are bypass, fanout.
	Flags []string
	// To is a number, a range or an expression.
	To Expr
}

// String prints "queue flags bypass to 1-3".
func (q *Queue) String() string {
	s := "queue"
	if len(q.Flags) > 0 {
		s += " flags " + strings.Join(q.Flags, ",")
	}
	if q.To != nil {
		s += " to " + q.To.String()
	}
	return s
}

// Log writes to the kernel's log or to a group of NFLOG.
type Log struct {
	// Prefix is nil where there is none.
	Prefix *string
	// Group, Snaplen and Threshold are nil where they are not printed.
	Group, Snaplen, Threshold *uint64
	// Level is emerg, alert, crit, err, warn, notice, info, debug, audit or "" (warn).
	Level string
	// Flags are tcp sequence, tcp options, ip options, skuid, ether, all.
	Flags []string
}

// String prints "log prefix \"in: \" level info flags all".
func (l *Log) String() string {
	s := "log"
	if l.Prefix != nil {
		s += ` prefix "` + *l.Prefix + `"`
	}
	for _, n := range []struct {
		name string
		v    *uint64
	}{{"group", l.Group}, {"snaplen", l.Snaplen}, {"queue-threshold", l.Threshold}} {
		if n.v != nil {
			s += " " + n.name + " " + strconv.FormatUint(*n.v, 10)
		}
	}
	if l.Level != "" {
		s += " level " + l.Level
	}
	for i, f := range l.Flags {
		if f == "tcp options" && i > 0 && l.Flags[i-1] == "tcp sequence" {
			s += ",options"
			continue
		}
		s += " flags " + f
	}
	return s
}

// Dup sends a copy of the packet.
type Dup struct {
	// To is an address, in a netdev table a device. Device is nil where the route says.
	To, Device Expr
}

// String prints "dup to 10.0.0.1 device \"eth0\"".
func (d *Dup) String() string {
	s := "dup to " + d.To.String()
	if d.Device != nil {
		s += " device " + d.Device.String()
	}
	return s
}

// Fwd sends the packet itself out of a device.
type Fwd struct {
	// Family is ip, ip6 or "". To is a device, or the next hop where Device is set.
	Family     string
	To, Device Expr
}

// String prints "fwd ip to 10.0.0.1 device \"eth0\"".
func (f *Fwd) String() string {
	s := words("fwd", f.Family, "to") + " " + f.To.String()
	if f.Device != nil {
		s += " device " + f.Device.String()
	}
	return s
}

// Synproxy answers SYNs in place of the server.
type Synproxy struct {
	MSS, WScale     *uint64
	Timestamp, Sack bool
}

// String prints "synproxy mss 1460 wscale 7 timestamp sack-perm".
func (y *Synproxy) String() string { return words("synproxy", y.options()) }

func (y *Synproxy) options() string {
	var mss, wscale, ts, sack string
	if y.MSS != nil {
		mss = "mss " + strconv.FormatUint(*y.MSS, 10)
	}
	if y.WScale != nil {
		wscale = "wscale " + strconv.FormatUint(*y.WScale, 10)
	}
	if y.Timestamp {
		ts = "timestamp"
	}
	if y.Sack {
		sack = "sack-perm"
	}
	return words(mss, wscale, ts, sack)
}

package nft

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Number is a number. Text is as it was written, "" for decimal.
type Number struct {
	N    uint64
	Text string
	// Wide is true where the number has more than 64 bits; N is 0 then.
	Wide bool
}

// String prints the number as it was written.
func (n Number) String() string {
	if n.Text != "" {
		return n.Text
	}
	return strconv.FormatUint(n.N, 10)
}

// Addr is an address, IPv4 or IPv6. Text is as it was written, "" for the usual form.
type Addr struct {
	netip.Addr
	Text string
}

// String prints the address.
func (a Addr) String() string {
	if a.Text != "" {
		return a.Text
	}
	return a.Addr.String()
}

// Prefix is a network. Bits below the mask are kept as written.
type Prefix struct {
	netip.Prefix
	Text string
}

// String prints the network.
func (p Prefix) String() string {
	if p.Text != "" {
		return p.Text
	}
	return p.Prefix.String()
}

// MAC is a link-layer address as nft prints it: 00:11:22:33:44:55.
type MAC string

// String prints the address.
func (m MAC) String() string { return string(m) }

// Symbol is a name that stands for a number: established, syn, echo-request, ssh.
type Symbol struct {
	Name string
	// N is the number, where Known is true; else only the host's own tables know it.
	N     uint64
	Known bool
}

// String prints the name.
func (s Symbol) String() string { return s.Name }

// Quoted is text in quotes: an interface, an object, a time.
type Quoted string

// String prints the text in quotes.
func (q Quoted) String() string { return `"` + string(q) + `"` }

// Prefix gives what comes before a last star, and whether there is one: "eth*" stands
// for all interfaces that begin so. A star after a backslash is a star.
func (q Quoted) Prefix() (string, bool) {
	p, ok := strings.CutSuffix(string(q), "*")
	if !ok || strings.HasSuffix(p, `\`) {
		return string(q), false
	}
	return p, true
}

// Duration is a time span as nft writes it: 1d2h3m4s5ms.
type Duration struct {
	D    time.Duration
	Text string
}

// String prints the span as it was written.
func (d Duration) String() string {
	if d.Text != "" {
		return d.Text
	}
	return span(d.D)
}

// span prints a duration as nft does (datatype.c, time_print).
func span(d time.Duration) string {
	ms := d.Milliseconds()
	var b strings.Builder
	for _, u := range spanUnits {
		if n := ms / u.ms; n > 0 {
			b.WriteString(strconv.FormatInt(n, 10) + u.name)
			ms %= u.ms
		}
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}

var spanUnits = []struct {
	name string
	ms   int64
}{{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}}

// parseSpan reads 1d2h3m4s5ms.
func parseSpan(s string) (Duration, bool) {
	d := Duration{Text: s}
	rest, total, from := s, int64(0), 0
	for rest != "" {
		n := 0
		for n < len(rest) && '0' <= rest[n] && rest[n] <= '9' {
			n++
		}
		v, err := strconv.ParseInt(rest[:n], 10, 64)
		if err != nil {
			return d, false
		}
		unit := rest[n:]
		if k := strings.IndexAny(unit, "0123456789"); k >= 0 {
			unit = unit[:k]
		}
		rest = rest[n+len(unit):]
		ok := false
		for i := from; i < len(spanUnits) && !ok; i++ {
			if u := spanUnits[i]; u.name == unit && v < 1<<42/u.ms {
				total, from, ok = total+v*u.ms, i+1, true
			}
		}
		if !ok || total > 1<<42 {
			return d, false
		}
	}
	d.D = time.Duration(total) * time.Millisecond
	return d, s != ""
}

// TCHandle is a class of traffic control: 1:20, none or root.
type TCHandle string

// String prints the handle.
func (h TCHandle) String() string { return string(h) }

// Any is the star: the element of a map that holds for all other keys.
type Any struct{}

// String prints "*".
func (Any) String() string { return "*" }

// Range is a range, both ends in it.
type Range struct{ Lo, Hi Expr }

// String prints "1024-65535".
func (r Range) String() string { return r.Lo.String() + "-" + r.Hi.String() }

// List is several flags: established,related.
type List []Expr

// String prints the flags with commas.
func (l List) String() string { return joined(l, ",") }

// Masked is a value of some bits: syn / syn,ack.
type Masked struct{ Value, Mask Expr }

// String prints "syn / syn,ack".
func (m Masked) String() string { return m.Value.String() + " / " + m.Mask.String() }

// SetRef is the name of a set or a map of the table.
type SetRef string

// String prints "@name".
func (s SetRef) String() string { return "@" + string(s) }

// Set is a set or a map without a name.
type Set []Elem

// String prints "{ 22, 80 }".
func (s Set) String() string {
	if len(s) == 0 {
		return "{ }"
	}
	return "{ " + joined(s, ", ") + " }"
}

// Elem is one element of a set or a map.
type Elem struct {
	Key Expr
	// Options stand behind the key: *Timeout, *Counter, *Limit, *Quota, *ConnLimit,
	// *Last, *Comment.
	Options []Statement
	// Data is what a map holds for the key, a Verdict in a verdict map; nil in a set.
	Data Expr
}

// String prints "10.0.0.1 timeout 1m : drop".
func (e Elem) String() string {
	s := e.Key.String()
	if len(e.Options) > 0 {
		s += " " + joined(e.Options, " ")
	}
	if e.Data != nil {
		s += " : " + e.Data.String()
	}
	return s
}

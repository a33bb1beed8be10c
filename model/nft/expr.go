package nft

import (
	"strconv"
	"strings"
)

// Expr is an expression: something read from the packet or known about it (a Field), a
// value, or either combined. String gives it as nft prints it.
type Expr interface{ String() string }

// Field is an expression that a packet gives a value to: *Payload, *Raw, *Exthdr,
// *Option, *Meta, *CT, *FIB, *Route, *Socket, *OSF, *IPsec, *Numgen or *Hash.
type Field interface {
	Expr
	// Type is the type of its values.
	Type() Type
}

// Payload is a field of a header: ip saddr, tcp dport, ether type, icmp code, arp
// saddr ip.
type Payload struct {
	Header, Name string
	typ          Type
}

// String prints "ip saddr".
func (p *Payload) String() string { return p.Header + " " + p.Name }

// Type is the type of its values.
func (p *Payload) Type() Type { return p.typ }

// Raw is a payload by its place: @nh,96,32 is 32 bits at bit 96 of the network header.
type Raw struct {
	// Base is ll, nh, th or ih.
	Base        string
	Offset, Len uint32 // in bits
}

// String prints "@nh,96,32".
func (r *Raw) String() string {
	return "@" + r.Base + "," + strconv.Itoa(int(r.Offset)) + "," + strconv.Itoa(int(r.Len))
}

// Type is the type of its values.
func (r *Raw) Type() Type { return Integer }

// Exthdr is a field of an IPv6 extension header, or, with the name "", whether the
// header is there: frag id, exthdr frag.
type Exthdr struct {
	Header, Name string
	typ          Type
}

// String prints "frag id" or "exthdr frag".
func (e *Exthdr) String() string {
	if e.Name == "" {
		return "exthdr " + e.Header
	}
	return e.Header + " " + e.Name
}

// Type is the type of its values.
func (e *Exthdr) Type() Type { return e.typ }

// Option is a field of an option of TCP, IPv4 or DCCP, or of a chunk of SCTP; with
// the name "", whether the option is there.
type Option struct {
	// Of is tcp, ip, dccp or sctp.
	Of string
	// Kind is the option's name or number, or "@kind,offset,length" in bits.
	Kind, Name string
	typ        Type
}

// String prints "tcp option maxseg size", "sctp chunk data flags".
func (o *Option) String() string {
	s := o.Of + " option " + o.Kind
	if o.Of == "sctp" {
		s = "sctp chunk " + o.Kind
	}
	if o.Name != "" {
		s += " " + o.Name
	}
	return s
}

// Type is the type of its values.
func (o *Option) Type() Type { return o.typ }

// Meta is what the kernel knows of a packet besides its bytes.
type Meta struct {
	// Key is mark, iifname, l4proto, ...
	Key string
	typ Type
}

// String prints "iifname" or "meta mark", as nft does.
func (m *Meta) String() string {
	if metaShort[m.Key] {
		return m.Key
	}
	return "meta " + m.Key
}

// Type is the type of its values.
func (m *Meta) Type() Type { return m.typ }

// CT is what connection tracking knows of the packet's flow.
type CT struct {
	// Dir is original, reply or "". Family is ip, ip6 or "".
	Dir, Family string
	// Key is state, mark, saddr, proto-dst, ...
	Key string
	typ Type
}

// String prints "ct original ip saddr".
func (c *CT) String() string { return words("ct", c.Dir, c.Family, c.Key) }

// Type is the type of its values.
func (c *CT) Type() Type { return c.typ }

// FIB is an answer of the routing tables.
type FIB struct {
	// Keys is what is looked up: saddr or daddr, mark, iif, oif.
	Keys []string
	// Result is oif, oifname or type.
	Result string
	typ    Type
}

// String prints "fib saddr . iif oif".
func (f *FIB) String() string { return "fib " + strings.Join(f.Keys, " . ") + " " + f.Result }

// Type is the type of its values.
func (f *FIB) Type() Type { return f.typ }

// Route is what the packet's route says: classid, nexthop, mtu, ipsec.
type Route struct {
	Family, Key string
	typ         Type
}

// String prints "rt ip nexthop".
func (r *Route) String() string { return words("rt", r.Family, r.Key) }

// Type is the type of its values.
func (r *Route) Type() Type { return r.typ }

// Socket is what the socket that the packet belongs to says.
type Socket struct {
	// Key is transparent, mark, wildcard or cgroupv2; Level is of cgroupv2.
	Key   string
	Level string
	typ   Type
}

// String prints "socket cgroupv2 level 1".
func (s *Socket) String() string {
	if s.Level != "" {
		return "socket " + s.Key + " level " + s.Level
	}
	return "socket " + s.Key
}

// Type is the type of its values.
func (s *Socket) Type() Type { return s.typ }

// OSF is the operating system guessed from a SYN.
type OSF struct {
	// TTL is loose, skip or "" (strict). Key is name or version.
	TTL, Key string
}

// String prints "osf ttl loose name".
func (o *OSF) String() string {
	if o.TTL != "" {
		return "osf ttl " + o.TTL + " " + o.Key
	}
	return "osf " + o.Key
}

// Type is the type of its values.
func (o *OSF) Type() Type { return Text }

// IPsec is what the packet's security path says.
type IPsec struct {
	// Dir is in or out, Num the number of the policy, "" for the first.
	Dir, Num    string
	Family, Key string
	typ         Type
}

// String prints "ipsec in spnum 1 ip saddr".
func (i *IPsec) String() string {
	n := ""
	if i.Num != "" {
		n = "spnum " + i.Num
	}
	return words("ipsec", i.Dir, n, i.Family, i.Key)
}

// Type is the type of its values.
func (i *IPsec) Type() Type { return i.typ }

// Numgen counts packets or throws dice.
type Numgen struct {
	// Mode is inc or random.
	Mode        string
	Mod, Offset uint32
}

// String prints "numgen inc mod 2 offset 100".
func (n *Numgen) String() string { return "numgen " + n.Mode + modulus(n.Mod, n.Offset) }

// Type is the type of its values.
func (n *Numgen) Type() Type { return Integer }

// Hash is a hash over an expression (jhash), or over the packet's tuple where Of is
// nil (symhash).
type Hash struct {
	Of          Expr
	Mod, Offset uint32
	// Seed is as written, "" where there is none.
	Seed string
}

// String prints "jhash ip saddr mod 2 seed 0xabcd offset 100".
func (h *Hash) String() string {
	if h.Of == nil {
		return "symhash" + modulus(h.Mod, h.Offset)
	}
	s := "jhash " + h.Of.String() + modulus(h.Mod, 0)
	if h.Seed != "" {
		s += " seed " + h.Seed
	}
	if h.Offset != 0 {
		s += " offset " + strconv.FormatUint(uint64(h.Offset), 10)
	}
	return s
}

// Type is the type of its values.
func (h *Hash) Type() Type { return Integer }

func modulus(mod, offset uint32) string {
	s := " mod " + strconv.FormatUint(uint64(mod), 10)
	if offset != 0 {
		s += " offset " + strconv.FormatUint(uint64(offset), 10)
	}
	return s
}

// Binary is two expressions combined bit by bit.
type Binary struct {
	// Op is &, |, ^, << or >>.
	Op          string
	Left, Right Expr
}

// rank orders the operators from the one that binds closest.
func rank(op string) int {
	switch op {
	case "<<", ">>":
		return 1
	case "&":
		return 2
	case "^":
		return 3
	}
	return 4
}

// String prints "meta mark & 0x000000ff | 0x00000001", in brackets only what binds
// less than what is around it.
func (b *Binary) String() string {
	arg := func(e Expr) string {
		if in, ok := e.(*Binary); ok && rank(in.Op) > rank(b.Op) {
			return "(" + in.String() + ")"
		}
		return e.String()
	}
	return arg(b.Left) + " " + b.Op + " " + arg(b.Right)
}

// Concat is several expressions side by side: ip saddr . tcp dport.
type Concat []Expr

// String prints the parts with " . " between.
func (c Concat) String() string { return joined(c, " . ") }

// MapLookup is the value that a map holds for a key.
type MapLookup struct {
	Key Expr
	// In is a Set with data or a SetRef.
	In Expr
}

// String prints "ip saddr map { 10.0.0.1 : 80 }".
func (m *MapLookup) String() string { return m.Key.String() + " map " + m.In.String() }

// words joins what is not empty.
func words(l ...string) string {
	var b strings.Builder
	for _, w := range l {
		if w == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w)
	}
	return b.String()
}

package nft

import (
	"strconv"
	"strings"
)

// Op is how a Match compares.
type Op uint8

// The ways to compare. In and NotIn look into a set, Has asks whether one of the bits
// is there (ct state established,related) and Lacks whether none is (tcp flags ! syn).
const (
	Eq Op = iota
	Ne
	Lt
	Gt
	Le
	Ge
	In
	NotIn
	Has
	Lacks
)

// String prints the operator; "in" and "has" are not printed in rules.
func (o Op) String() string {
	return [...]string{"==", "!=", "<", ">", "<=", ">=", "in", "!=", "has", "!"}[o]
}

// Match compares. A packet for which it says no leaves the rule.
type Match struct {
	Left  Expr
	Op    Op
	Right Expr
}

// String prints "tcp dport != 22".
func (m *Match) String() string {
	op := " "
	switch m.Op {
	case Eq:
		if m.printsEq() {
			op = " == "
		}
	case In: // a set's name never has an operator before it
		if _, ok := m.Left.(*Binary); ok {
			if _, ok := m.Right.(Set); ok {
				op = " == "
			}
		}
	case Has:
	default:
		op = " " + m.Op.String() + " "
	}
	return m.Left.String() + op + m.Right.String()
}

// printsEq tells whether "==" makes a difference: after a mask, and for flags.
func (m *Match) printsEq() bool {
	if _, ok := m.Left.(*Binary); ok {
		return true
	}
	if _, ok := m.Right.(Masked); ok {
		return false
	}
	return typeOf(m.Left).Flags()
}

// VerdictMap looks the verdict up.
type VerdictMap struct {
	Key Expr
	// In is a Set whose data are verdicts, or a SetRef.
	In Expr
}

// String prints "ip saddr vmap @names".
func (v *VerdictMap) String() string { return v.Key.String() + " vmap " + v.In.String() }

// Assign changes the packet or what is known of it: meta mark set 1, ip dscp set cs1.
type Assign struct {
	To    Field
	Value Expr
}

// String prints "meta mark set 0x00000001".
func (a *Assign) String() string { return a.To.String() + " set " + a.Value.String() }

// Verdict is where the packet goes on.
type Verdict struct {
	// Name is accept, drop, continue, return, jump or goto.
	Name string
	// Chain is that of jump and goto; "" where Rules stand in its place.
	Chain string
	Rules []*Rule
}

// String prints "jump CHAIN", or "jump { RULE; RULE; }".
func (v *Verdict) String() string {
	if v.Chain != "" || v.Name != "jump" && v.Name != "goto" {
		return words(v.Name, v.Chain)
	}
	var b strings.Builder
	b.WriteString(v.Name + " {")
	for _, r := range v.Rules {
		b.WriteString(" " + r.Canonical() + ";")
	}
	return b.String() + " }"
}

// Counter counts. In the text of a rule the numbers are left out.
type Counter struct {
	Numbers        bool
	Packets, Bytes uint64
}

// String prints "counter".
func (c *Counter) String() string {
	if c.Numbers {
		return "counter packets " + strconv.FormatUint(c.Packets, 10) + " bytes " + strconv.FormatUint(c.Bytes, 10)
	}
	return "counter"
}

// Amount is a number with a unit: "" or packets for packets, bytes, kbytes, mbytes.
type Amount struct {
	N    uint64
	Unit string
}

// String prints "10 mbytes".
func (a Amount) String() string { return words(strconv.FormatUint(a.N, 10), a.Unit) }

// Limit is a token bucket.
type Limit struct {
	Over bool
	Rate Amount
	// Per is second, minute, hour, day or week.
	Per string
	// Burst is nil where none is printed.
	Burst *Amount
}

// String prints "limit rate over 10/second burst 5 packets".
func (l *Limit) String() string { return "limit " + l.rate() }

func (l *Limit) rate() string {
	s := "rate "
	if l.Over {
		s += "over "
	}
	s += l.Rate.String() + "/" + l.Per
	if l.Burst != nil {
		s += " burst " + l.Burst.String()
	}
	return s
}

// Quota says yes until so many bytes have passed, or over that.
type Quota struct {
	Over bool
	Size Amount
	// Used is nil where nothing is printed.
	Used *Amount
}

// String prints "quota over 25 mbytes used 3 kbytes".
func (q *Quota) String() string { return "quota " + q.size() }

func (q *Quota) size() string {
	s := q.Size.String()
	if q.Over {
		s = "over " + s
	}
	if q.Used != nil {
		s += " used " + q.Used.String()
	}
	return s
}

// ConnLimit holds the number of connections against a limit.
type ConnLimit struct {
	Over bool
	N    uint64
}

// String prints "ct count over 20".
func (c *ConnLimit) String() string {
	if c.Over {
		return "ct count over " + strconv.FormatUint(c.N, 10)
	}
	return "ct count " + strconv.FormatUint(c.N, 10)
}

// Last notes when a packet was last here.
type Last struct {
	// Used is "", never or a time span.
	Used string
}

// String prints "last used 1m".
func (l *Last) String() string {
	if l.Used != "" {
		return "last used " + l.Used
	}
	return "last"
}

// Object uses a stateful object of the table.
type Object struct {
	// Kind is counter, quota, limit, synproxy, tunnel, ct helper, ct timeout, ct
	// expectation or secmark.
	Kind string
	// Name is a Quoted or a *MapLookup.
	Name Expr
}

// String prints "counter name \"web\"", "ct helper set \"ftp\"".
func (o *Object) String() string {
	verb := " name "
	switch {
	case o.Kind == "secmark":
		return "meta secmark set " + o.Name.String()
	case strings.HasPrefix(o.Kind, "ct "):
		verb = " set "
	}
	return o.Kind + verb + o.Name.String()
}

// Timeout is an element's: timeout what it began with, expires what is left.
type Timeout struct {
	// Name is timeout or expires.
	Name string
	D    Duration
}

// String prints "timeout 1m".
func (t *Timeout) String() string { return t.Name + " " + t.D.String() }

// SetUpdate adds an element to a set or a map, or takes it out.
type SetUpdate struct {
	// Op is add, update or delete.
	Op   string
	Set  string
	Elem Elem
}

// String prints "add @seen { ip saddr timeout 1m }".
func (s *SetUpdate) String() string { return s.Op + " @" + s.Set + " { " + s.Elem.String() + " }" }

// Meter is the old form of a set that is filled from the packet path.
type Meter struct {
	Name string
	// Size is 0 where it is not printed.
	Size uint64
	Elem Elem
}

// String prints "meter NAME size 65535 { ip saddr limit rate 10/second }".
func (m *Meter) String() string {
	s := "meter " + m.Name
	if m.Size > 0 {
		s += " size " + strconv.FormatUint(m.Size, 10)
	}
	return s + " { " + m.Elem.String() + " }"
}

// FlowAdd hands a flow to a flowtable.
type FlowAdd struct{ Table string }

// String prints "flow add @ft".
func (f *FlowAdd) String() string { return "flow add @" + f.Table }

// StripOption takes an option out of a TCP header.
type StripOption struct{ Option string }

// String prints "reset tcp option sack-perm".
func (s *StripOption) String() string { return "reset tcp option " + s.Option }

// Notrack leaves the packet without connection tracking.
type Notrack struct{}

// String prints "notrack".
func (*Notrack) String() string { return "notrack" }

// Comment is what somebody wrote beside a rule or an element.
type Comment struct{ Text string }

// String prints the comment as nft does.
func (c *Comment) String() string { return `comment "` + c.Text + `"` }

func (*Match) statement()       {}
func (*VerdictMap) statement()  {}
func (*Assign) statement()      {}
func (*Verdict) statement()     {}
func (*Counter) statement()     {}
func (*Limit) statement()       {}
func (*Quota) statement()       {}
func (*ConnLimit) statement()   {}
func (*Last) statement()        {}
func (*Object) statement()      {}
func (*Timeout) statement()     {}
func (*SetUpdate) statement()   {}
func (*Meter) statement()       {}
func (*FlowAdd) statement()     {}
func (*StripOption) statement() {}
func (*Notrack) statement()     {}
func (*Comment) statement()     {}
func (*Unknown) statement()     {}
func (*NAT) statement()         {}
func (*TProxy) statement()      {}
func (*Reject) statement()      {}
func (*Queue) statement()       {}
func (*Log) statement()         {}
func (*Dup) statement()         {}
func (*Fwd) statement()         {}
func (*Synproxy) statement()    {}

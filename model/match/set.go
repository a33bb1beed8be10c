package match

import (
	"strconv"
	"strings"

	"nfscope/model"
)

// Names is a set of words of a fixed list: connection states, address types,
// weekdays. A word's place in the list is its bit.
type Names struct {
	Bits uint64
	of   *names
}

// names is the list, in the order in which iptables prints it.
type names struct {
	list []string
	none string // printed for the empty set; "" where that is not allowed
}

// String prints the words with a comma between.
func (n Names) String() string {
	l := n.List()
	if len(l) == 0 && n.of != nil {
		return n.of.none
	}
	return strings.Join(l, ",")
}

// List gives the words in the set.
func (n Names) List() []string {
	var l []string
	if n.of == nil {
		return nil
	}
	for i, w := range n.of.list {
		if n.Bits>>i&1 == 1 {
			l = append(l, w)
		}
	}
	return l
}

// Has tells whether a word is in the set.
func (n Names) Has(w string) bool {
	for _, v := range n.List() {
		if v == w {
			return true
		}
	}
	return false
}

func namesOf(none string, list ...string) *names { return &names{list, none} }

func (l *names) kind() kind {
	return one(func(s string) (Value, bool) {
		n := Names{of: l}
		for _, w := range strings.Split(s, ",") {
			switch i := l.index(w); {
			case i >= 0:
				n.Bits |= 1 << i
			case l.none == "" || !strings.EqualFold(w, l.none):
				return nil, false
			}
		}
		return n, true
	})
}

func (l *names) index(w string) int {
	for i, v := range l.list {
		if strings.EqualFold(v, w) {
			return i
		}
	}
	return -1
}

// Flags are the TCP flags a packet must have (Set) among those looked at (Mask).
type Flags struct{ Mask, Set model.TCPFlags }

// String prints FIN,SYN,RST,ACK SYN.
func (f Flags) String() string { return flagNames(f.Mask) + " " + flagNames(f.Set) }

func flagNames(f model.TCPFlags) string {
	if f == 0 {
		return "NONE"
	}
	return f.String()
}

func tcpFlags(in input) (Value, bool) {
	mask, ok1 := flagSet(in.words[0])
	set, ok2 := flagSet(in.words[1])
	return Flags{mask, set}, ok1 && ok2
}

// flagSet reads the six flags that iptables has names for.
func flagSet(s string) (f model.TCPFlags, ok bool) {
	six := names{list: []string{"FIN", "SYN", "RST", "PSH", "ACK", "URG"}}
	for _, w := range strings.Split(s, ",") {
		switch i := six.index(w); {
		case i >= 0:
			f |= 1 << i
		case strings.EqualFold(w, "ALL"):
			f |= 0x3f
		case strings.EqualFold(w, "NONE"), w == "":
		default:
			return 0, false
		}
	}
	return f, s != ""
}

// Numbers is a set of small numbers: days of a month, TCP options.
type Numbers struct{ bits [4]uint64 }

// Has tells whether a number is in the set.
func (n Numbers) Has(v uint8) bool { return n.bits[v/64]>>(v%64)&1 == 1 }

func (n *Numbers) add(v uint8) { n.bits[v/64] |= 1 << (v % 64) }

// String prints the numbers, lowest first.
func (n Numbers) String() string {
	var b strings.Builder
	for i := range 256 {
		if n.Has(uint8(i)) {
			if b.Len() > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strconv.Itoa(i))
		}
	}
	return b.String()
}

func numbers(low, top uint64, called map[string]uint8) kind {
	return one(func(s string) (Value, bool) {
		var n Numbers
		for _, w := range strings.Split(s, ",") {
			if v, ok := called[w]; ok {
				n.add(v)
				continue
			}
			v, ok := number(w, top)
			if !ok || v < low {
				return nil, false
			}
			n.add(uint8(v))
		}
		return n, true
	})
}

// Set names an ipset with the parts of the packet that are looked up in it.
type Set struct {
	Name string
	// Dirs holds src and dst, one for each dimension.
	Dirs []string
}

// String prints blocked src,dst.
func (s Set) String() string { return Name(s.Name).String() + " " + strings.Join(s.Dirs, ",") }

var setRef = kind{2, func(in input) (Value, bool) {
	s := Set{Name: in.words[0], Dirs: strings.Split(in.words[1], ",")}
	for _, d := range s.Dirs {
		if d != "src" && d != "dst" {
			return nil, false
		}
	}
	return s, s.Name != "" && len(s.Dirs) <= 6
}}

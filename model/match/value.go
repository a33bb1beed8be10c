package match

import (
	"fmt"
	"strconv"
	"strings"
)

// Words are words as they were written: what is not understood, or what only the
// kernel can read.
type Words []word

// String prints the words so that a shell-like reader gives them back.
func (w Words) String() string {
	ws := make([]word, len(w))
	for i := range w {
		ws[i] = w[i]
		ws[i].quoted = w[i].quoted || strings.HasPrefix(w[i].text, "[") && strings.Contains(w[i].text, ":") // no counters
	}
	return verbatim(ws)
}

// Name is a name without blanks: of an interface, a set, a table of recent, a helper.
type Name string

// String prints the name; quotes only where it could not be read back without.
func (n Name) String() string { return word{string(n), n == "!"}.String() }

// Keyword is one of a few words that an option knows.
type Keyword string

// String prints the word.
func (k Keyword) String() string { return string(k) }

// Text is free text. iptables prints it in quotes where it holds anything but
// letters, digits, - and _ (xtables.c, xtables_save_string).
type Text string

// String prints the text, in quotes where iptables does.
func (t Text) String() string {
	plain := t != ""
	for i := 0; i < len(t); i++ {
		c := t[i]
		plain = plain && (c == '_' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z')
	}
	if plain {
		return string(t)
	}
	return `"` + textEscaper.Replace(string(t)) + `"`
}

var textEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `'`, `\'`)

// Quoted is text that iptables always prints in quotes.
type Quoted string

// String prints the text in quotes.
func (q Quoted) String() string { return quote(string(q)) }

// Form is how a Number is printed.
type Form uint8

// The forms of iptables: decimal, 0x1, 0x01, 0x0001, 0x00000001.
const (
	Dec Form = iota
	Hex
	Hex2
	Hex4
	Hex8
)

// Number is an unsigned number.
type Number struct {
	N    uint64
	Form Form
}

// String prints the number in its form.
func (n Number) String() string {
	return fmt.Sprintf([...]string{"%d", "0x%x", "0x%02x", "0x%04x", "0x%08x"}[n.Form], n.N)
}

// number reads what strtoul with base 0 reads, up to a maximum.
func number(s string, top uint64) (uint64, bool) {
	if s == "" || strings.ContainsAny(s, "_boBO+") && !strings.HasPrefix(s, "0x") && !strings.HasPrefix(s, "0X") {
		return 0, false
	}
	if strings.Contains(s, "_") {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 0, 64)
	return n, err == nil && n <= top
}

// Range is a range of numbers, both ends in it: ports, lengths, SPIs.
type Range struct {
	Lo, Hi uint64
	// Pair is true where iptables prints both ends though they are equal.
	Pair bool
	// Dash is true where a dash parts the ends, else a colon.
	Dash bool
}

// String prints 80, 20:30 or 20-30.
func (r Range) String() string {
	if r.Lo == r.Hi && !r.Pair {
		return strconv.FormatUint(r.Lo, 10)
	}
	sep := ":"
	if r.Dash {
		sep = "-"
	}
	return strconv.FormatUint(r.Lo, 10) + sep + strconv.FormatUint(r.Hi, 10)
}

// Has tells whether a number is in the range.
func (r Range) Has(n uint64) bool { return r.Lo <= n && n <= r.Hi }

// Ranges is a list of ports and ranges of ports, as multiport has it.
type Ranges []Range

// String prints 22,80,1024:2048.
func (r Ranges) String() string {
	var b strings.Builder
	for i := range r {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(r[i].String())
	}
	return b.String()
}

// Has tells whether a number is in one of the ranges.
func (r Ranges) Has(n uint64) bool {
	for i := range r {
		if r[i].Has(n) {
			return true
		}
	}
	return false
}

// rangeOf reads n, n:m, :m and n: up to a maximum.
func rangeOf(s string, top uint64) (Range, bool) {
	lo, hi, pair := strings.Cut(s, ":")
	r := Range{Hi: top}
	ok1, ok2 := true, true
	if lo != "" || !pair {
		r.Lo, ok1 = number(lo, top)
	}
	switch {
	case !pair:
		r.Hi = r.Lo
	case hi != "":
		r.Hi, ok2 = number(hi, top)
	}
	return r, ok1 && ok2
}

// Masked is a value under a mask: a mark, a realm, a type of service.
type Masked struct {
	Value, Mask uint32
	// Form is Hex or Hex2. Both is true where iptables prints the mask though it is full.
	Form Form
	Both bool
}

// String prints 0x1/0xff, or 0x1 where the mask is full.
func (m Masked) String() string {
	s := Number{uint64(m.Value), m.Form}.String()
	if m.Mask == ^uint32(0) && !m.Both {
		return s
	}
	return s + "/" + Number{uint64(m.Mask), m.Form}.String()
}

// masked reads value[/mask].
func masked(s string, top uint64) (value, mask uint32, ok bool) {
	v, m, has := strings.Cut(s, "/")
	a, ok1 := number(v, top)
	b, ok2 := top, true
	if has {
		b, ok2 = number(m, top)
	}
	return uint32(a), uint32(b), ok1 && ok2
}

// The kinds of simple arguments.
var (
	anyName = one(func(s string) (Value, bool) { return Name(s), s != "" })
	text    = one(func(s string) (Value, bool) { return Text(s), true })
	quoted  = one(func(s string) (Value, bool) { return Quoted(s), true })
	u8      = num(0xff, Dec)
	u16     = num(0xffff, Dec)
	u32     = num(0xffffffff, Dec)
	u64     = num(1<<64-1, Dec)
)

func num(top uint64, f Form) kind { return between(0, top, f) }

func between(low, top uint64, f Form) kind {
	return one(func(s string) (Value, bool) {
		n, ok := number(s, top)
		return Number{n, f}, ok && n >= low
	})
}

func textUpTo(n int) kind {
	return one(func(s string) (Value, bool) { return Text(s), len(s) <= n })
}

// span is a range up to a maximum; ordered ones must not run backwards.
func span(top uint64, ordered bool) kind {
	return one(func(s string) (Value, bool) {
		r, ok := rangeOf(s, top)
		return r, ok && (!ordered || r.Lo <= r.Hi)
	})
}

// words is one of a few words; capital letters do not matter where fold is true.
func words(fold bool, list ...string) kind {
	return one(func(s string) (Value, bool) {
		for _, w := range list {
			if s == w || fold && strings.EqualFold(s, w) {
				return Keyword(w), true
			}
		}
		return nil, false
	})
}

func mark(both bool) kind {
	return one(func(s string) (Value, bool) {
		v, m, ok := masked(s, 0xffffffff)
		return Masked{v, m, Hex, both}, ok
	})
}

package nft

import (
	"net/netip"

	"nfscope/model/fact"
)

// word is a number of up to 128 bits, as wide as the widest field.
type word struct{ hi, lo uint64 }

func (a word) and(b word) word { return word{a.hi & b.hi, a.lo & b.lo} }
func (a word) or(b word) word  { return word{a.hi | b.hi, a.lo | b.lo} }
func (a word) xor(b word) word { return word{a.hi ^ b.hi, a.lo ^ b.lo} }
func (a word) not() word       { return word{^a.hi, ^a.lo} }

func (a word) left(n uint) word {
	if n >= 64 {
		return word{a.lo << (n - 64), 0}
	}
	return word{a.hi<<n | a.lo>>(64-n), a.lo << n}
}

func (a word) right(n uint) word {
	if n >= 64 {
		return word{0, a.hi >> (n - 64)}
	}
	return word{a.hi >> n, a.lo>>n | a.hi<<(64-n)}
}

// less compares the numbers.
func (a word) less(b word) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// ones is a word whose lowest n bits are set.
func ones(n int) word {
	switch {
	case n >= 128:
		return word{^uint64(0), ^uint64(0)}
	case n >= 64:
		return word{1<<(n-64) - 1, ^uint64(0)}
	}
	return word{0, 1<<n - 1}
}

// value is what a field has, bit by bit: of a header some bits may be known and some
// not. A value with a name is a text.
type value struct {
	// bits are right where known has a one. Above width all is zero and known.
	bits, known word
	width       int
	text        string
	named       bool
	// other, where it is set, is a number that the value surely is not.
	other *uint64
	// A value that is not known, such as a hash modulo something, lies from least on and,
	// where below is not 0, below that.
	least, below uint64
}

func exactly(n uint64, width int) value {
	return value{bits: word{0, n}, known: ones(128), width: width}
}

func nothing(width int) value { return value{known: ones(width).not(), width: width} }

func called(s string) value { return value{text: s, named: true, known: ones(128)} }

func addressValue(a netip.Addr) value {
	if a.Is4() {
		b := a.As4()
		return exactly(uint64(b[0])<<24|uint64(b[1])<<16|uint64(b[2])<<8|uint64(b[3]), 32)
	}
	var w word
	for i, b := range a.As16() {
		if i < 8 {
			w.hi = w.hi<<8 | uint64(b)
		} else {
			w.lo = w.lo<<8 | uint64(b)
		}
	}
	return value{bits: w, known: ones(128), width: 128}
}

// address is the other way round.
func (v value) address() netip.Addr {
	if v.width == 32 {
		n := v.bits.lo
		return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
	var b [16]byte
	for i := range 8 {
		b[i], b[8+i] = byte(v.bits.hi>>(56-8*i)), byte(v.bits.lo>>(56-8*i))
	}
	return netip.AddrFrom16(b)
}

// sure reports whether every bit is known.
func (v value) sure() bool { return v.known == ones(128) }

// equal holds the value against another: one bit that differs is enough for No.
func (v value) equal(o value) fact.Answer {
	switch {
	case v.named != o.named:
		return fact.Unsure
	case v.named:
		return fact.Is(v.text == o.text)
	case (v.bits.xor(o.bits)).and(v.known).and(o.known) != word{}:
		return fact.No
	case v.other != nil && o.sure() && o.bits == word{0, *v.other}, v.most().less(o.lowest()), o.most().less(v.lowest()):
		return fact.No
	case v.sure() && o.sure():
		return fact.Yes
	}
	return fact.Unsure
}

// less tells whether the value is below another, whatever the bits that are not known.
func (v value) less(o value) fact.Answer {
	switch {
	case v.named || o.named:
		return fact.Unsure
	case v.most().less(o.lowest()):
		return fact.Yes
	case !v.lowest().less(o.most()):
		return fact.No
	}
	return fact.Unsure
}

// lowest and most are the ends of what the value may be.
func (v value) lowest() word {
	w, least := v.bits.and(v.known), word{0, v.least}
	if w.less(least) {
		return least
	}
	return w
}

func (v value) most() word {
	w := v.bits.or(v.known.not())
	if below := (word{0, v.below}); v.below > 0 && !w.less(below) {
		return word{0, v.below - 1}
	}
	return w
}

// zero tells whether no bit is set.
func (v value) zero() fact.Answer { return v.equal(exactly(0, v.width)) }

// apply combines two values; ok is false where the operator has no meaning for them.
func (v value) apply(op string, o value) (value, bool) {
	if v.named || o.named {
		return value{}, false
	}
	r := value{width: max(v.width, o.width), known: v.known.and(o.known)}
	switch op {
	case "&": // a known zero makes the bit known
		r.known = r.known.or(v.known.and(v.bits.not())).or(o.known.and(o.bits.not()))
		r.bits = v.bits.and(o.bits)
	case "|":
		r.known = r.known.or(v.known.and(v.bits)).or(o.known.and(o.bits))
		r.bits = v.bits.or(o.bits)
	case "^":
		r.bits = v.bits.xor(o.bits)
	case "<<", ">>":
		if !o.sure() || o.bits.hi != 0 || o.bits.lo > 127 {
			return value{}, false
		}
		n, in := uint(o.bits.lo), ones(v.width)
		r.width = v.width
		if op == "<<" {
			r.bits, r.known = v.bits.left(n).and(in), v.known.left(n).or(ones(int(n))).or(in.not())
		} else {
			r.bits, r.known = v.bits.right(n), v.known.right(n).or(ones(128).right(n).not())
		}
	default:
		return value{}, false
	}
	r.bits = r.bits.and(r.known)
	return r, true
}

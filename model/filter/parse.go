package filter

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"nfscope/model"
)

// maxDepth bounds nesting, so that no text can overflow the stack.
const maxDepth = 64

type parser struct {
	tokens []token
	pos    int
	depth  int
	words  []Word
	// last holds the qualifiers of the last address or port: "port 80 or 443".
	last qualifiers
	// mixed is set where pcap-filter(7) reads something else: an "and" behind an "or".
	mixed bool
	// ends collects what could stand where the text ended.
	ends []string
}

type qualifiers struct {
	dir   dir
	kind  valueKind
	proto *node // "tcp port 80 or 443"
}

type valueKind uint8

const (
	valueNone valueKind = iota
	valueAddr
	valuePort
)

func (p *parser) peek() token { return p.tokens[p.pos] }

func (p *parser) next() token {
	t := p.tokens[p.pos]
	if t.kind != tokEnd {
		p.pos++
	}
	return t
}

// want gives the error for the next token, and keeps what was wanted for completion.
func (p *parser) want(t token, words []string, say ...string) error {
	if t.kind == tokEnd {
		p.ends = append(p.ends, words...)
	}
	if len(say) == 0 {
		say = words
	}
	return &Error{Col: t.col, Near: t.text, Want: say}
}

func (p *parser) filter() (*node, error) {
	if p.peek().kind == tokEnd {
		p.ends = append(p.ends, conditions()...)
		return nil, nil
	}
	n, err := p.joined()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokEnd {
		return nil, p.want(t, nil, "and", "or", "the end")
	}
	return n, nil
}

func (p *parser) leaf(t token, l leaf) *node {
	l.col = t.col
	return &node{leaf: l}
}

// condition reads one condition. A protocol or family right before an address or a port
// is a part of it, as in pcap-filter(7): "not tcp port 80" is "not (tcp and port 80)".
func (p *parser) condition(joined bool) ([]*node, error) {
	t := p.next()
	word := strings.ToLower(t.text)
	if t.kind != tokWord {
		return nil, p.want(t, conditions(), "a condition such as tcp, host, port or in")
	}
	if proto, ok := protoWord(word); ok {
		p.words = append(p.words, Word{"proto", t.col})
		return p.qualify(p.leaf(t, leaf{word: "proto", proto: proto}))
	}
	if word == "ip" || word == "ip6" {
		p.words = append(p.words, Word{word, t.col})
		return p.qualify(p.leaf(t, leaf{word: word}))
	}
	if _, ok := vocabulary[word]; !ok {
		return p.value(t, joined)
	}
	n, err := p.worded(t, word)
	return []*node{n}, err
}

// qualify reads what a protocol or a family is said of, if that is what follows.
func (p *parser) qualify(n *node) ([]*node, error) {
	p.last = qualifiers{}
	t := p.peek()
	word := strings.ToLower(t.text)
	v, known := vocabulary[word]
	if t.kind != tokWord || !known || !v.arg.qualified() && v.arg != argProto {
		return []*node{n}, nil
	}
	p.next()
	of, err := p.worded(t, word)
	p.last.proto = n
	return []*node{n, of}, err
}

// worded reads a condition that begins with a word of the vocabulary.
func (p *parser) worded(t token, word string) (*node, error) {
	v := vocabulary[word]
	p.words = append(p.words, Word{word, t.col})
	if !v.arg.qualified() {
		p.last = qualifiers{}
		l := leaf{word: word}
		if err := p.argument(v.arg, &l); err != nil {
			return nil, err
		}
		return p.leaf(t, l), nil
	}
	q := qualifiers{}
	if v.arg == argDir {
		q.dir = dirSrc
		if word == "dst" {
			q.dir = dirDst
		}
		next := p.peek()
		nv, known := vocabulary[strings.ToLower(next.text)]
		if next.kind == tokWord && known && nv.arg >= argAddr && nv.arg <= argPortRange {
			p.next()
			p.words = append(p.words, Word{strings.ToLower(next.text), next.col})
			v = nv
		}
	}
	switch v.arg {
	case argPort, argPortRange:
		q.kind = valuePort
	default:
		q.kind = valueAddr
	}
	p.last = q
	return p.qualified(q, v.arg)
}

// qualified reads a value behind its qualifiers, or a list in parentheses:
// "port (80 or 443)".
func (p *parser) qualified(q qualifiers, arg argument) (*node, error) {
	if p.peek().kind != tokOpen {
		t := p.next()
		l, err := p.readValue(t, q, arg)
		return p.leaf(t, l), err
	}
	p.next()
	var kids []*node
	for {
		t := p.next()
		l, err := p.readValue(t, q, arg)
		if err != nil {
			return nil, err
		}
		kids = append(kids, p.leaf(t, l))
		switch t := p.next(); t.kind {
		case tokOr:
		case tokClose:
			return one(opOr, kids), nil
		default:
			return nil, p.want(t, []string{"or", ")"}, "or", `")"`)
		}
	}
}

// value reads a value without a word before it, as pcap-filter(7) does: an address
// is a host, and behind an operator the last qualifiers hold on.
func (p *parser) value(t token, joined bool) ([]*node, error) {
	q := qualifiers{kind: valueAddr}
	if joined && p.last.kind != valueNone {
		q = p.last
	}
	arg := argDir
	if q.kind == valuePort {
		arg = argPort
		if strings.Contains(t.text, "-") {
			arg = argPortRange
		}
	}
	l, err := p.readValue(t, q, arg)
	if err != nil {
		return nil, p.want(t, nil, "a condition such as tcp, host, port or in")
	}
	p.last = q
	word := "host"
	if q.kind == valuePort {
		word = "port"
	}
	p.words = append(p.words, Word{word, t.col})
	if q.proto != nil {
		return []*node{{leaf: q.proto.leaf}, p.leaf(t, l)}, nil
	}
	return []*node{p.leaf(t, l)}, nil
}

// readValue reads an address, network, port or range.
func (p *parser) readValue(t token, q qualifiers, arg argument) (leaf, error) {
	text := t.text
	if t.kind != tokWord {
		text = ""
	}
	l := leaf{word: "net", dir: q.dir}
	switch arg {
	case argPort, argPortRange:
		l.word = "portrange"
		lo, hi, isRange := strings.Cut(text, "-")
		if arg == argPortRange && !isRange {
			lo, hi, isRange = strings.Cut(text, ":")
		}
		if arg == argPort {
			lo, hi = text, text
		}
		var ok1, ok2 bool
		l.lo, ok1 = port(lo)
		l.hi, ok2 = port(hi)
		switch {
		case arg == argPort && !ok1 && isRange:
			return l, p.want(t, nil, "a port number or name (a range is: portrange 8000-8100)")
		case arg == argPort && !ok1:
			return l, p.want(t, nil, "a port number or name")
		case arg == argPortRange && (!isRange || !ok1 || !ok2 || l.lo > l.hi):
			return l, p.want(t, nil, "a range of ports such as 8000-8100")
		}
		return l, nil
	case argNet:
		pre, err := netip.ParsePrefix(text)
		if err != nil {
			return l, p.want(t, nil, "a network such as 10.0.0.0/8")
		}
		l.prefix = pre
	default:
		if pre, err := netip.ParsePrefix(text); err == nil && arg == argDir {
			l.prefix = pre
			break
		}
		a, err := netip.ParseAddr(text)
		switch {
		case (err != nil || a.Zone() != "") && arg == argDir:
			return l, p.want(t, []string{"host", "net", "port", "portrange"}, "host", "net", "port", "portrange", "an address")
		case err != nil && strings.Contains(text, "/"):
			return l, p.want(t, nil, "an IPv4 or IPv6 address (a network is: net 10.0.0.0/8)")
		case err != nil || a.Zone() != "":
			return l, p.want(t, nil, "an IPv4 or IPv6 address")
		}
		l.prefix = netip.PrefixFrom(a, a.BitLen())
	}
	if m := l.prefix.Masked(); m != l.prefix {
		return l, p.want(t, nil, "a network without host bits, such as "+m.String())
	}
	return l, nil
}

func port(s string) (uint16, bool) {
	if n, ok := services()[s]; ok {
		return n, true
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil
}

// argument reads what follows a word that takes no src or dst.
func (p *parser) argument(arg argument, l *leaf) error {
	if arg == argNone {
		return nil
	}
	t := p.next()
	text := t.text
	if t.kind != tokWord && (t.kind != tokQuoted || arg != argName && arg != argIface) {
		text = ""
	}
	lower := strings.ToLower(text)
	switch arg {
	case argProto:
		proto, ok := model.ParseProto(lower)
		if !ok {
			return p.want(t, protocols(), "a protocol's name or number")
		}
		l.proto = proto
	case argIface:
		// IFNAMSIZ is 16 with the NUL; a trailing + or * matches any rest, as in iptables and nft.
		if strings.HasSuffix(text, "*") {
			text = strings.TrimSuffix(text, "*") + "+"
		}
		if text == "" || text == "+" || len(strings.TrimSuffix(text, "+")) > 15 || strings.ContainsAny(text, "/\x00") {
			return p.want(t, nil, "the name of an interface")
		}
		l.name = text
	case argMark:
		v, m, hasMask := strings.Cut(text, "/")
		l.mask = ^uint32(0)
		var ok, okMask = false, true
		l.value, ok = number(v, 32)
		if hasMask {
			l.mask, okMask = number(m, 32)
		}
		if !ok || !okMask {
			return p.want(t, nil, "a mark such as 0x1 or 0x1/0xff")
		}
	case argZone, argRule:
		bits, say := 16, "a zone's number"
		if arg == argRule {
			bits, say = 32, "a rule's number"
		}
		v, ok := number(text, bits)
		if !ok {
			return p.want(t, nil, say)
		}
		l.value = v
	case argState:
		if l.name = lower; !slices.Contains(states(), lower) {
			return p.want(t, states(), "a conntrack state such as new, established, related, invalid, untracked")
		}
	case argVerdict:
		if l.name = lower; !slices.Contains(verdicts(), lower) {
			return p.want(t, verdicts())
		}
	case argName:
		if text == "" {
			return p.want(t, nil, map[string]string{"chain": "a chain's name", "table": "a table's name",
				"reason": "a drop reason such as IP_RPFILTER"}[l.word])
		}
		l.name = text
	}
	return nil
}

func number(s string, bits int) (uint32, bool) {
	n, err := strconv.ParseUint(s, 0, bits)
	return uint32(n), err == nil
}

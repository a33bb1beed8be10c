package connections

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/model/flow/flowtest"
)

// A text is found in those connections in one of whose lines it is, whatever it is cut from: of a
// million connections nobody writes the lines.
func TestSearch(t *testing.T) {
	t.Parallel()
	looks := searched()
	lines := make([]string, len(looks)) // that of the row, a newline, that of the reply
	for i := range looks {
		lines[i] = linesOf(&looks[i])
	}
	r := rand.New(rand.NewPCG(7, 8))
	const letters = "0123456789abcdefNU.:[]->_ x"
	hits := 0
	for n := range 3000 {
		var text string
		switch from := strings.Split(lines[r.IntN(len(lines))], "\n")[r.IntN(2)]; n % 3 {
		case 0: // of a line
			at := r.IntN(len(from))
			text = from[at : at+1+r.IntN(min(30, len(from)-at))]
		case 1: // of a line, and one letter is another
			at := r.IntN(len(from))
			b := []byte(from[at : at+1+r.IntN(min(6, len(from)-at))])
			b[r.IntN(len(b))] = letters[r.IntN(len(letters))]
			text = string(b)
		default:
			for range 1 + r.IntN(3) {
				text += letters[r.IntN(len(letters)):][:1]
			}
		}
		if r.IntN(4) == 0 {
			text = strings.ToUpper(text)
		}
		s := newSearch(text)
		for i := range looks {
			want := strings.Contains(lines[i], strings.ToLower(text))
			if got := s.finds(&looks[i]); got != want {
				t.Fatalf("%q in %q: found %v", text, lines[i], got)
			}
			if want {
				hits++
			}
		}
	}
	if hits < 10_000 {
		t.Errorf("only %d texts were found", hits)
	}
}

// searched are connections of every kind that a line writes otherwise.
func searched() (out []flow.Look) {
	for _, v6 := range []bool{false, true} {
		for f := range flowtest.Gateway(60, v6).All() {
			out = append(out, f.Look())
		}
	}
	protos := []model.Proto{model.ProtoTCP, model.ProtoUDP, model.ProtoICMP, model.ProtoICMPv6, model.ProtoSCTP, 47, 200}
	addrs := []netip.Addr{{}, netip.MustParseAddr("::ffff:10.9.8.7"), netip.MustParseAddr("::"), netip.MustParseAddr("fe80::1"),
		netip.MustParseAddr("255.100.99.0"), netip.MustParseAddr("1.10.9.200")}
	words := []string{"", "SYN_SENT2", "STATE-TOO", "Ä9"}
	r := rand.New(rand.NewPCG(3, 4))
	for range 120 {
		var l flow.Look
		p := protos[r.IntN(len(protos))]
		end := func() (netip.Addr, uint16) { return addrs[r.IntN(len(addrs))], uint16(65535 >> r.IntN(17)) }
		l.Orig.Proto, l.Reply.Proto = p, p
		l.Orig.Src, l.Orig.SPort = end()
		l.Orig.Dst, l.Orig.DPort = end()
		l.Reply = model.Tuple{Proto: p, Src: l.Orig.Dst, SPort: l.Orig.DPort, Dst: l.Orig.Src, DPort: l.Orig.SPort}
		if r.IntN(2) == 0 {
			l.Reply.Src, l.Reply.SPort = end()
		}
		if r.IntN(2) == 0 {
			l.Reply.Dst, l.Reply.DPort = end()
		}
		l.State, l.Classes, l.Status = words[r.IntN(len(words))], flow.Classes(r.IntN(64)), flow.Status(r.Uint32())
		out = append(out, l)
	}
	return out
}

// linesOf are the lines of a connection, written as its words are everywhere else.
func linesOf(l *flow.Look) string {
	o, r := l.Orig, l.Reply
	s := o.Proto.String() + " " + o.SrcString() + " -> " + o.DstString()
	if r.Src != o.Dst || o.Proto.Ports() && r.SPort != o.DPort {
		s += " -> " + r.SrcString()
	}
	s += " " + strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		return c
	}, l.Word())
	if l.Classes != 0 {
		s += " " + flow.NAT{Class: l.Classes.List()}.String()
	}
	return strings.ReplaceAll(s+"\n"+r.String(), "?", "") // an address that is not known is not found
}

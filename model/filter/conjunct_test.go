package filter_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/filter"
)

// holds evaluates a condition as the kernel does, on a packet of which all is known.
func holds(c filter.Cond, p *model.Packet, in, out string) bool {
	name := func(have string) bool {
		if s, ok := strings.CutSuffix(c.Iface, "+"); ok {
			return strings.HasPrefix(have, s)
		}
		return have == c.Iface
	}
	var r bool
	switch c.Field {
	case filter.FieldFamily:
		r = p.Family == c.Family
	case filter.FieldProto:
		r = p.Proto == c.Proto
	case filter.FieldPorts:
		r = p.Proto.Ports()
	case filter.FieldSrc:
		if p.Src.Is4() != c.Prefix.Addr().Is4() {
			panic("an address is looked at before the family")
		}
		r = c.Prefix.Contains(p.Src)
	case filter.FieldDst:
		if p.Dst.Is4() != c.Prefix.Addr().Is4() {
			panic("an address is looked at before the family")
		}
		r = c.Prefix.Contains(p.Dst)
	case filter.FieldSPort, filter.FieldDPort:
		if !p.Proto.Ports() {
			panic("a port is looked at before the protocol")
		}
		v := p.SPort
		if c.Field == filter.FieldDPort {
			v = p.DPort
		}
		r = c.Lo <= v && v <= c.Hi
	case filter.FieldIn:
		r = name(in)
	case filter.FieldOut:
		r = name(out)
	case filter.FieldMark:
		r = p.Mark&c.Mask == c.Value
	default:
		panic(fmt.Sprintf("field %d", c.Field))
	}
	return r != c.Not
}

func anyConjunct(list []filter.Conjunct, p *model.Packet, in, out string) bool {
	return slices.ContainsFunc(list, func(c filter.Conjunct) bool {
		for _, k := range c.Conds {
			if !holds(k, p, in, out) {
				return false
			}
		}
		return true
	})
}

func pick[T any](r *rand.Rand, s ...T) T { return s[r.IntN(len(s))] }

func randomFilter(r *rand.Rand, depth int) string {
	if depth > 0 && r.IntN(3) > 0 {
		a, b := randomFilter(r, depth-1), randomFilter(r, depth-1)
		return pick(r, "("+a+" and "+b+")", "("+a+" or "+b+")", "not ("+a+")", a+" "+b, "not "+a+" and "+b)
	}
	d := pick(r, "", "src ", "dst ")
	return pick(r, "ip", "ip6", "tcp", "udp", "icmp", "proto 99", d+"host "+pick(r, "10.0.0.1", "10.0.0.2", "fd00::1"),
		d+"net "+pick(r, "10.0.0.0/30", "0.0.0.0/0", "fd00::/8", "10.0.0.2/31"), d+"port "+pick(r, "80", "81", "443"),
		d+"portrange "+pick(r, "80-443", "0-65535", "81-82"), "in "+pick(r, "eth0", "eth1", "eth*"),
		"out "+pick(r, "eth0", "lo"), "mark "+pick(r, "0", "1", "0x1/0x1", "0/0xfe"))
}

func randomPacket(r *rand.Rand) (*model.Packet, string, string) {
	p := &model.Packet{Family: model.FamilyIPv4, Proto: pick[model.Proto](r, 6, 17, 1, 58, 99, 132), Mark: pick[uint32](r, 0, 1, 3)}
	addrs := []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "192.0.2.1"}
	if r.IntN(3) == 0 {
		p.Family, addrs = model.FamilyIPv6, []string{"fd00::1", "fd00::2", "2001:db8::1"}
	}
	p.Src, p.Dst = netip.MustParseAddr(pick(r, addrs...)), netip.MustParseAddr(pick(r, addrs...))
	if p.Proto.Ports() {
		p.Transport, p.SPort, p.DPort = true, pick[uint16](r, 79, 80, 81, 82, 443, 444), pick[uint16](r, 79, 80, 81, 443, 65535)
	}
	return p, pick(r, "eth0", "eth1", "lo"), pick(r, "eth0", "lo")
}

// The kernel's form must say of every packet what the filter says.
func TestConjunctsEqualPacket(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	seen := [2]int{}
	for range 4000 {
		text := randomFilter(r, 4)
		f := parse(t, text)
		list, err := f.Conjuncts(1 << 20)
		if err != nil {
			continue
		}
		for range 40 {
			p, in, out := randomPacket(r)
			want := f.Packet(p, in, out)
			if want == filter.Unknown {
				t.Fatalf("%q: unknown for %s", text, p)
			}
			got := anyConjunct(list, p, in, out)
			if got != (want == filter.Yes) {
				t.Fatalf("%q (%s)\n of %s in %s out %s mark %d: conjuncts %v, filter %s\n%+v", text, f, p, in, out, p.Mark, got, want, list)
			}
			seen[want/2]++
		}
	}
	if seen[0] < 10000 || seen[1] < 10000 {
		t.Fatalf("the packets are one-sided: %v", seen)
	}
}

// Words that the kernel cannot match before conntrack may only make it match more.
func TestConjunctsAreASuperset(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	late := []string{"dropped", "state new", "not chain X", "nat"}
	for range 2000 {
		a, b := randomFilter(r, 2), randomFilter(r, 2)
		with := parse(t, pick(r, "("+a+") and "+pick(r, late...), "("+a+") or "+pick(r, late...), "not ("+a+" or "+pick(r, late...)+") or "+b))
		if len(with.After()) != 1 {
			t.Fatalf("%q: after %q", with, with.After())
		}
		list, err := with.Conjuncts(1 << 20)
		if err != nil {
			continue
		}
		for range 20 {
			p, in, out := randomPacket(r)
			if with.Packet(p, in, out) != filter.No && !anyConjunct(list, p, in, out) {
				t.Fatalf("%q may match %s, its conjuncts do not: %+v", with, p, list)
			}
		}
	}
}

func TestConjunctsStaySmall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want int
	}{
		{"", 1},
		{"dropped", 1},
		{"tcp and dst port 80", 1},
		{"tcp and udp", 0},
		{"host 10.0.0.1", 2},
		{"not port 22", 2}, // what has no ports, and what has others
		{"tcp and not port 22", 1},
		{"not port 22 and not port 80 and not port 443", 2},
		{"not host 10.0.0.1", 2}, // IPv6, and other IPv4
		{"tcp or (tcp and port 80)", 1},
		{"ip or ip6", 2},
	} {
		list, err := parse(t, c.text).Conjuncts(64)
		if err != nil || len(list) != c.want {
			t.Errorf("%q: %d conjuncts, %v, want %d: %+v", c.text, len(list), err, c.want, list)
		}
	}
	list, _ := parse(t, "tcp dst port 80").Conjuncts(1)
	want := []filter.Cond{{Field: filter.FieldProto, Proto: model.ProtoTCP}, {Field: filter.FieldDPort, Lo: 80, Hi: 80}}
	if !slices.Equal(list[0].Conds, want) {
		t.Errorf("%+v", list)
	}
	if _, err := parse(t, "host 10.0.0.1 or host 10.0.0.2").Conjuncts(3); err == nil || !strings.Contains(err.Error(), "simplify") {
		t.Errorf("four conjuncts where three are possible: %v", err)
	}
	var wide []string
	for i := range 40 {
		wide = append(wide, fmt.Sprintf("(mark %d/%d or not in eth%d)", i, i, i))
	}
	if _, err := parse(t, strings.Join(wide, " and ")).Conjuncts(64); err == nil {
		t.Error("2^40 conjuncts and no error")
	}
}

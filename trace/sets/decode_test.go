package sets

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"nfscope/model/set"
)

// attribute makes one, padded.
func attribute(typ uint16, v ...byte) []byte {
	var r request
	r.add(typ, v...)
	return r
}

func key(n uint16, end bool) element {
	e := element{key: binary.BigEndian.AppendUint16(nil, n)}
	if end {
		e.flags = nftElemIntervalEnd
	}
	return e
}

func run(t *testing.T, list []element) (out []string) {
	t.Helper()
	var i intervals
	i.pairs = true
	i.emit = func(e element, last []byte) error {
		s, _ := valueText(13, 0, true, nil, e.key, last)
		out = append(out, s)
		return nil
	}
	for _, e := range list {
		if err := i.push(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := i.finish(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestIntervals: nf_tables gives the bounds of intervals in either order, with ends that
// neighbours share, and leaves the last one open.
func TestIntervals(t *testing.T) {
	for _, c := range []struct {
		name string
		up   []element
		want []string
	}{
		{"none", nil, nil},
		{"one, open", []element{key(60000, false)}, []string{"60000-65535"}},
		{"all", []element{key(0, false)}, []string{"0-65535"}},
		{"the zero end", []element{key(0, true), key(5, false), key(6, true)}, []string{"5"}},
		{"touching", []element{key(5, false), key(7, true), key(7, false), key(9, true)}, []string{"5-6", "7-8"}},
		{"sharing a bound", []element{key(5, false), key(7, false), key(9, true)}, []string{"5-6", "7-8"}},
		{"open at both", []element{key(0, false), key(256, true), key(60000, false)}, []string{"0-255", "60000-65535"}},
		{"carry", []element{key(255, false), key(512, true)}, []string{"255-511"}},
	} {
		if got := run(t, c.up); !slices.Equal(got, c.want) {
			t.Errorf("%s, up: %q, want %q", c.name, got, c.want)
		}
		down := slices.Clone(c.up)
		slices.Reverse(down)
		got := run(t, down)
		slices.Reverse(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s, down: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestUnknown: what a newer kernel says and we do not know is kept and marked.
func TestUnknown(t *testing.T) {
	ip := attribute(ipsetIP, attribute(1, 10, 0, 0, 1)...)
	m, err := decodeIPSetMember("hash:ip,flavour", append(slices.Clone(ip), attribute(77, 1, 2)...))
	if err != nil || m.Text != "10.0.0.1" || m.Unknown != `attribute 77 of 2 bytes, part "flavour" of type "hash:ip,flavour"` {
		t.Errorf("%+v, %v", m, err)
	}
	body := slices.Concat(attribute(nftElemKey, attribute(nftDataValue, 1, 2, 3, 4)...), attribute(99, 1), attribute(nftElemExpr, attribute(1, []byte("magic\x00")...)...))
	e, err := splitElement(body)
	if err != nil {
		t.Fatal(err)
	}
	m, err = decodeElement(&set.Layout{KeyType: 63}, e, nil)
	if err != nil || m.Text != "0x01020304" || m.Unknown != "type-63, attribute 99 of 1 bytes, statement magic" {
		t.Errorf("%+v, %v", m, err)
	}
	m, err = decodeElement(&set.Layout{KeyType: 7<<6 | 13}, e, nil)
	if err != nil || m.Text != "0x01020304" || m.Unknown == "" {
		t.Errorf("a key too short for its type: %+v, %v", m, err)
	}
}

func TestProtocol(t *testing.T) {
	for _, c := range []struct {
		top, low byte
		want     uint8
	}{{7, 6, 7}, {6, 6, 6}, {9, 7, 7}, {9, 8, 0}, {5, 5, 0}} {
		got, err := ipsetVersions(slices.Concat(make([]byte, 4), attribute(ipsetAttrProtocol, c.top), attribute(ipsetAttrProtocolMin, c.low)))
		if got != c.want || (err == nil) != (c.want != 0) {
			t.Errorf("a kernel with %d to %d: %d, %v", c.low, c.top, got, err)
		}
	}
	if !bytes.Equal(askIPSets(6, "x", true)[20:25], attribute(ipsetAttrProtocol, 6)[:5]) {
		t.Error("the request does not speak the kernel's version")
	}
}

func FuzzIPSet(f *testing.F) {
	ip := attribute(ipsetIP, attribute(1, 10, 0, 0, 1)...)
	member := slices.Concat(ip, attribute(ipsetCIDR, 24), attribute(ipsetPort, 0, 80), attribute(ipsetProto, 6), attribute(ipsetTimeout, 0, 0, 0, 1), attribute(ipsetSKBMark, 0, 0, 0, 1, 0, 0, 0, 255))
	head := slices.Concat(make([]byte, 4), attribute(ipsetAttrSetName, 'x', 0), attribute(ipsetAttrTypeName, []byte("hash:ip\x00")...),
		attribute(ipsetAttrData, slices.Concat(attribute(ipsetHashSize, 0, 0, 4, 0), attribute(ipsetElements, 0, 0, 0, 1))...),
		attribute(ipsetAttrADT, attribute(ipsetAttrData, member...)...))
	f.Add("hash:net,port,net", head)
	f.Add("bitmap:ip,mac", member)
	f.Fuzz(func(t *testing.T, typ string, b []byte) {
		_, _ = ipsetVersions(b)
		if m, err := splitIPSet(b); err == nil {
			_, _ = decodeIPSet(m)
			_ = attrs(m.adt, func(_ uint16, v []byte) error {
				_, err := decodeIPSetMember(typ, v)
				return err
			})
		}
		if m, err := decodeIPSetMember(typ, b); err == nil {
			_ = m.Line(set.IPSet)
		}
		if h, body, rest, err := splitMessage(b); err == nil && len(body)+len(rest)+16 > len(b) {
			t.Errorf("message %v of %d bytes is longer than what it was cut from", h, len(body))
		}
	})
}

func FuzzNFT(f *testing.F) {
	elem := slices.Concat(attribute(nftElemKey, attribute(nftDataValue, 10, 0, 0, 1, 0, 80, 0, 0)...), attribute(nftElemKeyEnd, attribute(nftDataValue, 10, 0, 0, 9, 0, 90, 0, 0)...),
		attribute(nftElemTimeout, 0, 0, 0, 0, 0, 0, 1, 0), attribute(nftElemUserdata, 0, 2, 'a', 0),
		attribute(nftElemData, attribute(nftDataVerdict, attribute(1, 255, 255, 255, 253)...)...))
	list := slices.Concat([]byte{1, 0, 0, 0}, attribute(nftListElements, attribute(1, elem...)...))
	f.Add(uint32(7<<6|13), uint32(1), uint32(4), list)
	head := slices.Concat([]byte{1, 0, 0, 0}, attribute(nftSetName, 's', 0), attribute(nftSetKeyType, 0, 0, 0, 13), attribute(nftSetUserdata, 7, 2, 'a', 0),
		attribute(nftSetDesc, attribute(nftDescConcat, attribute(1, attribute(1, 0, 0, 0, 4)...)...)...))
	f.Add(uint32(13), uint32(13), uint32(0), head)
	f.Fuzz(func(t *testing.T, keyType, dataType, flags uint32, b []byte) {
		s, _, err := decodeNFTSet(b)
		if err == nil && s.Type == "" {
			t.Error("a set without a type")
		}
		l := s.Layout
		l.KeyType, l.DataType, l.Flags = keyType, dataType, flags
		l.DataInterval = flags&nftFlagMap != 0
		for _, p := range []bool{false, true} {
			i := intervals{pairs: p}
			i.emit = func(e element, last []byte) error {
				m, err := decodeElement(&l, e, last)
				if err == nil && e.catchAll() != (m.Text == "*") && !e.catchAll() {
					return fmt.Errorf("%q is not the catch-all element", m.Text)
				}
				_ = m.Line(set.NFT)
				return err
			}
			if eachElement(b, i.push) == nil {
				_ = i.finish()
			}
		}
	})
}

// FuzzMember: whatever is typed becomes a key of the set's length or an error.
func FuzzMember(f *testing.F) {
	f.Add(uint32(7<<6|13), "10.0.0.1 . 80", "hash:ip,port", "10.0.0.1,tcp:80")
	f.Add(uint32(29<<12|41<<6|23), `echo-request . "eth0" . 1:10`, "hash:net,iface", "::/0,physdev:eth0")
	f.Add(uint32(26), "new", "bitmap:ip,mac", "10.0.0.1,aa:bb:cc:dd:ee:ff")
	f.Fuzz(func(t *testing.T, keyType uint32, nft, typ, ipset string) {
		s := set.Set{Type: typ, Addresses: 2, Layout: set.Layout{KeyType: keyType, KeyLen: 4}}
		if kinds := parts(keyType); len(kinds) > 1 {
			s.Layout.KeyLen = 0
			for _, k := range kinds {
				t, _ := datatypeOf(k)
				s.Layout.KeyLen += uint32(t.size+3) &^ 3
			}
		} else if t, _ := datatypeOf(keyType); t.size > 0 {
			s.Layout.KeyLen = uint32(t.size)
		}
		if key, err := encodeNFT(&s, nft); err == nil && len(key) != int(s.Layout.KeyLen) {
			t.Errorf("%q of type %s is %x, not %d bytes", nft, typeName(keyType), key, s.Layout.KeyLen)
		}
		if a, err := encodeIPSet(&s, ipset); err == nil {
			if _, err := decodeIPSetMember(typ, a); err != nil {
				t.Errorf("%q of type %s does not come back: %v", ipset, typ, err)
			}
		}
	})
}

// TestEveryType: every type of ipset, those this kernel lacks too, reads back what it is
// asked for.
func TestEveryType(t *testing.T) {
	for typ, members := range map[string][]string{
		"bitmap:ip": {"10.0.0.1"}, "bitmap:ip,mac": {"10.0.0.1,AA:BB:CC:0D:EE:FF"}, "bitmap:port": {"80"},
		"hash:ip": {"10.0.0.1"}, "hash:mac": {"AA:BB:CC:0D:EE:FF"}, "hash:ip,mac": {"10.0.0.1,AA:BB:CC:0D:EE:FF"},
		"hash:net": {"10.0.0.0/8", "10.0.0.1"}, "hash:net,net": {"10.0.0.0/8,0.0.0.0/0", "1.2.3.4,10.0.0.0/8"},
		"hash:ip,port":  {"10.0.0.1,tcp:80", "10.0.0.1,icmp:TOS-host-redirect", "10.0.0.1,icmp:3/99", "10.0.0.1,200:0", "10.0.0.1,ipv6-icmp:echo-reply"},
		"hash:net,port": {"10.0.0.0/8,udp:53"}, "hash:ip,port,ip": {"10.0.0.1,sctp:5,10.0.0.2"}, "hash:ip,port,net": {"10.0.0.1,gre:0,10.0.0.0/8"},
		"hash:net,port,net": {"10.0.0.0/8,tcp:80,1.2.3.4"}, "hash:ip,mark": {"10.0.0.1,0x00000012"}, "hash:net,iface": {"10.0.0.0/8,physdev:eth0", "0.0.0.0/0,eth0"},
		"list:set": {"other"},
	} {
		for _, want := range members {
			a, err := encodeIPSet(&set.Set{Type: typ, Addresses: 2}, want)
			if err != nil {
				t.Errorf("%s: %v", typ, err)
				continue
			}
			if m, err := decodeIPSetMember(typ, a); err != nil || m.Line(set.IPSet) != want {
				t.Errorf("%s: %q, want %q, %v", typ, m.Line(set.IPSet), want, err)
			}
		}
	}
}

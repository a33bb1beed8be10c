package sets

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"nfscope/model"
	"nfscope/model/set"
)

// encodeNFT turns a member as it is printed into a key of nf_tables: one value for each
// part, no ranges.
func encodeNFT(s *set.Set, member string) (key []byte, err error) {
	l := &s.Layout
	kinds, values := parts(l.KeyType), strings.Split(member, " . ")
	if len(values) != len(kinds) {
		return nil, fmt.Errorf("%q cannot be looked up in %s: expected %s", member, s.Key, s.Type)
	}
	sizes := []int{int(l.KeyLen)}
	interval := l.Flags&nftFlagInterval != 0
	if len(kinds) > 1 {
		var ok bool
		if sizes, ok = fieldSizes(kinds, l.Fields, int(l.KeyLen)); !ok {
			return nil, fmt.Errorf("%s has keys of %d bytes, which is not understood for %s", s.Key, l.KeyLen, s.Type)
		}
	}
	for i, k := range kinds {
		t, _ := datatypeOf(k)
		v, ok := t.parse(strings.TrimSpace(values[i]), sizes[i])
		if !ok {
			return nil, fmt.Errorf("%q cannot be looked up in %s: %q is no %s", member, s.Key, values[i], t.name)
		}
		if host := t.host || len(kinds) == 1 && l.KeyOrder == 1; host && !interval && !t.string() {
			v = reversed(v)
		}
		key = append(key, v...)
		for len(kinds) > 1 && len(key)&3 != 0 {
			key = append(key, 0)
		}
	}
	return key, nil
}

func (t datatype) string() bool { return t.name == "ifname" || t.name == "string" }

// parse reads what print prints, and any number, into so many bytes in network order.
func (t datatype) parse(s string, size int) (v []byte, ok bool) {
	if size <= 0 || size > 64 {
		return nil, false
	}
	switch t.name {
	case "ipv4_addr", "ipv6_addr":
		ip, err := netip.ParseAddr(s)
		return ip.AsSlice(), err == nil && ip.Zone() == "" && ip.BitLen() == size*8
	case "ether_addr", "ll_addr":
		mac, err := net.ParseMAC(s)
		return mac, err == nil && len(mac) == size
	case "classid":
		major, minor, _ := strings.Cut(s, ":")
		hi, herr := strconv.ParseUint(major, 16, 16)
		lo, lerr := strconv.ParseUint(minor, 16, 16)
		return inBytes(hi<<16|lo, size), herr == nil && lerr == nil
	case "ifname", "string":
		if s = strings.Trim(s, `"`); len(s) >= size {
			return nil, false
		}
		return append([]byte(s), make([]byte, size-len(s))...), true
	}
	if n, err := strconv.ParseUint(s, 0, min(size, 8)*8); err == nil {
		return inBytes(n, size), true
	}
	for n := range uint64(1) << (8 * min(size, 2)) {
		if v := inBytes(n, size); t.print(v) == s {
			return v, true
		}
	}
	return nil, false
}

// inBytes is a number in so many bytes, in network order.
func inBytes(n uint64, size int) []byte {
	v := make([]byte, max(size, 8))
	binary.BigEndian.PutUint64(v[len(v)-8:], n)
	return v[len(v)-size:]
}

// encodeIPSet turns a member as it is printed into the attributes of IPSET_CMD_TEST.
func encodeIPSet(s *set.Set, member string) (a request, err error) {
	_, dims, _ := strings.Cut(s.Type, ":")
	kinds, values := strings.Split(dims, ","), strings.Split(member, ",")
	if len(values) != len(kinds) {
		return nil, fmt.Errorf("%q cannot be looked up in %s: expected %s", member, s.Key, dims)
	}
	addresses := 0
	for i, k := range kinds {
		v, ok := values[i], true
		switch k {
		case "ip", "net":
			at, cidr := uint16(ipsetIP), uint16(ipsetCIDR)
			if addresses++; addresses > 1 {
				at, cidr = ipsetIP2, ipsetCIDR2
			}
			ok = a.address(at, cidr, s.Addresses, v, k == "net")
		case "port":
			ok = a.port(v, !strings.HasPrefix(s.Type, "bitmap:"))
		case "mark":
			var n uint64
			n, err = strconv.ParseUint(v, 0, 32)
			a.add(ipsetMark|netOrder, inBytes(n, 4)...)
		case "mac":
			var mac net.HardwareAddr
			mac, err = net.ParseMAC(v)
			ok = len(mac) == 6
			a.add(ipsetEther, mac...)
		case "iface":
			name, physdev := strings.CutPrefix(v, "physdev:")
			ok = name != "" && len(name) < 16
			a.name(ipsetIface, name)
			if physdev {
				a.add(ipsetCADTFlags|netOrder, inBytes(ipsetFlagPhysdev, 4)...)
			}
		case "set":
			ok = v != "" && len(v) < 32
			a.name(ipsetName, v)
		default:
			ok = false
		}
		if !ok || err != nil {
			return nil, fmt.Errorf("%q cannot be looked up in %s: %q is no %s", member, s.Key, v, k)
		}
	}
	return a, nil
}

// address adds an address, with a mask where the type has networks.
func (r *request) address(at, cidr uint16, f model.Family, s string, network bool) bool {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		var ip netip.Addr
		if ip, err = netip.ParseAddr(s); err == nil && ip.Zone() == "" {
			p = netip.PrefixFrom(ip, ip.BitLen())
		}
	}
	ip := p.Addr()
	if err != nil || !p.IsValid() || !network && !p.IsSingleIP() || ip.Is4() != (f == model.FamilyIPv4) {
		return false
	}
	typ := uint16(1) // IPSET_ATTR_IPADDR_IPV4
	if ip.Is6() {
		typ = 2
	}
	var inner request
	inner.add(typ|netOrder, ip.AsSlice()...)
	r.add(at|nested, inner...)
	if network {
		r.add(cidr, uint8(p.Bits()))
	}
	return true
}

// port adds 80, tcp:80 or icmp:echo-request; a port alone is TCP's, as ipset has it.
func (r *request) port(s string, withProtocol bool) bool {
	name, port, given := strings.Cut(s, ":")
	proto := 6
	if !given {
		name, port = "", s
	}
	if given {
		if proto = protocolNumber(name); proto < 0 || !withProtocol {
			return false
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if names := map[int]map[[2]uint8]string{1: icmpCodes(), 58: icmp6Codes()}[proto]; names != nil {
		typ, code, _ := strings.Cut(port, "/")
		t, terr := strconv.ParseUint(typ, 10, 8)
		c, cerr := strconv.ParseUint(code, 10, 8)
		n, err = t<<8|c, cerr
		if terr != nil {
			err = terr
		}
		for k, v := range names {
			if v == port {
				n, err = uint64(k[0])<<8|uint64(k[1]), nil
			}
		}
	}
	r.add(ipsetPort|netOrder, inBytes(n, 2)...)
	if withProtocol {
		r.add(ipsetProto, uint8(proto))
	}
	return err == nil
}

// protocolNumber is the inverse of protocol, and knows the other names that ipset(8)
// takes; -1 is none.
func protocolNumber(s string) int {
	if s == "icmpv6" {
		return 58
	}
	for n := range 256 {
		if protocol(uint8(n)) == s {
			return n
		}
	}
	return -1
}

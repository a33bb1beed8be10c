package record

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"net/netip"
)

// Addresses are replaced bit by bit: whether a bit is turned round depends on the key and
// on all bits before it (Xu, Fan, Ammar, Moon: Prefix-preserving IP address
// anonymization, 2002). So two addresses share as many leading bits afterwards as before,
// and no two become one. On the way to a prefix that has a meaning no bit is turned, so
// what has the meaning keeps it and nothing else gets it.

// bitSource gives bits that only the key tells.
type bitSource struct{ block cipher.Block }

func newBitSource(key []byte) bitSource {
	b, _ := aes.NewCipher(key[:32]) // the length is one
	return bitSource{b}
}

// bit is the one that belongs to the first n bits of a.
func (s bitSource) bit(a [16]byte, n int, family byte) byte {
	for i := n; i < 128; i++ {
		a[i/8] &^= 0x80 >> (i % 8)
	}
	// The place and the family are what tells prefixes with the same bits apart; they go
	// through the cipher first.
	var at, out [16]byte
	binary.BigEndian.PutUint16(at[:], uint16(n))
	at[2] = family
	s.block.Encrypt(out[:], at[:])
	for i := range out {
		out[i] ^= a[i]
	}
	s.block.Encrypt(out[:], out[:])
	return out[0] & 1
}

// meaning is a prefix whose addresses are known by it. Of those whole ones nothing is
// changed at all.
type meaning struct {
	prefix netip.Prefix
	whole  bool
}

func meanings() []meaning {
	var out []meaning
	for _, s := range []string{"10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
		"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "233.252.0.0/24", "239.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4",
		"fc00::/7", "fe80::/64", "fe80::/10", "2000::/3", "2001:db8::/32", "3fff::/20", "2002::/16", "ff02::1:ff00:0/104", "100::/64"} {
		out = append(out, meaning{netip.MustParsePrefix(s), false})
	}
	for _, s := range []string{"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/24", "255.255.255.255/32", "::/128", "::1/128"} {
		out = append(out, meaning{netip.MustParsePrefix(s), true})
	}
	for _, scope := range "12345 8e" { // multicast: scope and group 0 to ffff are well known
		if scope != ' ' {
			out = append(out, meaning{netip.MustParsePrefix("ff0" + string(scope) + "::/16"), false}, meaning{netip.MustParsePrefix("ff0" + string(scope) + "::/112"), true})
		}
	}
	return out
}

// embedded are prefixes that hold an IPv4 address: mapped, and NAT64 (RFC 6052).
func embedded() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("::ffff:0:0/96"), netip.MustParsePrefix("64:ff9b::/96")}
}

// Addr gives the address that stands for a.
func (r *Redactor) Addr(a netip.Addr) netip.Addr {
	if !a.IsValid() {
		return a
	}
	if b, ok := r.addrs[a]; ok {
		return b
	}
	if len(r.addrs) >= kept {
		clear(r.addrs)
	}
	b := r.replace(a.WithZone("")).WithZone(a.Zone())
	r.addrs[a] = b
	return b
}

func (r *Redactor) replace(a netip.Addr) netip.Addr {
	for _, p := range embedded() {
		if a.Is6() && p.Contains(a) || a.Is4In6() {
			b := a.As16()
			v4 := r.replace(netip.AddrFrom4([4]byte(b[12:]))).As4()
			copy(b[12:], v4[:])
			return netip.AddrFrom16(b)
		}
	}
	var bits [16]byte
	family := byte(4)
	if a.Is4() {
		b := a.As4()
		copy(bits[:], b[:])
	} else {
		bits, family = a.As16(), 6
	}
	// upTo is how many leading bits lead to a meaning: none of them is turned.
	out, upTo := bits, 0
	for _, m := range r.meant {
		if m.prefix.Addr().Is4() != a.Is4() {
			continue
		}
		if m.prefix.Contains(a) {
			if m.whole {
				return a
			}
			upTo = max(upTo, m.prefix.Bits())
			continue
		}
		upTo = max(upTo, common(m.prefix.Addr(), a)+1) // that it parts here is kept too
	}
	for i := upTo; i < a.BitLen(); i++ {
		out[i/8] ^= r.bits.bit(bits, i, family) << (7 - i%8)
	}
	if a.Is4() {
		return netip.AddrFrom4([4]byte(out[:4]))
	}
	return netip.AddrFrom16(out)
}

// common is how many leading bits two addresses of one family share.
func common(a, b netip.Addr) int {
	x, y := a.AsSlice(), b.AsSlice()
	for i := range x {
		for k := range 8 {
			if (x[i]^y[i])&(0x80>>k) != 0 {
				return 8*i + k
			}
		}
	}
	return 8 * len(x)
}

// prefix gives what stands for a subnet, or for an address with the length of its subnet.
func (r *Redactor) prefix(p netip.Prefix) netip.Prefix {
	q := netip.PrefixFrom(r.Addr(p.Addr()), p.Bits())
	if p == p.Masked() {
		return q.Masked()
	}
	return q
}

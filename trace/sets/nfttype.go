package sets

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/big"
	"math/bits"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// datatype is one of nft's (nftables, include/datatype.h). The kernel keeps the number
// for whoever lists the set; six bits each in a concatenation.
type datatype struct {
	name string
	size int  // in bytes, 0 where it varies
	host bool // kept in the host's byte order, but in an interval
	// print prints a value in the network's byte order.
	print func([]byte) string
	// prefix is true where a range may be printed as one.
	prefix bool
}

// datatypeOf gives nft's type of a number; ok is false for one that is not known.
func datatypeOf(n uint32) (t datatype, ok bool) {
	switch n {
	case 2:
		t = datatype{"nf_proto", 1, false, symbol(decimal, "2 ipv4", "10 ipv6"), false}
	case 3:
		t = datatype{"bitmask", 0, false, hex, false}
	case 4:
		t = datatype{"integer", 0, false, decimal, false}
	case 5:
		t = datatype{"string", 0, true, quoted, false}
	case 6:
		t = datatype{"ll_addr", 0, false, ether, false}
	case 7:
		t = datatype{"ipv4_addr", 4, false, address, true}
	case 8:
		t = datatype{"ipv6_addr", 16, false, address, true}
	case 9:
		t = datatype{"ether_addr", 6, false, ether, false}
	case 10:
		t = datatype{"ether_type", 2, false, symbol(hex4, "2048 ip", "2054 arp", "34525 ip6", "33024 8021q", "34984 8021ad"), false}
	case 11:
		t = datatype{"arp_op", 2, false, symbol(decimal, "1 request", "2 reply", "3 rrequest", "4 rreply", "8 inrequest", "9 inreply", "10 nak"), false}
	case 12:
		t = datatype{"inet_proto", 1, false, func(b []byte) string { return protocol(b[len(b)-1]) }, false}
	case 13:
		t = datatype{"inet_service", 2, false, decimal, false}
	case 14:
		t = datatype{"icmp_type", 1, false, symbol(decimal, "0 echo-reply", "3 destination-unreachable", "4 source-quench", "5 redirect", "8 echo-request",
			"9 router-advertisement", "10 router-solicitation", "11 time-exceeded", "12 parameter-problem", "13 timestamp-request", "14 timestamp-reply",
			"15 info-request", "16 info-reply", "17 address-mask-request", "18 address-mask-reply"), false}
	case 15:
		t = datatype{"tcp_flag", 1, false, flags("1 fin", "2 syn", "4 rst", "8 psh", "16 ack", "32 urg", "64 ecn", "128 cwr"), false}
	case 16:
		t = datatype{"dccp_pkttype", 1, false, symbol(decimal, "0 request", "1 response", "2 data", "3 ack", "4 dataack", "5 closereq", "6 close", "7 reset", "8 sync", "9 syncack"), false}
	case 17:
		t = datatype{"mh_type", 1, false, symbol(decimal, "0 binding-refresh-request", "1 home-test-init", "2 careof-test-init", "3 home-test", "4 careof-test",
			"5 binding-update", "6 binding-acknowledgement", "7 binding-error", "8 fast-binding-update", "9 fast-binding-acknowledgement",
			"10 fast-binding-advertisement", "11 experimental-mobility-header", "12 home-agent-switch-message"), false}
	case 19:
		t = datatype{"mark", 4, true, hex8, false}
	case 20:
		t = datatype{"iface_index", 4, true, decimal, false}
	case 21:
		t = datatype{"iface_type", 2, true, symbol(decimal, "1 ether", "512 ppp", "768 ipip", "769 ipip6", "772 loopback", "776 sit", "778 ipgre"), false}
	case 22:
		t = datatype{"realm", 4, true, decimal, false}
	case 23:
		t = datatype{"classid", 4, true, classID, false}
	case 24:
		t = datatype{"uid", 4, true, decimal, false}
	case 25:
		t = datatype{"gid", 4, true, decimal, false}
	case 26:
		t = datatype{"ct_state", 4, true, flags("1 invalid", "2 established", "4 related", "8 new", "64 untracked"), false}
	case 27:
		t = datatype{"ct_dir", 1, false, symbol(decimal, "0 original", "1 reply"), false}
	case 28:
		t = datatype{"ct_status", 4, true, flags("1 expected", "2 seen-reply", "4 assured", "8 confirmed", "16 snat", "32 dnat", "512 dying"), false}
	case 29:
		t = datatype{"icmpv6_type", 1, false, symbol(decimal, "1 destination-unreachable", "2 packet-too-big", "3 time-exceeded", "4 parameter-problem",
			"128 echo-request", "129 echo-reply", "130 mld-listener-query", "131 mld-listener-report", "132 mld-listener-done", "133 nd-router-solicit",
			"134 nd-router-advert", "135 nd-neighbor-solicit", "136 nd-neighbor-advert", "137 nd-redirect", "138 router-renumbering",
			"141 ind-neighbor-solicit", "142 ind-neighbor-advert", "143 mld2-listener-report"), false}
	case 30:
		t = datatype{"ct_label", 16, true, hex, false}
	case 31:
		t = datatype{"pkt_type", 1, false, symbol(decimal, "0 host", "1 broadcast", "2 multicast", "3 other"), false}
	case 32:
		t = datatype{"icmp_code", 1, false, symbol(decimal, "0 net-unreachable", "1 host-unreachable", "2 prot-unreachable", "3 port-unreachable",
			"4 frag-needed", "9 net-prohibited", "10 host-prohibited", "13 admin-prohibited"), false}
	case 33:
		t = datatype{"icmpv6_code", 1, false, symbol(decimal, "0 no-route", "1 admin-prohibited", "3 addr-unreachable", "4 port-unreachable", "5 policy-fail", "6 reject-route"), false}
	case 34:
		t = datatype{"icmpx_code", 1, false, symbol(decimal, "0 no-route", "1 port-unreachable", "2 host-unreachable", "3 admin-prohibited"), false}
	case 35:
		t = datatype{"devgroup", 4, true, symbol(decimal, `0 "default"`), false}
	case 36:
		t = datatype{"dscp", 1, false, symbol(hex2, "0 cs0", "8 cs1", "16 cs2", "24 cs3", "32 cs4", "40 cs5", "48 cs6", "56 cs7", "1 lephb",
			"10 af11", "12 af12", "14 af13", "18 af21", "20 af22", "22 af23", "26 af31", "28 af32", "30 af33", "34 af41", "36 af42", "38 af43", "44 va", "46 ef"), false}
	case 37:
		t = datatype{"ecn", 1, false, symbol(decimal, "0 not-ect", "1 ect1", "2 ect0", "3 ce"), false}
	case 38:
		t = datatype{"fib_addrtype", 4, true, symbol(decimal, "0 unspec", "1 unicast", "2 local", "3 broadcast", "4 anycast", "5 multicast", "6 blackhole", "7 unreachable", "8 prohibit"), false}
	case 39:
		t = datatype{"boolean", 1, true, symbol(decimal, "1 exists", "0 missing"), false}
	case 41:
		t = datatype{"ifname", 16, true, quoted, false}
	case 42:
		t = datatype{"igmp_type", 1, false, symbol(decimal, "17 membership-query", "18 membership-report-v1", "22 membership-report-v2", "34 membership-report-v3", "23 leave-group"), false}
	case 43:
		t = datatype{"time", 8, true, moment, false}
	case 44:
		t = datatype{"hour", 4, true, hour, false}
	case 45:
		t = datatype{"day", 1, false, symbol(decimal, `0 "Sunday"`, `1 "Monday"`, `2 "Tuesday"`, `3 "Wednesday"`, `4 "Thursday"`, `5 "Friday"`, `6 "Saturday"`), false}
	case 46:
		t = datatype{"cgroupsv2", 8, true, decimal, false}
	default:
		return datatype{name: "type-" + strconv.FormatUint(uint64(n), 10), print: hex}, false
	}
	return t, true
}

// parts splits the number of a concatenation into those of its types.
func parts(n uint32) (list []uint32) {
	for ; n > 0; n >>= 6 {
		list = append(list, n&0x3f)
	}
	slices.Reverse(list)
	return list
}

// concatenated tells whether keys of this type have several parts.
func concatenated(n uint32) bool { return n > 0x3f }

// typeName prints ipv4_addr . inet_service.
func typeName(n uint32) string {
	var names []string
	for _, p := range parts(n) {
		t, _ := datatypeOf(p)
		names = append(names, t.name)
	}
	if names == nil {
		return "type-0"
	}
	return strings.Join(names, " . ")
}

// valueText prints a key or a value of a type, from v to last where last is not nil.
// unknown says what it could not understand.
func valueText(typ, order uint32, interval bool, fields []uint32, v, last []byte) (s, unknown string) {
	kinds := parts(typ)
	if len(kinds) < 2 {
		t, ok := datatypeOf(typ)
		if !ok {
			unknown = t.name
		}
		if (t.host || order == 1) && !interval && !t.string() {
			v = reversed(v)
		}
		return t.span(v, last), unknown
	}
	sizes, ok := fieldSizes(kinds, fields, len(v))
	if !ok || last != nil && len(last) != len(v) {
		return "0x" + fmt.Sprintf("%x", v), "a key of " + strconv.Itoa(len(v)) + " bytes of type " + typeName(typ)
	}
	var out []string
	for i, k := range kinds {
		t, ok := datatypeOf(k)
		if !ok {
			unknown = t.name
		}
		lo, hi := v[:sizes[i]], []byte(nil)
		if last != nil {
			hi = last[:sizes[i]]
		}
		if t.host && !interval && !t.string() {
			lo, hi = reversed(lo), reversed(hi)
		}
		out = append(out, t.span(lo, hi))
		n := min((sizes[i]+3)&^3, len(v)) // each part begins at a register
		v = v[n:]
		if last != nil {
			last = last[n:]
		}
	}
	return strings.Join(out, " . "), unknown
}

// fieldSizes gives the bytes of each part of a concatenation: what the kernel said, else
// what the types have. One that varies has what the others leave.
func fieldSizes(kinds, fields []uint32, total int) (sizes []int, ok bool) {
	sum, vary := 0, -1
	for i, k := range kinds {
		t, _ := datatypeOf(k)
		n := t.size
		if len(fields) == len(kinds) {
			n = int(min(fields[i], 64))
		}
		if n == 0 {
			if vary >= 0 {
				return nil, false
			}
			vary = i
		}
		sizes = append(sizes, n)
		sum += (n + 3) &^ 3
	}
	if vary >= 0 && total > sum {
		sizes[vary] = total - sum
		sum = total
	}
	return sizes, sum == total
}

// reversed turns host's into network's byte order.
func reversed(b []byte) []byte {
	if b == nil || binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return b
	}
	b = slices.Clone(b)
	slices.Reverse(b)
	return b
}

func hostUint32(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }

// span prints a value, a prefix or a range.
func (t datatype) span(lo, hi []byte) string {
	if t.size > 0 && len(lo) > t.size && len(hi) <= len(lo) && t.name != "ifname" { // padded to a register
		lo, hi = lo[:t.size], hi[:min(len(hi), t.size)]
	}
	if len(lo) == 0 {
		return ""
	}
	if hi == nil || bytes.Equal(lo, hi) {
		return t.print(lo)
	}
	n, ok := prefix(lo, hi)
	switch {
	case ok && t.prefix:
		return t.print(lo) + "/" + strconv.Itoa(n)
	case ok && n%8 == 0 && t.string():
		return `"` + text(lo[:n/8]) + `*"`
	}
	return t.print(lo) + "-" + t.print(hi)
}

// prefix gives the length of the prefix that a range is, if it is one.
func prefix(lo, hi []byte) (n int, ok bool) {
	if len(lo) != len(hi) {
		return 0, false
	}
	for i := range lo {
		x := lo[i] ^ hi[i]
		if x == 0 {
			n += 8
			continue
		}
		free := bits.Len8(x)
		if mask := byte(1<<free - 1); x != mask || lo[i]&mask != 0 {
			return 0, false
		}
		for j := i + 1; j < len(lo); j++ {
			if lo[j] != 0 || hi[j] != 0xff {
				return 0, false
			}
		}
		return n + 8 - free, true
	}
	return n, true
}

func whole(b []byte) uint64 {
	n, _ := number(b[max(0, len(b)-8):])
	return n
}

func decimal(b []byte) string { return new(big.Int).SetBytes(b).String() }
func hex(b []byte) string     { return fmt.Sprintf("0x%0*x", len(b)*2, new(big.Int).SetBytes(b)) }
func hex2(b []byte) string    { return fmt.Sprintf("0x%02x", whole(b)) }
func hex4(b []byte) string    { return fmt.Sprintf("0x%04x", whole(b)) }
func hex8(b []byte) string    { return fmt.Sprintf("0x%08x", whole(b)) }
func ether(b []byte) string   { return net.HardwareAddr(b).String() }
func quoted(b []byte) string  { return `"` + text(b) + `"` }

func address(b []byte) string {
	ip, ok := netip.AddrFromSlice(b)
	if !ok {
		return hex(b)
	}
	return addr(ip)
}

func classID(b []byte) string {
	n := uint32(whole(b))
	return fmt.Sprintf("%x:%x", n>>16, n&0xffff)
}

// moment prints nanoseconds since 1970 in local time, as nft does.
func moment(b []byte) string {
	return time.Unix(0, int64(whole(b))).Format(`"2006-01-02 15:04:05"`)
}

// hour prints a time of the day, which the kernel has in UTC, in local time.
func hour(b []byte) string {
	_, east := time.Now().Zone()
	n := (int64(uint32(whole(b))) + int64(east) + 86400) % 86400
	if n%60 == 0 {
		return fmt.Sprintf(`"%02d:%02d"`, n/3600, n/60%60)
	}
	return fmt.Sprintf(`"%02d:%02d:%02d"`, n/3600, n/60%60, n%60)
}

// symbol prints a number by name where it has one: "8 echo-request".
func symbol(other func([]byte) string, names ...string) func([]byte) string {
	return func(b []byte) string {
		n := strconv.FormatUint(whole(b), 10)
		for _, s := range names {
			if num, name, _ := strings.Cut(s, " "); num == n {
				return name
			}
		}
		return other(b)
	}
}

// flags prints a set of bits by their names.
func flags(names ...string) func([]byte) string {
	return func(b []byte) string {
		n := whole(b)
		var out []string
		for _, s := range names {
			num, name, _ := strings.Cut(s, " ")
			if bit, err := strconv.ParseUint(num, 10, 64); err == nil && n&bit != 0 {
				out = append(out, name)
				n &^= bit
			}
		}
		if n != 0 || out == nil {
			return hex(b)
		}
		return strings.Join(out, ",")
	}
}

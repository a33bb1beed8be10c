package sets

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"nfscope/model/set"
)

// ipsetElement is a member of an ipset as the kernel says it.
type ipsetElement struct {
	ip, ipTo, ip2, ip2To     string
	mac, iface, setName      string
	cidr, cidr2              string
	port, portTo             uint64
	proto                    uint8
	mark                     uint64
	hasProto, hasTo, hasMark bool
	flags                    uint32
	bytes, packets           uint64
	counters                 bool
	before                   string
	unknown                  []string
	more                     []string
	m                        set.Member
}

// decodeIPSetMember reads one member of a set of this type: bitmap:port, hash:ip,port,net.
func decodeIPSetMember(typ string, b []byte) (set.Member, error) {
	var e ipsetElement
	if err := attrs(b, e.attr); err != nil {
		return set.Member{}, err
	}
	return e.member(typ), nil
}

func (e *ipsetElement) attr(typ uint16, v []byte) (err error) {
	switch typ {
	case ipsetIP:
		e.ip, err = ipText(v)
	case ipsetIPTo:
		e.ipTo, err = ipText(v)
	case ipsetIP2:
		e.ip2, err = ipText(v)
	case ipsetIP2To:
		e.ip2To, err = ipText(v)
	case ipsetCIDR:
		e.cidr, err = cidrText(v)
	case ipsetCIDR2:
		e.cidr2, err = cidrText(v)
	case ipsetPort:
		err = count(v, &e.port)
	case ipsetPortTo:
		e.hasTo = true
		err = count(v, &e.portTo)
	case ipsetTimeout:
		var seconds uint32
		err = count(v, &seconds)
		e.m.Ends, e.m.Left = true, time.Duration(seconds)*time.Second
	case ipsetProto:
		e.hasProto = true
		err = count(v, &e.proto)
	case ipsetCADTFlags:
		err = count(v, &e.flags)
	case ipsetMark:
		e.hasMark = true
		err = count(v, &e.mark)
	case ipsetEther:
		e.mac = strings.ToUpper(net.HardwareAddr(v).String())
	case ipsetName:
		e.setName = text(v)
	case ipsetNameRef:
		e.before = text(v)
	case ipsetIface:
		e.iface = text(v)
	case ipsetBytes:
		e.counters = true
		err = count(v, &e.bytes)
	case ipsetPackets:
		e.counters = true
		err = count(v, &e.packets)
	case ipsetComment:
		e.m.Comment = text(v)
	case ipsetSKBMark:
		err = e.skbMark(v)
	case ipsetSKBPrio:
		var n uint32
		err = count(v, &n)
		e.more = append(e.more, fmt.Sprintf("skbprio %x:%x", n>>16, n&0xffff))
	case ipsetSKBQueue:
		var n uint16
		err = count(v, &n)
		e.more = append(e.more, fmt.Sprintf("skbqueue %d", n))
	case ipsetLine, ipsetPad:
	default:
		e.unknown = append(e.unknown, fmt.Sprintf("attribute %d of %d bytes", typ, len(v)))
	}
	return err
}

// skbMark reads a mark and its mask, in one number.
func (e *ipsetElement) skbMark(v []byte) error {
	var n uint64
	err := count(v, &n)
	s := fmt.Sprintf("skbmark 0x%x", n>>32)
	if mask := uint32(n); mask != 0xffffffff {
		s += fmt.Sprintf("/0x%x", mask)
	}
	e.more = append(e.more, s)
	return err
}

func cidrText(v []byte) (string, error) {
	var n uint8
	err := count(v, &n)
	return "/" + strconv.Itoa(int(n)), err
}

// host leaves out the mask of a single address.
func host(ip, cidr string) string {
	if cidr == "/32" && !strings.Contains(ip, ":") || cidr == "/128" {
		return ip
	}
	return ip + cidr
}

func span(from, to string) string {
	if to == "" || to == from {
		return from
	}
	return from + "-" + to
}

// member prints the element: its parts in the order in which the type names them.
func (e *ipsetElement) member(typ string) set.Member {
	m := e.m
	_, dims, _ := strings.Cut(typ, ":")
	var parts []string
	addresses := 0
	for _, d := range strings.Split(dims, ",") {
		p := ""
		switch d {
		case "ip", "net":
			if addresses++; addresses == 1 {
				p = host(span(e.ip, e.ipTo), e.cidr)
			} else {
				p = host(span(e.ip2, e.ip2To), e.cidr2)
			}
		case "port":
			p = e.portText()
		case "mark":
			p = fmt.Sprintf("0x%08x", e.mark)
		case "mac":
			p = e.mac
		case "iface":
			p = e.iface
			if e.flags&ipsetFlagPhysdev != 0 {
				p = "physdev:" + p
			}
		case "set":
			p = e.setName
		default:
			e.unknown = append(e.unknown, "part "+strconv.Quote(d)+" of type "+strconv.Quote(typ))
		}
		if p != "" { // bitmap:ip,mac has members whose MAC is not known yet
			parts = append(parts, p)
		}
	}
	m.Text = strings.Join(parts, ",")
	m.NoMatch = e.flags&ipsetFlagNoMatch != 0
	m.Wildcard = e.flags&ipsetFlagWildcard != 0
	m.Counters.Valid, m.Counters.Packets, m.Counters.Bytes = e.counters, e.packets, e.bytes
	m.More = strings.Join(e.more, " ")
	if e.before != "" {
		e.unknown = append(e.unknown, "a place relative to "+e.before)
	}
	m.Unknown = strings.Join(e.unknown, ", ")
	return m
}

// portText prints tcp:80, icmp:echo-request, gre:0, or a port alone.
func (e *ipsetElement) portText() string {
	port := strconv.FormatUint(e.port, 10)
	if e.hasTo && e.portTo != e.port {
		port += "-" + strconv.FormatUint(e.portTo, 10)
	}
	if !e.hasProto {
		return port
	}
	switch e.proto {
	case 1:
		port = icmpText(icmpCodes(), uint16(e.port))
	case 58:
		port = icmpText(icmp6Codes(), uint16(e.port))
	}
	return protocol(e.proto) + ":" + port
}

// icmpText prints a type and code, by name where there is one.
func icmpText(names map[[2]uint8]string, typeCode uint16) string {
	if n, ok := names[[2]uint8{uint8(typeCode >> 8), uint8(typeCode)}]; ok {
		return n
	}
	return fmt.Sprintf("%d/%d", typeCode>>8, typeCode&0xff)
}

package sets

import "encoding/binary"

// Numbers of linux/netlink.h and linux/netfilter/nfnetlink.h, which are needed on every
// system because this file builds on each.
const (
	msgError = 2
	msgDone  = 3

	flagRequest = 1
	flagAck     = 4
	flagDump    = 0x300
	flagIntr    = 0x10

	subsystemIPSet = 6
	subsystemNFT   = 10
)

// header is what is used of struct nlmsghdr.
type header struct {
	typ, flags uint16
	seq        uint32
}

// splitMessage cuts one netlink message off (linux/netlink.h, struct nlmsghdr).
func splitMessage(b []byte) (h header, body, rest []byte, err error) {
	if len(b) < 16 {
		return h, nil, nil, errCut
	}
	n := uint64(binary.NativeEndian.Uint32(b))
	if n < 16 || n > uint64(len(b)) {
		return h, nil, nil, errCut
	}
	h.typ = binary.NativeEndian.Uint16(b[4:])
	h.flags = binary.NativeEndian.Uint16(b[6:])
	h.seq = binary.NativeEndian.Uint32(b[8:])
	return h, b[16:n], b[min((n+3)&^3, uint64(len(b))):], nil
}

// errno reads the negative error number that NLMSG_ERROR and NLMSG_DONE begin with; 0
// is no error.
func errno(b []byte) int {
	if len(b) < 4 {
		return 0
	}
	return max(0, -int(int32(binary.NativeEndian.Uint32(b))))
}

// The requests.

func askProtocol() request {
	r := newRequest(subsystemIPSet, ipsetCmdProtocol, flagRequest, 2)
	r.add(ipsetAttrProtocol, ipsetProtocol)
	return r
}

// askIPSets asks for one ipset, or all where name is "".
func askIPSets(version uint8, name string, headers bool) request {
	r := newRequest(subsystemIPSet, ipsetCmdList, flagRequest|flagDump, 2)
	r.add(ipsetAttrProtocol, version)
	if name != "" {
		r.name(ipsetAttrSetName, name)
	}
	if headers {
		r.add(ipsetAttrFlags|netOrder, 0, 0, 0, ipsetFlagListHeader)
	}
	return r
}

// netOrder marks a number as big-endian (NLA_F_NET_BYTEORDER): ipset insists.
const netOrder = 1 << 14

// askIPSetTest asks whether an ipset has a member: the answer is an error number.
func askIPSetTest(version uint8, name string, member request) request {
	r := newRequest(subsystemIPSet, ipsetCmdTest, flagRequest|flagAck, 2)
	r.add(ipsetAttrProtocol, version)
	r.name(ipsetAttrSetName, name)
	r.add(ipsetAttrData|nested, member...)
	return r
}

func askNFTSets() request { return newRequest(subsystemNFT, nftMsgGetSet, flagRequest|flagDump, 0) }

func askNFTSet(family byte, table, name string) request {
	r := newRequest(subsystemNFT, nftMsgGetSet, flagRequest, family)
	r.name(nftSetTable, table)
	r.name(nftSetName, name)
	return r
}

func askElements(family byte, table, name string) request {
	r := newRequest(subsystemNFT, nftMsgGetSetElem, flagRequest|flagDump, family)
	r.name(nftListTable, table)
	r.name(nftListSet, name)
	return r
}

// askElement asks for one element: its attributes, as splitElement reads them.
func askElement(family byte, table, name string, attributes request) request {
	r := newRequest(subsystemNFT, nftMsgGetSetElem, flagRequest, family)
	r.name(nftListTable, table)
	r.name(nftListSet, name)
	var e, list request
	e.add(1|nested, attributes...) // NFTA_LIST_ELEM
	list.add(nftListElements|nested, e...)
	return append(r, list...)
}

// nested marks attributes within an attribute (NLA_F_NESTED).
const nested = 1 << 15

package sets

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"nfscope/model"
	"nfscope/model/set"
)

// Numbers of linux/netfilter/ipset/ip_set.h.
const (
	ipsetProtocol = 7 // what this file speaks; kernels before 5.0 speak 6

	ipsetCmdProtocol = 1
	ipsetCmdList     = 7
	ipsetCmdTest     = 11

	ipsetErrExist = 4103 // what IPSET_CMD_TEST says of no member

	ipsetFlagListHeader = 1 << 2

	// At command level.
	ipsetAttrProtocol    = 1
	ipsetAttrSetName     = 2
	ipsetAttrTypeName    = 3
	ipsetAttrRevision    = 4
	ipsetAttrFamily      = 5
	ipsetAttrFlags       = 6
	ipsetAttrData        = 7
	ipsetAttrADT         = 8
	ipsetAttrProtocolMin = 10

	// In the header's data and in a member.
	ipsetIP        = 1
	ipsetIPTo      = 2
	ipsetCIDR      = 3
	ipsetPort      = 4
	ipsetPortTo    = 5
	ipsetTimeout   = 6
	ipsetProto     = 7
	ipsetCADTFlags = 8
	ipsetLine      = 9
	ipsetMark      = 10
	ipsetMarkMask  = 11
	ipsetBitmask   = 12

	// In the header's data only.
	ipsetInitVal    = 17
	ipsetHashSize   = 18
	ipsetMaxElem    = 19
	ipsetNetmask    = 20
	ipsetBucketSize = 21
	ipsetSize       = 23
	ipsetElements   = 24
	ipsetReferences = 25
	ipsetMemSize    = 26

	// In a member only.
	ipsetEther    = 17
	ipsetName     = 18
	ipsetNameRef  = 19
	ipsetIP2      = 20
	ipsetCIDR2    = 21
	ipsetIP2To    = 22
	ipsetIface    = 23
	ipsetBytes    = 24
	ipsetPackets  = 25
	ipsetComment  = 26
	ipsetSKBMark  = 27
	ipsetSKBPrio  = 28
	ipsetSKBQueue = 29
	ipsetPad      = 30

	ipsetFlagPhysdev  = 1 << 1
	ipsetFlagNoMatch  = 1 << 2
	ipsetFlagCounters = 1 << 3
	ipsetFlagComment  = 1 << 4
	ipsetFlagForceAdd = 1 << 5
	ipsetFlagSKBInfo  = 1 << 6
	ipsetFlagWildcard = 1 << 7
)

// ipsetVersions reads the answer to IPSET_CMD_PROTOCOL: the protocol to speak.
func ipsetVersions(b []byte) (speak uint8, err error) {
	if len(b) < 4 {
		return 0, errCut
	}
	v, oldest := find(b[4:], ipsetAttrProtocol), find(b[4:], ipsetAttrProtocolMin)
	if len(v) != 1 {
		return 0, errCut
	}
	speak = min(v[0], ipsetProtocol)
	if speak < 6 || len(oldest) == 1 && oldest[0] > ipsetProtocol {
		return 0, fmt.Errorf("the kernel speaks version %d of ipset's protocol; 6 and 7 are understood here", v[0])
	}
	return speak, nil
}

// ipsetMessage is one message of an IPSET_CMD_LIST dump: a part of a set. The first
// part of each set has the header; all have the name.
type ipsetMessage struct {
	name   string
	head   bool
	header []byte // attributes of the message
	data   []byte // of the header
	adt    []byte // members
}

func splitIPSet(b []byte) (m ipsetMessage, err error) {
	if len(b) < 4 {
		return m, errCut
	}
	m.header = b[4:]
	err = attrs(m.header, func(typ uint16, v []byte) error {
		switch typ {
		case ipsetAttrSetName:
			m.name = text(v)
		case ipsetAttrTypeName:
			m.head = true
		case ipsetAttrData:
			m.data = v
		case ipsetAttrADT:
			m.adt = v
		}
		return nil
	})
	if err == nil && m.name == "" {
		err = errors.New("a message of ipset without the name of a set")
	}
	return m, err
}

// decodeIPSet reads the header of a set.
func decodeIPSet(m ipsetMessage) (s set.Set, err error) {
	s.Name = m.name
	err = attrs(m.header, func(typ uint16, v []byte) error {
		switch typ {
		case ipsetAttrTypeName:
			s.Type = text(v)
		case ipsetAttrRevision:
			return count(v, &s.Revision)
		case ipsetAttrFamily:
			return count((v), (*uint8)(&s.Addresses))
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	o := ipsetOptions{set: &s}
	if err := attrs(m.data, o.attr); err != nil {
		return s, err
	}
	o.finish()
	return s, nil
}

// ipsetOptions gathers a header, to be printed in the program's order.
type ipsetOptions struct {
	set                             *set.Set
	from, to, netmask, bitmask      string
	cidr, portFrom, portTo          uint64
	hashsize, maxelem, bucket, size uint64
	initval, markmask, timeout      uint64
	hasInit, hasMark, hasPort       bool
	hasTimeout                      bool
	flags                           uint32
}

func (o *ipsetOptions) attr(typ uint16, v []byte) (err error) {
	switch typ {
	case ipsetIP:
		o.from, err = ipText(v)
	case ipsetIPTo:
		o.to, err = ipText(v)
	case ipsetBitmask:
		o.bitmask, err = ipText(v)
	case ipsetCIDR:
		err = count(v, &o.cidr)
	case ipsetPort:
		o.hasPort = true
		err = count(v, &o.portFrom)
	case ipsetPortTo:
		err = count(v, &o.portTo)
	case ipsetTimeout:
		o.hasTimeout = true
		err = count(v, &o.timeout)
	case ipsetCADTFlags:
		err = count(v, &o.flags)
	case ipsetMarkMask:
		o.hasMark = true
		err = count(v, &o.markmask)
	case ipsetInitVal:
		o.hasInit = true
		err = count(v, &o.initval)
	case ipsetHashSize:
		err = count(v, &o.hashsize)
	case ipsetMaxElem:
		err = count(v, &o.maxelem)
	case ipsetNetmask:
		var n uint8
		err = count(v, &n)
		o.netmask = strconv.Itoa(int(n))
	case ipsetBucketSize:
		err = count(v, &o.bucket)
	case ipsetSize:
		err = count(v, &o.size)
	case ipsetElements:
		o.set.CountKnown = true
		err = count(v, &o.set.Count)
	case ipsetReferences:
		err = count(v, &o.set.References)
	case ipsetMemSize:
		err = count(v, &o.set.Memory)
	}
	return err
}

// finish writes what was gathered into the set.
func (o *ipsetOptions) finish() {
	s := o.set
	var b []string
	add := func(have bool, format string, args ...any) {
		if have {
			b = append(b, fmt.Sprintf(format, args...))
		}
	}
	hash := strings.HasPrefix(s.Type, "hash:")
	switch {
	case o.hasPort:
		add(true, "range %d-%d", o.portFrom, o.portTo)
	case o.from != "" && o.to != "":
		add(true, "range %s-%s", o.from, o.to)
	case o.from != "" && !hash:
		add(true, "range %s/%d", o.from, o.cidr)
	}
	add(hash && s.Type != "hash:mac", "family %s", map[model.Family]string{model.FamilyIPv4: "inet", model.FamilyIPv6: "inet6"}[s.Addresses])
	add(o.hasMark, "markmask 0x%08x", o.markmask)
	add(o.hashsize > 0, "hashsize %d", o.hashsize)
	add(o.maxelem > 0, "maxelem %d", o.maxelem)
	add(o.size > 0, "size %d", o.size)
	add(o.netmask != "", "netmask %s", o.netmask)
	add(o.hasTimeout, "timeout %d", o.timeout)
	for _, f := range []struct {
		bit  uint32
		word string
	}{{ipsetFlagCounters, "counters"}, {ipsetFlagComment, "comment"}, {ipsetFlagSKBInfo, "skbinfo"}, {ipsetFlagForceAdd, "forceadd"}} {
		if o.flags&f.bit != 0 {
			s.Flags = append(s.Flags, f.word)
			add(f.bit != ipsetFlagForceAdd, "%s", f.word) // ipset 7.17 does not print it
		}
	}
	if o.hasTimeout {
		s.Flags = append(s.Flags, "timeout")
	}
	add(o.bitmask != "", "bitmask %s", o.bitmask)
	add(o.bucket > 0, "bucketsize %d", o.bucket)
	add(o.hasInit, "initval 0x%08x", o.initval)
	s.Options = strings.Join(b, " ")
	s.Size = max(o.maxelem, o.size)
	s.Timeout = time.Duration(o.timeout) * time.Second
}

// ipText prints the address nested in an attribute.
func ipText(v []byte) (string, error) {
	_, a, _, err := cutAttr(v)
	if err != nil {
		return "", err
	}
	ip, ok := netip.AddrFromSlice(a)
	if !ok {
		return "", fmt.Errorf("an address of %d bytes", len(a))
	}
	return addr(ip), nil
}

// addr prints an address as inet_ntop(3) does: it knows the old form ::1.2.3.4.
func addr(ip netip.Addr) string {
	b := ip.As16()
	if ip.Is6() && [12]byte(b[:12]) == [12]byte{} && (b[12] != 0 || b[13] != 0) {
		return "::" + netip.AddrFrom4([4]byte(b[12:])).String()
	}
	return ip.String()
}

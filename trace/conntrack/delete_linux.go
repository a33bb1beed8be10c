package conntrack

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/flow"
)

// The attributes of a tuple (enum ctattr_tuple, ctattr_ip, ctattr_l4proto of
// nfnetlink_conntrack.h).
const (
	ctaTupleIP, ctaTupleProto, ctaTupleZone  = 1, 2, 3
	ctaIPv4Src, ctaIPv4Dst                   = 1, 2
	ctaIPv6Src, ctaIPv6Dst                   = 3, 4
	ctaProtoNum, ctaProtoSrc, ctaProtoDst    = 1, 2, 3
	ctaICMPID, ctaICMPType, ctaICMPCode      = 4, 5, 6
	ctaICMPv6ID, ctaICMPv6Type, ctaICMPv6Cod = 7, 8, 9
)

// Delete takes one entry out of the kernel's table: the one with this ID, zone and
// original tuple, and no other that may have taken its place. It says so where the entry
// is not there any more. (The library's Delete leaves the ID out, so that it would take
// whatever has the tuple.)
func (r *Reader) Delete(f *flow.Flow) error {
	doing := "deleting " + f.Orig.Tuple.String()
	conn, err := r.dial()
	if err != nil {
		return r.refused(doing, err)
	}
	defer conn.Close()
	data, err := deletion(f)
	if err != nil {
		return r.refused(doing, err)
	}
	_, err = conn.Execute(netlink.Message{Header: netlink.Header{Type: subFlow<<8 | msgDelete, Flags: netlink.Request | netlink.Acknowledge}, Data: data})
	switch {
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("%s in namespace %q: it is not there any more", doing, r.name)
	case err != nil:
		return r.refused(doing, err)
	}
	return nil
}

// deletion is the message's data behind its netlink header.
func deletion(f *flow.Flow) ([]byte, error) {
	t := f.Orig.Tuple
	family := byte(unix.AF_INET)
	if t.Src.Is6() {
		family = unix.AF_INET6
	}
	e := netlink.NewAttributeEncoder()
	e.ByteOrder = binary.BigEndian
	putTuple(e, ctaOrig, t, f.Orig.Zone)
	if f.Zone != 0 {
		e.Uint16(ctaZone, f.Zone)
	}
	e.Uint32(ctaID, f.ID)
	b, err := e.Encode()
	return append([]byte{family, 0, 0, 0}, b...), err
}

// putTuple writes a tuple as an attribute, with a zone of its direction alone where that is not 0.
func putTuple(e *netlink.AttributeEncoder, typ uint16, t model.Tuple, zone uint16) {
	e.Nested(typ, func(e *netlink.AttributeEncoder) error {
		e.Nested(ctaTupleIP, func(e *netlink.AttributeEncoder) error {
			src, dst := uint16(ctaIPv4Src), uint16(ctaIPv4Dst)
			if t.Src.Is6() {
				src, dst = ctaIPv6Src, ctaIPv6Dst
			}
			e.Bytes(src, t.Src.AsSlice())
			e.Bytes(dst, t.Dst.AsSlice())
			return nil
		})
		e.Nested(ctaTupleProto, func(e *netlink.AttributeEncoder) error {
			e.Uint8(ctaProtoNum, uint8(t.Proto))
			id, typ, code := uint16(ctaICMPID), uint16(ctaICMPType), uint16(ctaICMPCode)
			if t.Proto == model.ProtoICMPv6 {
				id, typ, code = ctaICMPv6ID, ctaICMPv6Type, ctaICMPv6Cod
			}
			if t.Proto.ICMP() {
				e.Uint16(id, t.SPort)
				e.Uint8(typ, uint8(t.DPort>>8))
				e.Uint8(code, uint8(t.DPort))
				return nil
			}
			e.Uint16(ctaProtoSrc, t.SPort)
			e.Uint16(ctaProtoDst, t.DPort)
			return nil
		})
		if zone != 0 {
			e.Uint16(ctaTupleZone, zone)
		}
		return nil
	})
}

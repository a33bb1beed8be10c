package sets

import (
	"encoding/binary"
	"errors"
)

var errCut = errors.New("netlink message cut short")

// cutAttr cuts one attribute off (linux/netlink.h, struct nlattr). The type comes
// without the nested and byte-order flags.
func cutAttr(b []byte) (typ uint16, v, rest []byte, err error) {
	if len(b) < 4 {
		return 0, nil, nil, errCut
	}
	n := int(binary.NativeEndian.Uint16(b))
	if n < 4 || n > len(b) {
		return 0, nil, nil, errCut
	}
	return binary.NativeEndian.Uint16(b[2:]) & 0x3fff, b[4:n], b[min((n+3)&^3, len(b)):], nil
}

// attrs calls fn with each attribute in b.
func attrs(b []byte, fn func(typ uint16, v []byte) error) error {
	for len(b) > 0 {
		typ, v, rest, err := cutAttr(b)
		if err != nil {
			return err
		}
		if err := fn(typ, v); err != nil {
			return err
		}
		b = rest
	}
	return nil
}

// find gives the first attribute of a type in b, nil where there is none.
func find(b []byte, want uint16) []byte {
	for len(b) > 0 {
		typ, v, rest, err := cutAttr(b)
		if err != nil {
			return nil
		}
		if typ == want {
			return v
		}
		b = rest
	}
	return nil
}

// number reads a big-endian number of whatever length the kernel gave it.
func number(v []byte) (n uint64, err error) {
	if len(v) == 0 || len(v) > 8 {
		return 0, errCut
	}
	for _, c := range v {
		n = n<<8 | uint64(c)
	}
	return n, nil
}

// count reads a big-endian number into to.
func count[T uint8 | uint16 | uint32 | uint64](v []byte, to *T) error {
	n, err := number(v)
	*to = T(n)
	return err
}

// text is a string up to its zero byte.
func text(v []byte) string {
	for i, c := range v {
		if c == 0 {
			return string(v[:i])
		}
	}
	return string(v)
}

// request is a netlink message under construction: struct nlmsghdr, struct nfgenmsg, attributes.
type request []byte

func newRequest(subsystem, msg, flags uint16, family byte) request {
	r := make(request, 4, 128)
	r = binary.NativeEndian.AppendUint16(r, subsystem<<8|msg)
	r = binary.NativeEndian.AppendUint16(r, flags)
	return append(r, 0, 0, 0, 0, 0, 0, 0, 0, family, 0, 0, 0)
}

// add adds an attribute.
func (r *request) add(typ uint16, v ...byte) {
	*r = binary.NativeEndian.AppendUint16(*r, uint16(4+len(v)))
	*r = binary.NativeEndian.AppendUint16(*r, typ)
	*r = append(*r, v...)
	for len(*r)&3 != 0 {
		*r = append(*r, 0)
	}
}

// name adds an attribute with a string and its zero byte.
func (r *request) name(typ uint16, s string) { r.add(typ, append([]byte(s), 0)...) }

// done gives the message with its length and number.
func (r request) done(seq uint32) []byte {
	binary.NativeEndian.PutUint32(r, uint32(len(r)))
	binary.NativeEndian.PutUint32(r[8:], seq)
	return r
}

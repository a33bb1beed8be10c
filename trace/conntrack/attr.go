package conntrack

import (
	"encoding/binary"
	"errors"
)

// attrs is a row of netlink attributes (struct nlattr) that is still to be read.
type attrs []byte

// errCut is what a row that does not hold what its lengths say is refused with.
var errCut = errors.New("an attribute is cut short")

// next takes the first attribute off. ok is false at the end.
func (a *attrs) next() (typ uint16, data []byte, ok bool, err error) {
	b := *a
	if len(b) < 4 {
		if len(b) > 0 {
			return 0, nil, false, errCut
		}
		return 0, nil, false, nil
	}
	n := int(binary.NativeEndian.Uint16(b))
	if n < 4 || n > len(b) {
		return 0, nil, false, errCut
	}
	*a = b[min((n+3)&^3, len(b)):]
	return binary.NativeEndian.Uint16(b[2:]) & 0x3fff, b[4:n], true, nil // NLA_TYPE_MASK
}

func u16(b []byte) uint16 {
	if len(b) < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(b)
}

func u32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

func u64(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func u8(b []byte) uint8 {
	if len(b) < 1 {
		return 0
	}
	return b[0]
}

// text is a string that ends with a zero byte.
func text(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}

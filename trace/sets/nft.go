package sets

import (
	"fmt"
	"strings"
	"time"

	"nfscope/model"
	"nfscope/model/set"
)

// Numbers of linux/netfilter/nf_tables.h.
const (
	nftMsgGetSet     = 10
	nftMsgGetSetElem = 13

	nftSetTable     = 1
	nftSetName      = 2
	nftSetFlags     = 3
	nftSetKeyType   = 4
	nftSetKeyLen    = 5
	nftSetDataType  = 6
	nftSetDataLen   = 7
	nftSetDesc      = 9
	nftSetTimeout   = 11
	nftSetUserdata  = 13
	nftSetObjType   = 15
	nftSetHandle    = 16
	nftSetCount     = 20 // kernel 6.16
	nftDescSize     = 1
	nftDescConcat   = 2
	nftFieldLen     = 1
	nftListTable    = 1
	nftListSet      = 2
	nftListElements = 3

	nftFlagAnonymous = 1 << 0
	nftFlagInterval  = 1 << 2
	nftFlagMap       = 1 << 3
	nftFlagTimeout   = 1 << 4
	nftFlagObject    = 1 << 6

	nftElemKey        = 1
	nftElemData       = 2
	nftElemFlags      = 3
	nftElemTimeout    = 4
	nftElemExpiration = 5
	nftElemUserdata   = 6
	nftElemExpr       = 7
	nftElemPad        = 8
	nftElemObjRef     = 9
	nftElemKeyEnd     = 10
	nftElemExprs      = 11

	nftElemIntervalEnd = 1
	nftElemCatchAll    = 2

	nftDataValue   = 1
	nftDataVerdict = 2
)

// Of the user data that nft(8) keeps with a set and an element (libnftnl, udata.h):
// type and length in a byte each.
const (
	udataKeyOrder     = 0
	udataDataOrder    = 1
	udataDataInterval = 6
	udataSetComment   = 7
	udataElemComment  = 0
)

// decodeNFTSet reads one answer to NFT_MSG_GETSET. named is false for the anonymous
// sets of rules.
func decodeNFTSet(b []byte) (s set.Set, named bool, err error) {
	if len(b) < 4 {
		return s, false, errCut
	}
	s.Backend, s.Family = set.NFT, model.Family(b[0])
	l := &s.Layout
	var objType uint32
	err = attrs(b[4:], func(typ uint16, v []byte) (err error) {
		switch typ {
		case nftSetTable:
			s.Table = text(v)
		case nftSetName:
			s.Name = text(v)
		case nftSetFlags:
			err = count(v, &l.Flags)
		case nftSetKeyType:
			err = count(v, &l.KeyType)
		case nftSetKeyLen:
			err = count(v, &l.KeyLen)
		case nftSetDataType:
			err = count(v, &l.DataType)
		case nftSetDataLen:
			err = count(v, &l.DataLen)
		case nftSetDesc:
			err = attrs(v, func(typ uint16, v []byte) error { return desc(&s, typ, v) })
		case nftSetTimeout:
			var ms uint64
			err = count(v, &ms)
			s.Timeout = milliseconds(ms)
		case nftSetUserdata:
			setUdata(&s, v)
		case nftSetObjType:
			err = count(v, &objType)
		case nftSetHandle:
			err = count(v, &s.Handle)
		case nftSetCount:
			s.CountKnown = true
			err = count(v, &s.Count)
		}
		return err
	})
	if err != nil {
		return s, false, err
	}
	if pairs(l) || l.Flags&nftFlagTimeout != 0 {
		// Half of the bounds, of which two may share one or have none; or with members
		// that have timed out and are not swept yet (nf_tables_api.c).
		s.CountKnown = false
	}
	s.Type = typeName(l.KeyType)
	switch {
	case l.Flags&nftFlagObject != 0:
		s.Data = objectName(objType)
	case l.Flags&nftFlagMap != 0 && l.DataType == 0xffffff00: // NFT_DATA_VERDICT
		s.Data = "verdict"
	case l.Flags&nftFlagMap != 0:
		s.Data = typeName(l.DataType)
		if l.DataInterval {
			s.Data = "interval " + s.Data
		}
	}
	for i, w := range []string{"", "constant", "interval", "", "timeout", "dynamic"} {
		if w != "" && l.Flags>>i&1 == 1 {
			s.Flags = append(s.Flags, w)
		}
	}
	return s, l.Flags&nftFlagAnonymous == 0, nil
}

// pairs tells whether the elements of a set are the bounds of intervals.
func pairs(l *set.Layout) bool {
	return l.Flags&nftFlagInterval != 0 && !concatenated(l.KeyType)
}

// desc reads NFTA_SET_DESC.
func desc(s *set.Set, typ uint16, v []byte) error {
	switch typ {
	case nftDescSize:
		return count(v, &s.Size)
	case nftDescConcat:
		return attrs(v, func(_ uint16, field []byte) error {
			var n uint32
			if err := count(find(field, nftFieldLen), &n); err != nil {
				return err
			}
			s.Layout.Fields = append(s.Layout.Fields, n)
			return nil
		})
	}
	return nil
}

// udata calls fn with each piece of user data; what is cut short ends it: the kernel
// keeps whatever a program gave.
func udata(b []byte, fn func(typ uint8, v []byte)) {
	for len(b) >= 2 && len(b) >= 2+int(b[1]) {
		fn(b[0], b[2:2+int(b[1])])
		b = b[2+int(b[1]):]
	}
}

func setUdata(s *set.Set, b []byte) {
	udata(b, func(typ uint8, v []byte) {
		switch {
		case typ == udataSetComment:
			s.Comment = text(v)
		case typ == udataKeyOrder && len(v) == 4:
			s.Layout.KeyOrder = hostUint32(v)
		case typ == udataDataOrder && len(v) == 4:
			s.Layout.DataOrder = hostUint32(v)
		case typ == udataDataInterval && len(v) == 4:
			s.Layout.DataInterval = hostUint32(v) != 0
		}
	})
}

// milliseconds holds what the kernel says within what a Duration can.
func milliseconds(ms uint64) time.Duration {
	return time.Duration(min(ms, uint64(1<<63-1)/uint64(time.Millisecond))) * time.Millisecond
}

// element is one element of a nf_tables set, in the kernel's bytes.
type element struct {
	key, keyEnd []byte
	flags       uint32
	body        []byte // its attributes
}

func (e *element) end() bool      { return e.flags&nftElemIntervalEnd != 0 }
func (e *element) catchAll() bool { return e.flags&nftElemCatchAll != 0 }

// own makes e a copy that does not share r's bytes, in the memory it has.
func (e *element) own(r element) {
	e.flags = r.flags
	e.body = append(e.body[:0], r.body...)
	e.key = append(e.key[:0], r.key...)
	e.keyEnd = append(e.keyEnd[:0], r.keyEnd...)
}

// eachElement calls fn with the elements in one answer to NFT_MSG_GETSETELEM. The bytes
// are the answer's.
func eachElement(b []byte, fn func(element) error) error {
	if len(b) < 4 {
		return errCut
	}
	list := find(b[4:], nftListElements)
	for len(list) > 0 {
		_, v, rest, err := cutAttr(list)
		if err != nil {
			return err
		}
		list = rest
		e, err := splitElement(v)
		if err != nil {
			return err
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

func splitElement(b []byte) (e element, err error) {
	e.body = b
	for len(b) > 0 {
		typ, v, rest, err := cutAttr(b)
		if err != nil {
			return e, err
		}
		b = rest
		switch typ {
		case nftElemKey:
			e.key = find(v, nftDataValue)
		case nftElemKeyEnd:
			e.keyEnd = find(v, nftDataValue)
		case nftElemFlags:
			if err := count(v, &e.flags); err != nil {
				return e, err
			}
		}
	}
	if e.key == nil && !e.catchAll() {
		return e, fmt.Errorf("an element without a key: %w", errCut)
	}
	return e, nil
}

// decodeElement prints an element; last is the last key of its interval, nil where it
// is a single one.
func decodeElement(l *set.Layout, e element, last []byte) (m set.Member, err error) {
	var unknown, more []string
	if e.catchAll() {
		m.Text = "*"
	} else {
		var u string
		m.Text, u = valueText(l.KeyType, l.KeyOrder, l.Flags&nftFlagInterval != 0, l.Fields, e.key, last)
		unknown = add(unknown, u)
	}
	expr := func(_ uint16, v []byte) error {
		word, u := statement(v, &m.Counters)
		more, unknown = add(more, word), add(unknown, u)
		return nil
	}
	err = attrs(e.body, func(typ uint16, v []byte) error {
		switch typ {
		case nftElemKey, nftElemKeyEnd, nftElemFlags, nftElemPad:
		case nftElemData:
			var u string
			m.Data, u = dataText(l, v)
			unknown = add(unknown, u)
		case nftElemObjRef:
			m.Data = `"` + text(v) + `"`
		case nftElemTimeout:
			var ms uint64
			err := count(v, &ms)
			m.Timeout = milliseconds(ms)
			return err
		case nftElemExpiration:
			var ms uint64
			err := count(v, &ms)
			m.Ends, m.Left = true, milliseconds(ms)
			return err
		case nftElemUserdata:
			udata(v, func(typ uint8, v []byte) {
				if typ == udataElemComment {
					m.Comment = text(v)
				}
			})
		case nftElemExpr:
			return expr(1, v)
		case nftElemExprs:
			return attrs(v, expr)
		default:
			unknown = append(unknown, fmt.Sprintf("attribute %d of %d bytes", typ, len(v)))
		}
		return nil
	})
	m.More, m.Unknown = strings.Join(more, " "), strings.Join(unknown, ", ")
	return m, err
}

func add(list []string, s string) []string {
	if s == "" {
		return list
	}
	return append(list, s)
}

// dataText prints what a map gives.
func dataText(l *set.Layout, b []byte) (s, unknown string) {
	if v := find(b, nftDataVerdict); v != nil {
		var code uint32
		if err := count(find(v, 1), &code); err != nil {
			return "", "a verdict without a code"
		}
		return verdict(int32(code), text(find(v, 2)))
	}
	v := find(b, nftDataValue)
	if v == nil {
		return "", "data that is neither a value nor a verdict"
	}
	if n := len(v) / 2; l.DataInterval && len(v)%2 == 0 {
		return valueText(l.DataType, l.DataOrder, true, nil, v[:n], v[n:])
	}
	return valueText(l.DataType, l.DataOrder, false, nil, v, nil)
}

func verdict(code int32, chain string) (s, unknown string) {
	switch code {
	case -1:
		return "continue", ""
	case -2:
		return "break", ""
	case -3:
		return "jump " + chain, ""
	case -4:
		return "goto " + chain, ""
	case -5:
		return "return", ""
	case 0:
		return "drop", ""
	case 1:
		return "accept", ""
	case 3:
		return "queue", ""
	}
	return fmt.Sprintf("verdict %d", code), fmt.Sprintf("verdict %d", code)
}

// objectName names a stateful object's type (NFT_OBJECT_*).
func objectName(n uint32) string {
	names := []string{"", "counter", "quota", "ct helper", "limit", "connlimit", "tunnel", "ct timeout", "secmark", "ct expectation", "synproxy"}
	if n > 0 && int(n) < len(names) {
		return names[n]
	}
	return fmt.Sprintf("object-%d", n)
}

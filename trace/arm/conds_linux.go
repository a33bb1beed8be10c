package arm

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/filter"
)

// rules are what is put into one table of ours.
type rules struct {
	conn  *nftables.Conn
	table *nftables.Table
	set   *nftables.Set // nil until a conjunct needs it
}

// conds writes a conjunct as the expressions of an nft rule. It never uses ct, which
// could switch conntrack on.
func (w *rules) conds(c filter.Conjunct) ([]expr.Any, error) {
	var out []expr.Any
	for _, k := range cheapFirst(c.Conds) {
		e, err := w.cond(k)
		if err != nil {
			return nil, err
		}
		out = append(out, e...)
	}
	return out, nil
}

func (w *rules) cond(k filter.Cond) ([]expr.Any, error) {
	op := expr.CmpOpEq
	if k.Not {
		op = expr.CmpOpNeq
	}
	meta := func(key expr.MetaKey, data []byte) []expr.Any {
		return []expr.Any{&expr.Meta{Key: key, Register: 1}, &expr.Cmp{Op: op, Register: 1, Data: data}}
	}
	switch k.Field {
	case filter.FieldFamily:
		return meta(expr.MetaKeyNFPROTO, []byte{byte(k.Family)}), nil
	case filter.FieldProto:
		return meta(expr.MetaKeyL4PROTO, []byte{byte(k.Proto)}), nil
	case filter.FieldIn:
		return meta(expr.MetaKeyIIFNAME, ifname(k.Iface)), nil
	case filter.FieldOut:
		return meta(expr.MetaKeyOIFNAME, ifname(k.Iface)), nil
	case filter.FieldPorts:
		set, err := w.ports()
		return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID, Invert: k.Not}}, err
	case filter.FieldMark:
		return []expr.Any{&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(k.Mask), Xor: make([]byte, 4)},
			&expr.Cmp{Op: op, Register: 1, Data: binaryutil.NativeEndian.PutUint32(k.Value)}}, nil
	case filter.FieldSrc, filter.FieldDst:
		return address(k, op), nil
	case filter.FieldSPort, filter.FieldDPort:
		load := &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Len: 2}
		if k.Field == filter.FieldDPort {
			load.Offset = 2
		}
		return []expr.Any{load, within(k, op)}, nil
	}
	return nil, fmt.Errorf("no way to match field %d of the filter", k.Field)
}

// address compares an address in the IP header.
func address(k filter.Cond, op expr.CmpOp) (out []expr.Any) {
	if at, data, ok := word(k); ok {
		out = append(out, loadAddress(k.Field, true, at, 4), &expr.Cmp{Op: op, Register: 1, Data: data})
	}
	out = append(out, loadAddress(k.Field, k.Prefix.Addr().Is6(), 0, k.Prefix.Addr().BitLen()/8))
	return append(out, inPrefix(k.Prefix, op)...)
}

// inPrefix compares an address that is loaded.
func inPrefix(p netip.Prefix, op expr.CmpOp) (out []expr.Any) {
	if size := uint32(p.Addr().BitLen() / 8); !p.IsSingleIP() {
		out = append(out, &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: size, Mask: mask(p), Xor: make([]byte, size)})
	}
	return append(out, &expr.Cmp{Op: op, Register: 1, Data: p.Addr().AsSlice()})
}

// within compares a port that is loaded.
func within(k filter.Cond, op expr.CmpOp) expr.Any {
	lo, hi := binary.BigEndian.AppendUint16(nil, k.Lo), binary.BigEndian.AppendUint16(nil, k.Hi)
	if k.Lo == k.Hi {
		return &expr.Cmp{Op: op, Register: 1, Data: lo}
	}
	return &expr.Range{Op: op, Register: 1, FromData: lo, ToData: hi}
}

func mask(p netip.Prefix) []byte {
	m := make([]byte, p.Addr().BitLen()/8)
	for i := range p.Bits() {
		m[i/8] |= 0x80 >> (i % 8)
	}
	return m
}

// ifname is a name as the kernel compares it: filled up with zeros, or without them
// where any rest matches.
func ifname(s string) []byte {
	if prefix, ok := strings.CutSuffix(s, "+"); ok {
		return []byte(prefix)
	}
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, s)
	return b
}

// portProtos lists the protocols that have ports.
func portProtos() []model.Proto {
	var out []model.Proto
	for p := range 256 {
		if model.Proto(p).Ports() {
			out = append(out, model.Proto(p))
		}
	}
	return out
}

// ports makes the set of the protocols that have ports, once.
func (w *rules) ports() (*nftables.Set, error) {
	if w.set != nil {
		return w.set, nil
	}
	// The only set of its batch. The library numbers sets by a variable of the package, which
	// two that arm at once would write to.
	w.set = &nftables.Set{Table: w.table, Name: setPorts, ID: 1, KeyType: nftables.TypeInetProto, Constant: true}
	var elems []nftables.SetElement
	for _, p := range portProtos() {
		elems = append(elems, nftables.SetElement{Key: []byte{byte(p)}})
	}
	return w.set, w.conn.AddSet(w.set, elems)
}

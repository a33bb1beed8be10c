package arm

import (
	"encoding/binary"
	"errors"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"nfscope/model/filter"
)

// ctDirection is one of a connection's two tuples (IP_CT_DIR_ORIGINAL, _REPLY).
type ctDirection uint8

const (
	original ctDirection = iota
	reply
)

// ctLoad loads a part of the tuple of a packet's connection. google/nftables v0.3.0
// writes the direction in four bytes, where the kernel reads the first one
// (NFTA_CT_DIRECTION is an NLA_U8): with it every direction is the original one, and the
// kernel complains in its log. So rules with it are written by hand.
type ctLoad struct {
	key       uint32 // NFT_CT_*
	direction ctDirection
}

func (l ctLoad) marshal() ([]byte, error) {
	data, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: unix.NFTA_CT_KEY, Data: binary.BigEndian.AppendUint32(nil, l.key)},
		{Type: unix.NFTA_CT_DREG, Data: binary.BigEndian.AppendUint32(nil, unix.NFT_REG_1)},
		{Type: unix.NFTA_CT_DIRECTION, Data: []byte{byte(l.direction)}},
	})
	if err != nil {
		return nil, err
	}
	return netlink.MarshalAttributes([]netlink.Attribute{
		{Type: unix.NFTA_EXPR_NAME, Data: []byte("ct\x00")},
		{Type: unix.NLA_F_NESTED | unix.NFTA_EXPR_DATA, Data: data},
	})
}

// ctConds writes a conjunct as a question to the packet's connection: whether the tuple
// of a direction is like that. Each is a ctLoad or an expr.Any. A packet that has no
// connection does not match.
func (w *rules) ctConds(c filter.Conjunct, d ctDirection) (out []any, err error) {
	for _, k := range cheapFirst(c.Conds) {
		op := expr.CmpOpEq
		if k.Not {
			op = expr.CmpOpNeq
		}
		ask := func(key uint32, test ...expr.Any) {
			out = append(out, ctLoad{key, d})
			for _, e := range test {
				out = append(out, e)
			}
		}
		switch k.Field {
		case filter.FieldProto:
			ask(unix.NFT_CT_PROTOCOL, &expr.Cmp{Op: op, Register: unix.NFT_REG_1, Data: []byte{byte(k.Proto)}})
		case filter.FieldPorts:
			set, err := w.ports()
			if err != nil {
				return nil, err
			}
			ask(unix.NFT_CT_PROTOCOL, &expr.Lookup{SourceRegister: unix.NFT_REG_1, SetName: set.Name, Invert: k.Not})
		case filter.FieldSrc:
			ask(unix.NFT_CT_SRC, inPrefix(k.Prefix, op)...)
		case filter.FieldDst:
			ask(unix.NFT_CT_DST, inPrefix(k.Prefix, op)...)
		case filter.FieldSPort:
			ask(unix.NFT_CT_PROTO_SRC, within(k, op))
		case filter.FieldDPort:
			ask(unix.NFT_CT_PROTO_DST, within(k, op))
		default:
			exprs, err := w.cond(k)
			if err != nil {
				return nil, err
			}
			for _, e := range exprs {
				out = append(out, e)
			}
		}
	}
	return out, nil
}

// ruleMessage is the message that appends a rule to a chain.
func (w *rules) ruleMessage(chain string, exprs []any) (m netlink.Message, err error) {
	var list []netlink.Attribute
	for _, e := range exprs {
		var b []byte
		if l, ok := e.(ctLoad); ok {
			b, err = l.marshal()
		} else {
			b, err = expr.Marshal(byte(w.table.Family), e.(expr.Any))
		}
		if err != nil {
			return m, err
		}
		list = append(list, netlink.Attribute{Type: unix.NLA_F_NESTED | unix.NFTA_LIST_ELEM, Data: b})
	}
	inside, err := netlink.MarshalAttributes(list)
	if err != nil {
		return m, err
	}
	attrs, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: unix.NFTA_RULE_TABLE, Data: append([]byte(w.table.Name), 0)},
		{Type: unix.NFTA_RULE_CHAIN, Data: append([]byte(chain), 0)},
		{Type: unix.NLA_F_NESTED | unix.NFTA_RULE_EXPRESSIONS, Data: inside},
	})
	return message(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWRULE, w.table.Family, 0, netlink.Create|netlink.Append|netlink.Acknowledge, attrs), err
}

// message is one of nfnetlink's.
func message(t uint16, family nftables.TableFamily, subsystem uint16, flags netlink.HeaderFlags, data []byte) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(t), Flags: netlink.Request | flags},
		Data:   append([]byte{byte(family), unix.NFNETLINK_V0, byte(subsystem >> 8), byte(subsystem)}, data...),
	}
}

// batchSize is how many messages go at once: some 30 KB, well within a socket's buffer.
const batchSize = 64

// sendBatch carries out messages of nf_tables, all or none. Each must ask for its
// acknowledgement.
func sendBatch(socket *netlink.Conn, messages []netlink.Message) error {
	all := []netlink.Message{message(unix.NFNL_MSG_BATCH_BEGIN, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES, 0, nil)}
	all = append(append(all, messages...), message(unix.NFNL_MSG_BATCH_END, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES, 0, nil))
	if _, err := socket.SendMessages(all); err != nil {
		return err
	}
	var errs []error
	for range messages { // the acknowledgement of each, or the refusal
		_, err := socket.Receive()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

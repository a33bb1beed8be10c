// Package nftrace reads nf_tables' own trace: NFT_MSG_TRACE messages, as the kernel
// multicasts them in net/netfilter/nf_tables_trace.c. What the events mean is for
// model/journey to say; docs/trace-events.md lists their forms and traps.
package nftrace

import (
	"encoding/binary"
	"fmt"

	"nfscope/model"
	"nfscope/model/journey"
)

// MsgType is the netlink message type of a trace event: NFNL_SUBSYS_NFTABLES and
// NFT_MSG_TRACE (include/uapi/linux/netfilter/nfnetlink.h, nf_tables.h).
const MsgType = 10<<8 | 17

// The attributes (enum nft_trace_attributes, linux/netfilter/nf_tables.h).
const (
	attrTable = iota + 1
	attrChain
	attrRuleHandle
	attrType
	attrVerdict
	attrID
	attrLLHeader
	attrNetworkHeader
	attrTransportHeader
	attrIIF
	attrIIFType
	attrOIF
	attrOIFType
	attrMark
	attrNFProto
	attrPolicy
	attrPad
	attrCTID // from here on: Linux 6.16
	attrCTDirection
	attrCTStatus
	attrCTState
)

var attrNames = [...]string{"", "TABLE", "CHAIN", "RULE_HANDLE", "TYPE", "VERDICT", "ID", "LL_HEADER",
	"NETWORK_HEADER", "TRANSPORT_HEADER", "IIF", "IIFTYPE", "OIF", "OIFTYPE", "MARK", "NFPROTO", "POLICY",
	"PAD", "CT_ID", "CT_DIRECTION", "CT_STATUS", "CT_STATE"}

// ethernet is ARPHRD_ETHER (linux/if_arp.h).
const ethernet = 1

// The trace types (enum nft_trace_types).
const (
	typePolicy = iota + 1
	typeReturn
	typeRule
)

// Interfaces names an interface by its index.
type Interfaces interface{ Name(index uint32) string }

// Decoder turns messages into events. It keeps the names it has seen, so that an
// event costs no string; it is not safe for use by several goroutines.
type Decoder struct {
	// Names may be nil: then an interface is shown as if12.
	Names Interfaces
	// Unknown counts attributes of a newer kernel, which are left out.
	Unknown uint64
	// Headers counts events whose network header is no IP header (ARP, a bridge's own
	// frames): such an event has no Packet.
	Headers uint64

	strings map[string]string
	// table, chain and link are what the event before had: most often it is the same.
	table, chain string
	link         *journey.Link
	hard         [12]byte // link's addresses
}

// maxStrings bounds the names a Decoder keeps: a rule set has fewer, only garbage has more.
const maxStrings = 1 << 16

// raw is a message's attributes, not yet understood.
type raw struct {
	table, chain, verdict, network, transport []byte
	link                                      []byte
	typ, id, iif, oif, mark, nfproto, policy  uint32
	iiftype                                   uint16
	handle                                    uint64
	ct                                        journey.CT
	seen                                      uint32 // a bit for each attribute
}

func (r *raw) has(a int) bool { return r.seen&(1<<a) != 0 }

// Decode decodes one message's payload, from the nfgenmsg on. It sets all of an
// event but Time and Seq. A message cut short is an error that names what is missing.
func (d *Decoder) Decode(msgType uint16, payload []byte) (journey.Event, error) {
	b := journey.NewBatch(1)
	if err := d.decode(msgType, payload, b); err != nil {
		return journey.Event{}, err
	}
	return b.Events()[0], nil
}

// decode adds the event of a message to a batch that is not full.
func (d *Decoder) decode(msgType uint16, payload []byte, b *journey.Batch) error {
	if msgType != MsgType {
		return fmt.Errorf("nftrace: message type %#x is no trace event (%#x)", msgType, MsgType)
	}
	if len(payload) < 4 {
		return fmt.Errorf("nftrace: message cut short: %d bytes, the nfgenmsg header has 4", len(payload))
	}
	var r raw
	if err := d.attributes(&r, payload[4:]); err != nil {
		return err
	}
	if r.seen&needed != needed {
		for _, a := range [...]int{attrTable, attrChain, attrType, attrID, attrNFProto} {
			if !r.has(a) {
				return fmt.Errorf("nftrace: message without %s", attrNames[a])
			}
		}
	}
	e := b.Next()
	e.Source = journey.SourceNFT
	e.Family = model.Family(payload[0]) // the table's; NFPROTO is the packet's
	e.Table, e.Chain = d.again(&d.table, r.table), d.again(&d.chain, r.chain)
	e.ID, e.Handle = r.id, r.handle
	e.In, e.Out = d.name(r.iif), d.name(r.oif)
	stolen, err := d.outcome(e, &r)
	if err != nil {
		b.Undo()
		return err
	}
	// The kernel leaves MARK out where it is 0, and where the packet is no longer
	// there to be looked at; see nft_trace_notify.
	e.Mark, e.HasMark = r.mark, !stolen
	switch {
	case r.has(attrNetworkHeader):
		d.packet(b, e, &r)
	case (r.has(attrIIF) || r.has(attrOIF)) && model.Family(r.nfproto) == model.FamilyIPv6:
		// Devices come with the headers, and no other header is left out (docs/facts.md).
		*b.Packet() = model.Packet{Family: model.FamilyIPv6, Extended: true, Unshown: true, Mark: e.Mark}
	}
	if r.iiftype == ethernet && len(r.link) >= 14 {
		if hard := [12]byte(r.link); d.link == nil || hard != d.hard {
			d.link, d.hard = &journey.Link{Dst: d.mac(r.link[:6]), Src: d.mac(r.link[6:12])}, hard
		}
		e.Link = d.link
	}
	if r.has(attrCTState) || r.has(attrCTID) {
		b.CT(r.ct)
	}
	return nil
}

// needed are the attributes without which nothing can be said.
const needed = 1<<attrTable | 1<<attrChain | 1<<attrType | 1<<attrID | 1<<attrNFProto

// outcome sets Kind, Verdict and To. stolen tells that the rule took the packet.
func (d *Decoder) outcome(e *journey.Event, r *raw) (stolen bool, err error) {
	switch r.typ {
	case typePolicy:
		e.Kind = journey.EventPolicy
		if !r.has(attrPolicy) {
			return false, fmt.Errorf("nftrace: policy event of %s %s without POLICY", e.Table, e.Chain)
		}
		e.Verdict = verdict(r.policy)
		return false, nil
	case typeReturn:
		e.Kind = journey.EventReturn
	case typeRule:
		e.Kind = journey.EventRule
	default:
		return false, fmt.Errorf("nftrace: event of %s %s has the unknown type %d", e.Table, e.Chain, r.typ)
	}
	if !r.has(attrVerdict) {
		return false, fmt.Errorf("nftrace: event of %s %s without VERDICT", e.Table, e.Chain)
	}
	code, chain, err := d.verdict(r.verdict)
	if err != nil {
		return false, err
	}
	e.Verdict, e.To = verdict(code), d.intern(cString(chain))
	return e.Verdict == model.VerdictStolen, nil
}

// verdict maps a verdict code (linux/netfilter.h, enum nft_verdicts). The high half
// holds the queue's number and NF_VERDICT_FLAG_QUEUE_BYPASS, or an errno of NF_DROP.
func verdict(code uint32) model.Verdict {
	switch int32(code) {
	case -1, -2: // NFT_CONTINUE, NFT_BREAK
		return model.VerdictContinue
	case -3:
		return model.VerdictJump
	case -4:
		return model.VerdictGoto
	case -5:
		return model.VerdictReturn
	}
	if int32(code) < 0 {
		return model.VerdictUnknown
	}
	switch code & 0xff {
	case 0:
		return model.VerdictDrop
	case 1, 5: // NF_ACCEPT, NF_STOP
		return model.VerdictAccept
	case 2:
		return model.VerdictStolen
	case 3:
		return model.VerdictQueue
	}
	return model.VerdictUnknown
}

func (d *Decoder) packet(b *journey.Batch, e *journey.Event, r *raw) {
	transport := r.transport
	if transport == nil {
		transport = []byte{} // it was not there to be dumped: do not look behind the network header
	}
	f := model.Family(r.nfproto)
	p, err := model.Packet{}, error(nil)
	if f == model.FamilyARP {
		d.Headers++
		return
	}
	if p, err = model.DecodePacket(f, r.network, transport); err != nil {
		d.Headers++
		return
	}
	p.Mark = e.Mark
	*b.Packet() = p
}

func (d *Decoder) name(index uint32) string {
	switch {
	case index == 0:
		return ""
	case d.Names == nil:
		return fmt.Sprintf("if%d", index)
	}
	return d.Names.Name(index)
}

// mac prints an Ethernet address.
func (d *Decoder) mac(b []byte) string {
	const hex = "0123456789abcdef"
	var s [17]byte
	for i, c := range b {
		if i > 0 {
			s[3*i-1] = ':'
		}
		s[3*i], s[3*i+1] = hex[c>>4], hex[c&15]
	}
	return d.intern(s[:])
}

// again is intern for a name, closed by a zero, that is most often the one before.
func (d *Decoder) again(last *string, b []byte) string {
	if n := len(*last); n == 0 || len(b) <= n || string(b[:n]) != *last || b[n] != 0 {
		*last = d.intern(cString(b))
	}
	return *last
}

// intern gives the string of b, and makes it only once.
func (d *Decoder) intern(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := d.strings[string(b)]; ok {
		return s
	}
	if d.strings == nil || len(d.strings) >= maxStrings {
		d.strings = map[string]string{}
	}
	s := string(b)
	d.strings[s] = s
	return s
}

// cString cuts b at its closing zero.
func cString(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}

// next splits the first attribute off b (struct nlattr: length and type in the
// machine's byte order, padded to 4 bytes).
func next(b []byte) (typ int, value, rest []byte, err error) {
	if len(b) < 4 {
		return 0, nil, nil, fmt.Errorf("nftrace: message cut short: %d bytes where an attribute's header has 4", len(b))
	}
	n, typ := int(binary.NativeEndian.Uint16(b)), int(binary.NativeEndian.Uint16(b[2:])&0x3fff)
	if n < 4 || n > len(b) {
		return 0, nil, nil, fmt.Errorf("nftrace: message cut short: attribute %s has %d bytes, %d are left", attrName(typ), n, len(b))
	}
	return typ, b[4:n], b[min((n+3)&^3, len(b)):], nil
}

func attrName(typ int) string {
	if typ > 0 && typ < len(attrNames) {
		return attrNames[typ]
	}
	return fmt.Sprint(typ)
}

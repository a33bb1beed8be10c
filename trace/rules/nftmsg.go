package rules

import (
	"encoding/binary"
	"errors"

	"nfscope/model"
)

// Attribute numbers of linux/netfilter/nf_tables.h. They stand here, and not in a
// library, because this file builds on every system.
const (
	attrGenID = 1

	attrTableName   = 1
	attrTableHandle = 4

	attrChainTable    = 1
	attrChainHandle   = 2
	attrChainName     = 3
	attrChainHook     = 4
	attrChainPolicy   = 5
	attrChainType     = 7
	attrChainCounters = 8

	attrHookNum      = 1
	attrHookPriority = 2
	attrHookDev      = 3

	attrRuleTable  = 1
	attrRuleChain  = 2
	attrRuleHandle = 3
	attrRuleExprs  = 4

	attrSetTable = 1
	attrSetFlags = 3

	attrExprName = 1
	attrExprData = 2

	attrCounterBytes   = 1
	attrCounterPackets = 2
)

var errCut = errors.New("netlink message cut short")

// nftTable, nftChain and nftRule are what the kernel's dumps say, without the text.
type nftTable struct {
	family model.Family
	name   string
	handle uint64
}

type nftChain struct {
	family      model.Family
	table, name string
	handle      uint64
	base        bool
	hook        model.Hook
	priority    model.Priority
	typ, device string
	policy      string // accept or drop
	counters    model.Counters
}

type nftRule struct {
	handle   uint64
	counters model.Counters
	// xt is true where an expression is an x_tables match or target: only
	// iptables-nft and its sisters write those.
	xt bool
}

// attrs calls fn with each attribute in b (linux/netlink.h, struct nlattr). The type
// comes without the nested and byte-order flags.
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

// message splits a nf_tables message into struct nfgenmsg's family and the attributes.
func message(b []byte) (model.Family, []byte, error) {
	if len(b) < 4 {
		return 0, nil, errCut
	}
	return model.Family(b[0]), b[4:], nil
}

func be32(v []byte, to *uint32) error {
	if len(v) < 4 {
		return errCut
	}
	*to = binary.BigEndian.Uint32(v)
	return nil
}

func be64(v []byte, to *uint64) error {
	if len(v) < 8 {
		return errCut
	}
	*to = binary.BigEndian.Uint64(v)
	return nil
}

// decodeNamed tells of a set whether it has a name of its own: those in braces within a
// rule have none (NFT_SET_ANONYMOUS).
func decodeNamed(b []byte) (bool, error) {
	const anonymous = 1
	_, a, err := message(b)
	if err != nil {
		return false, err
	}
	flags := uint32(0)
	err = attrs(a, func(t uint16, v []byte) error {
		if t == attrSetFlags {
			return be32(v, &flags)
		}
		return nil
	})
	return flags&anonymous == 0, err
}

func decodeGen(b []byte) (id uint32, err error) {
	_, a, err := message(b)
	if err != nil {
		return 0, err
	}
	found := false
	err = attrs(a, func(t uint16, v []byte) error {
		if t == attrGenID {
			found = true
			return be32(v, &id)
		}
		return nil
	})
	if err == nil && !found {
		err = errCut
	}
	return id, err
}

func decodeTable(b []byte) (t nftTable, err error) {
	f, a, err := message(b)
	if err != nil {
		return t, err
	}
	t.family = f
	return t, attrs(a, func(typ uint16, v []byte) error {
		switch typ {
		case attrTableName:
			t.name = cstring(v, len(v))
		case attrTableHandle:
			return be64(v, &t.handle)
		}
		return nil
	})
}

func decodeChain(b []byte) (c nftChain, err error) {
	f, a, err := message(b)
	if err != nil {
		return c, err
	}
	c.family = f
	var num, prio, policy uint32
	err = attrs(a, func(typ uint16, v []byte) error {
		switch typ {
		case attrChainTable:
			c.table = cstring(v, len(v))
		case attrChainName:
			c.name = cstring(v, len(v))
		case attrChainType:
			c.typ = cstring(v, len(v))
		case attrChainHandle:
			return be64(v, &c.handle)
		case attrChainPolicy:
			return be32(v, &policy)
		case attrChainCounters:
			return decodeCounter(v, &c.counters)
		case attrChainHook:
			c.base = true
			return attrs(v, func(typ uint16, v []byte) error {
				switch typ {
				case attrHookNum:
					return be32(v, &num)
				case attrHookPriority:
					return be32(v, &prio)
				case attrHookDev:
					c.device = cstring(v, len(v))
				}
				return nil
			})
		}
		return nil
	})
	if !c.base {
		return c, err
	}
	c.priority = model.Priority(int32(prio))
	c.hook, c.policy = hookOf(f, num), "accept"
	if policy == 0 { // NF_DROP
		c.policy = "drop"
	}
	return c, err
}

// hookOf turns a hook number into a Hook: netdev has its own numbers, inet's ingress
// is NF_INET_INGRESS (5), the others count as the IP families do.
func hookOf(f model.Family, num uint32) model.Hook {
	switch {
	case num > 255:
		return model.HookNone
	case f == model.FamilyNetdev:
		return model.HookFromNetdev(uint8(num))
	case f == model.FamilyARP: // NF_ARP_IN, OUT, FORWARD
		return [...]model.Hook{model.HookInput, model.HookOutput, model.HookForward, model.HookNone}[min(num, 3)]
	case f == model.FamilyInet && num == 5:
		return model.HookIngress
	}
	return model.HookFromKernel(uint8(num))
}

func decodeCounter(b []byte, c *model.Counters) error {
	c.Valid = true
	return attrs(b, func(typ uint16, v []byte) error {
		switch typ {
		case attrCounterBytes:
			return be64(v, &c.Bytes)
		case attrCounterPackets:
			return be64(v, &c.Packets)
		}
		return nil
	})
}

// decodeRule reads the handle and the first counter of a rule. Expressions it does
// not know are passed over: they carry no counter.
func decodeRule(b []byte) (r nftRule, err error) {
	_, a, err := message(b)
	if err != nil {
		return r, err
	}
	return r, attrs(a, func(typ uint16, v []byte) error {
		switch typ {
		case attrRuleHandle:
			return be64(v, &r.handle)
		case attrRuleExprs:
			return attrs(v, func(_ uint16, expr []byte) error { return r.expression(expr) })
		}
		return nil
	})
}

func (r *nftRule) expression(b []byte) error {
	var name, data []byte
	err := attrs(b, func(typ uint16, v []byte) error {
		switch typ {
		case attrExprName:
			name = v
		case attrExprData:
			data = v
		}
		return nil
	})
	if err != nil {
		return err
	}
	if n := len(name); n > 0 && name[n-1] == 0 {
		name = name[:n-1]
	}
	switch string(name) {
	case "counter":
		if !r.counters.Valid {
			return decodeCounter(data, &r.counters)
		}
	case "match", "target":
		r.xt = true
	}
	return nil
}

// ruleCounter reads the handle and the first counter of a rule, as decodeRule does, at
// the cost of a few comparisons: it sees every rule of the ruleset at each refresh.
func ruleCounter(b []byte) (handle uint64, c model.Counters, err error) {
	_, b, err = message(b)
	for err == nil && len(b) > 0 {
		var typ uint16
		var v []byte
		typ, v, b, err = cutAttr(b)
		switch {
		case err != nil:
		case typ == attrRuleHandle:
			err = be64(v, &handle)
		case typ == attrRuleExprs:
			for err == nil && len(v) > 0 {
				var expr []byte
				if _, expr, v, err = cutAttr(v); err == nil && !c.Valid {
					err = exprCounter(expr, &c)
				}
			}
		}
	}
	if err != nil {
		return 0, model.Counters{}, err
	}
	return handle, c, nil
}

// exprCounter reads an expression if it is a counter.
func exprCounter(b []byte, c *model.Counters) error {
	counter := false
	var data []byte
	for len(b) > 0 {
		typ, v, rest, err := cutAttr(b)
		if err != nil {
			return err
		}
		b = rest
		switch typ {
		case attrExprName:
			counter = string(v) == "counter\x00" || string(v) == "counter"
		case attrExprData:
			data = v
		}
	}
	if !counter {
		return nil
	}
	return decodeCounter(data, c)
}

// cutAttr cuts one attribute off.
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

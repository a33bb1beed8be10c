package rules

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"nfscope/model"
)

// layout says where the fields of an entry of a legacy table are: struct ipt_entry
// (linux/netfilter_ipv4/ip_tables.h) or struct ip6t_entry, as 64-bit kernels have
// them. All numbers are in the machine's byte order.
type layout struct {
	target   int // __u16 target_offset, then __u16 next_offset
	comefrom int // unsigned int
	counters int // __u64 packets, __u64 bytes
	size     int
}

func layoutOf(f model.Family) layout {
	if f == model.FamilyIPv6 {
		return layout{target: 140, comefrom: 144, counters: 152, size: 168}
	}
	return layout{target: 88, comefrom: 92, counters: 96, size: 112}
}

const (
	infoSize   = 84 // struct ipt_getinfo
	entriesOff = 40 // struct ipt_get_entries, up to entrytable
	nameSize   = 32 // XT_TABLE_MAXNAMELEN
	targetSize = 32 // struct xt_entry_target: u16 size, char name[29], u8 revision
	errorName  = 30 // XT_FUNCTION_MAXNAMELEN
)

// tableInfo is struct ipt_getinfo, the same for both families.
type tableInfo struct {
	valid      uint32
	hooks      [5]uint32
	underflows [5]uint32
	entries    uint32
	size       uint32
}

func decodeInfo(b []byte) (tableInfo, error) {
	var i tableInfo
	if len(b) < infoSize {
		return i, fmt.Errorf("struct ipt_getinfo cut short: %d of %d bytes", len(b), infoSize)
	}
	u := func(off int) uint32 { return binary.NativeEndian.Uint32(b[nameSize+off:]) }
	i.valid = u(0)
	for h := range 5 {
		i.hooks[h], i.underflows[h] = u(4+4*h), u(24+4*h)
	}
	i.entries, i.size = u(44), u(48)
	return i, nil
}

// blob is what the kernel's copy of a legacy table says about structure and counters.
type blob struct {
	chains []blobChain
	// sum is the hash of the entries without what packets change.
	sum [sha256.Size]byte
	// packets is the sum of all counters.
	packets uint64
}

type blobChain struct {
	name string
	hook model.Hook // HookNone for user chains
	// policy counts the packets that reached the policy; not Valid in user chains.
	policy model.Counters
	// verdict is the policy's name, "" in user chains.
	verdict string
	rules   []model.Counters
}

func (b *blob) chain(name string) *blobChain {
	for i := range b.chains {
		if b.chains[i].name == name {
			return &b.chains[i]
		}
	}
	return nil
}

// walkBlob reads the entries of a legacy table, as IPT_SO_GET_ENTRIES gives them. A
// built-in chain begins at its hook's entry and ends with the policy at the hook's
// underflow; a user chain begins with an ERROR target that names it and ends with a
// RETURN that nobody wrote; an ERROR ends the table (iptables, libiptc.c).
// Counters in entries are zeroed on the way, so that the hash holds for the rules alone.
func walkBlob(l layout, info tableInfo, entries []byte) (*blob, error) {
	b := &blob{}
	var cur *blobChain
	underflow, open := 0, false
	closeUser := func() error {
		if cur == nil {
			return nil
		}
		if open {
			return fmt.Errorf("chain %s has no policy", cur.name)
		}
		if cur.hook == model.HookNone {
			if len(cur.rules) == 0 {
				return fmt.Errorf("user chain %s has no end", cur.name)
			}
			cur.rules = cur.rules[:len(cur.rules)-1]
		}
		return nil
	}
	for off := 0; off < len(entries); {
		e := entries[off:]
		if len(e) < l.size+targetSize {
			return nil, fmt.Errorf("entry at %d cut short", off)
		}
		target := int(binary.NativeEndian.Uint16(e[l.target:]))
		next := int(binary.NativeEndian.Uint16(e[l.target+2:]))
		if target < l.size || next < target+targetSize || next > len(e) {
			return nil, fmt.Errorf("entry at %d: target at %d, next at %d, %d bytes left", off, target, next, len(e))
		}
		e = e[:next]
		c := model.Counters{Valid: true,
			Packets: binary.NativeEndian.Uint64(e[l.counters:]), Bytes: binary.NativeEndian.Uint64(e[l.counters+8:])}
		b.packets += c.Packets
		clear(e[l.counters : l.counters+16])
		clear(e[l.comefrom : l.comefrom+4])

		switch h, name := info.hookAt(off), targetName(e[target:]); {
		case h != model.HookNone:
			if err := closeUser(); err != nil {
				return nil, err
			}
			b.chains = append(b.chains, blobChain{name: builtinName(h), hook: h})
			cur, open, underflow = &b.chains[len(b.chains)-1], true, int(info.underflows[h-1])
			if off == underflow {
				cur.policy, cur.verdict, open = c, policyName(e[target:]), false
			} else {
				cur.rules = append(cur.rules, c)
			}
		case open && off == underflow:
			cur.policy, cur.verdict, open = c, policyName(e[target:]), false
		case !open && name == "ERROR":
			if err := closeUser(); err != nil {
				return nil, err
			}
			cur = nil
			if off+next < len(entries) {
				b.chains = append(b.chains, blobChain{name: cstring(e[target+targetSize:], errorName)})
				cur = &b.chains[len(b.chains)-1]
			}
		case cur == nil || cur.hook != model.HookNone && !open:
			return nil, fmt.Errorf("entry at %d is in no chain", off)
		default:
			cur.rules = append(cur.rules, c)
		}
		off += next
	}
	if cur != nil {
		return nil, fmt.Errorf("the table ends inside chain %s", cur.name)
	}
	b.sum = sha256.Sum256(entries)
	return b, nil
}

func (i *tableInfo) hookAt(off int) model.Hook {
	for h := range i.hooks {
		if i.valid&(1<<h) != 0 && int(i.hooks[h]) == off {
			return model.HookFromKernel(uint8(h))
		}
	}
	return model.HookNone
}

func builtinName(h model.Hook) string {
	return [...]string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}[h-model.HookPrerouting]
}

// targetName is the name in a struct xt_entry_target; "" is the standard target.
func targetName(b []byte) string { return cstring(b[2:], targetSize-3) }

// policyName reads the verdict of a standard target: -NF_ACCEPT-1 or -NF_DROP-1.
func policyName(b []byte) string {
	if len(b) < targetSize+4 {
		return ""
	}
	switch int32(binary.NativeEndian.Uint32(b[targetSize:])) {
	case -2:
		return "ACCEPT"
	case -1:
		return "DROP"
	}
	return ""
}

func cstring(b []byte, limit int) string {
	b = b[:min(limit, len(b))]
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

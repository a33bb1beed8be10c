package rules

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"

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

// blobSum tells whether two reads of a table found the same rules: the table's shape and
// two checksums over its entries without what packets change. Both are the processor's
// own instructions, and neither depends on the run of the program.
type blobSum struct {
	info             tableInfo
	castagnoli, ieee uint32
}

func (s blobSum) String() string {
	return fmt.Sprintf("%x %x %x %d %d %08x%08x", s.info.valid, s.info.hooks, s.info.underflows, s.info.entries, s.info.size, s.castagnoli, s.ieee)
}

// blob is what the kernel's copy of a legacy table says about structure and counters.
type blob struct {
	sum blobSum
	// chains are as of structure's last run: they hold as long as sum does.
	chains []blobChain
	// cells are the counters of all entries, in the kernel's order.
	cells []model.Counters
	// packets is the sum of all counters.
	packets uint64
	sink    byte // keeps the compiler from leaving out the loads that warm the cache
}

// blobChain is a chain and where its counters stand in blob.cells.
type blobChain struct {
	name string
	hook model.Hook // HookNone for user chains
	// first and end are the entries of the chain's rules.
	first, end int
	// policy is the entry that counts the packets that reached the policy; -1 in user chains.
	policy int
	// verdict is the policy's name, "" in user chains.
	verdict string
}

func (b *blob) rules(c *blobChain) []model.Counters { return b.cells[c.first:c.end] }

func (b *blob) policy(c *blobChain) model.Counters {
	if c.policy < 0 {
		return model.Counters{}
	}
	return b.cells[c.policy]
}

// chunk is how much of a table is hashed at a time: little enough to be in the nearest
// cache still, since the walk over it was just there (32 KB take twice as long).
const chunk = 4 << 10

// scan takes the counters of all entries of a legacy table, as IPT_SO_GET_ENTRIES gives
// them, and the table's sum, in one pass. Counters in entries are zeroed on the way, so
// that the sum holds for the rules alone. b.chains is left as it is.
func (b *blob) scan(l layout, info tableInfo, entries []byte) error {
	if int(info.entries) > len(entries)/(l.size+targetSize) {
		return fmt.Errorf("%d entries in %d bytes", info.entries, len(entries))
	}
	if cap(b.cells) < int(info.entries) {
		b.cells = make([]model.Counters, info.entries)
	}
	cells := b.cells[:info.entries]
	b.cells = cells
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := blobSum{info: info}
	b.packets = 0
	n, hashed, off := 0, 0, 0
	var sink byte
	for off < len(entries) {
		if off == hashed {
			// Where an entry ends stands in its head, so that the walk alone would wait for
			// the memory at each: 64 loads that wait for nothing bring the chunk at once.
			for line := entries[off:min(off+chunk, len(entries))]; len(line) >= 64; line = line[64:] {
				sink ^= line[0]
			}
		}
		e := entries[off:]
		if len(e) < l.size+targetSize {
			return fmt.Errorf("entry at %d cut short", off)
		}
		target := int(binary.NativeEndian.Uint16(e[l.target:]))
		next := int(binary.NativeEndian.Uint16(e[l.target+2:]))
		if target < l.size || next < target+targetSize || next > len(e) {
			return fmt.Errorf("entry at %d: target at %d, next at %d, %d bytes left", off, target, next, len(e))
		}
		if n == len(cells) {
			return fmt.Errorf("more than the %d entries that the kernel tells", n)
		}
		counters := e[l.counters : l.counters+16]
		c := &cells[n]
		c.Packets, c.Bytes, c.Valid = binary.NativeEndian.Uint64(counters), binary.NativeEndian.Uint64(counters[8:]), true
		b.packets += c.Packets
		clear(counters)
		clear(e[l.comefrom : l.comefrom+4])
		n++
		off += next
		if off-hashed >= chunk || off == len(entries) {
			sum.castagnoli = crc32.Update(sum.castagnoli, table, entries[hashed:off])
			sum.ieee = crc32.Update(sum.ieee, crc32.IEEETable, entries[hashed:off])
			hashed = off
		}
	}
	if n != len(cells) {
		return fmt.Errorf("%d entries, but the kernel tells of %d", n, len(cells))
	}
	b.sum, b.sink = sum, sink
	return nil
}

// structure finds the chains among entries that scan has gone through. A built-in chain
// begins at its hook's entry and ends with the policy at the hook's underflow; a user
// chain begins with an ERROR target that names it and ends with a RETURN that nobody
// wrote; an ERROR ends the table (iptables, libiptc.c).
func structure(l layout, info tableInfo, entries []byte) ([]blobChain, error) {
	chains := make([]blobChain, 0, bits.OnesCount32(info.valid))
	var cur *blobChain
	underflow, open := 0, false
	n, off := 0, 0
	end := func() error {
		if cur == nil {
			return nil
		}
		if open {
			return fmt.Errorf("chain %s has no policy", cur.name)
		}
		if cur.hook == model.HookNone {
			if cur.end = n - 1; cur.end < cur.first {
				return fmt.Errorf("user chain %s has no end", cur.name)
			}
		}
		return nil
	}
	begin := func(c blobChain) {
		chains = append(chains, c)
		cur = &chains[len(chains)-1]
	}
	policy := func(target []byte) {
		cur.end, cur.policy, cur.verdict, open = n, n, policyName(target), false
	}
	for off < len(entries) {
		e := entries[off:]
		target := int(binary.NativeEndian.Uint16(e[l.target:]))
		next := int(binary.NativeEndian.Uint16(e[l.target+2:]))
		e = e[:next]
		switch h := info.hookAt(off); {
		case h != model.HookNone:
			if err := end(); err != nil {
				return nil, err
			}
			begin(blobChain{name: builtinName(h), hook: h, first: n, end: n})
			if open, underflow = true, int(info.underflows[h-1]); off == underflow {
				policy(e[target:])
			}
		case open && off == underflow:
			policy(e[target:])
		case !open && isError(e[target:]):
			if err := end(); err != nil {
				return nil, err
			}
			cur = nil
			if off+next < len(entries) {
				begin(blobChain{name: cstring(e[target+targetSize:], errorName), first: n + 1, end: n + 1, policy: -1})
			}
		case cur == nil || cur.hook != model.HookNone && !open:
			return nil, fmt.Errorf("entry at %d is in no chain", off)
		}
		n++
		off += next
	}
	if cur != nil {
		return nil, fmt.Errorf("the table ends inside chain %s", cur.name)
	}
	return chains, nil
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

// isError tells whether a struct xt_entry_target names the target ERROR; "" is the
// standard target.
func isError(b []byte) bool { return string(b[2:8]) == "ERROR\x00" }

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

package rules

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

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
	cells []cell
	// packets is the sum of all counters.
	packets uint64
	sink    byte // keeps the compiler from leaving out the loads that warm the cache
}

// cell is the counter of an entry: every entry has one.
type cell struct{ packets, bytes uint64 }

func (c cell) counters() model.Counters {
	return model.Counters{Packets: c.packets, Bytes: c.bytes, Valid: true}
}

// blobChain is a chain and where its counters stand in blob.cells. There are as many as the
// table has chains for as long as it is watched: places are small.
type blobChain struct {
	name string
	// verdict is the policy's name, "" in user chains.
	verdict string
	// first and end are the entries of the chain's rules.
	first, end int32
	// policy is the entry that counts the packets that reached the policy; -1 in user chains.
	policy int32
	hook   model.Hook // HookNone for user chains
}

func (b *blob) rules(c *blobChain) []cell { return b.cells[c.first:c.end] }

func (b *blob) policy(c *blobChain) model.Counters {
	if c.policy < 0 {
		return model.Counters{}
	}
	return b.cells[c.policy].counters()
}

// chunk is how much of a table is hashed at a time: little enough to be in the nearest
// cache still, since the walk over it was just there (32 KB take twice as long).
const chunk = 4 << 10

// scan goes through the entries of a legacy table, as IPT_SO_GET_ENTRIES gives them, and
// takes their counters and the table's sum in one pass. It may follow the kernel, which
// writes the entries in their order. Counters in entries are zeroed on the way, so that
// the sum holds for the rules alone.
type scan struct {
	b       *blob
	l       layout
	entries []byte
	table   *crc32.Table
	sum     blobSum
	packets uint64
	n       int // entries gone through
	off     int // where the next one begins
	hashed  int // how far the sum has come
	sink    byte
	walk    *chainWalk // nil where the chains are known
}

// begin makes a scan of entries, which nobody reads before follow says how many are
// there. Where chains says so, b.chains are found anew; else they are left as they are.
func (b *blob) begin(l layout, info tableInfo, entries []byte, chains bool) (*scan, error) {
	if int(info.entries) > len(entries)/(l.size+targetSize) {
		return nil, fmt.Errorf("%d entries in %d bytes", info.entries, len(entries))
	}
	if cap(b.cells) < int(info.entries) {
		b.cells = make([]cell, info.entries)
	}
	b.cells = b.cells[:info.entries]
	s := &scan{b: b, l: l, entries: entries, table: crc32.MakeTable(crc32.Castagnoli), sum: blobSum{info: info}}
	if chains {
		s.walk = newChainWalk(info, len(entries), b.chains)
	}
	return s, nil
}

// follow goes on through what is there: the first bytes of the entries, up to there.
func (s *scan) follow(there int) error {
	l, cells := s.l, s.b.cells
	warm := s.off
	for s.off < there {
		if s.off >= warm {
			// Where an entry ends stands in its head, so that the walk alone would wait for
			// the memory at each: 64 loads that wait for nothing bring the chunk at once.
			warm = min(s.off+chunk, there)
			for line := s.entries[s.off:warm]; len(line) >= 64; line = line[64:] {
				s.sink ^= line[0]
			}
		}
		e := s.entries[s.off:there]
		if len(e) < l.size+targetSize {
			if there < len(s.entries) {
				break
			}
			return fmt.Errorf("entry at %d cut short", s.off)
		}
		target := int(binary.NativeEndian.Uint16(e[l.target:]))
		next := int(binary.NativeEndian.Uint16(e[l.target+2:]))
		if target < l.size || next < target+targetSize || next > len(s.entries)-s.off {
			return fmt.Errorf("entry at %d: target at %d, next at %d, %d bytes left", s.off, target, next, len(s.entries)-s.off)
		}
		if next > len(e) {
			break // it is not all there
		}
		if s.n == len(cells) {
			return fmt.Errorf("more than the %d entries that the kernel tells", s.n)
		}
		counters := e[l.counters : l.counters+16]
		c := &cells[s.n]
		c.packets, c.bytes = binary.NativeEndian.Uint64(counters), binary.NativeEndian.Uint64(counters[8:])
		s.packets += c.packets
		clear(counters)
		clear(e[l.comefrom : l.comefrom+4])
		if s.walk != nil {
			if err := s.walk.entry(s.off, s.off+next, e[target:next]); err != nil {
				return err
			}
		}
		s.n++
		s.off += next
		if s.off-s.hashed >= chunk || s.off == len(s.entries) {
			s.sum.castagnoli = crc32.Update(s.sum.castagnoli, s.table, s.entries[s.hashed:s.off])
			s.sum.ieee = crc32.Update(s.sum.ieee, crc32.IEEETable, s.entries[s.hashed:s.off])
			s.hashed = s.off
		}
	}
	return nil
}

// finish takes what is left, now that all is there, and keeps what was found.
func (s *scan) finish() error {
	if err := s.follow(len(s.entries)); err != nil {
		return err
	}
	b := s.b
	if s.n != len(b.cells) {
		return fmt.Errorf("%d entries, but the kernel tells of %d", s.n, len(b.cells))
	}
	if s.walk != nil {
		if err := s.walk.finish(); err != nil {
			return err
		}
		b.chains = s.walk.chains
	}
	b.sum, b.packets, b.sink = s.sum, s.packets, s.sink
	return nil
}

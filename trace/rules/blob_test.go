package rules

import (
	"encoding/binary"
	"strings"
	"testing"

	"nfscope/model"
)

// entry builds one entry of a legacy table. A name makes it an ERROR target.
func entry(l layout, name string, verdict int32, packets, bytes uint64) []byte {
	n := l.size + targetSize + 8
	if name != "" {
		n = l.size + targetSize + 32
	}
	b := make([]byte, n)
	binary.NativeEndian.PutUint16(b[l.target:], uint16(l.size))
	binary.NativeEndian.PutUint16(b[l.target+2:], uint16(n))
	binary.NativeEndian.PutUint32(b[l.comefrom:], uint32(packets))
	binary.NativeEndian.PutUint64(b[l.counters:], packets)
	binary.NativeEndian.PutUint64(b[l.counters+8:], bytes)
	t := b[l.size:]
	binary.NativeEndian.PutUint16(t, uint16(n-l.size))
	if name != "" {
		copy(t[2:], "ERROR")
		copy(t[targetSize:], name)
	} else {
		binary.NativeEndian.PutUint32(t[targetSize:], uint32(verdict))
	}
	return b
}

// filterBlob is a filter table: INPUT with two rules and policy DROP, FORWARD and
// OUTPUT empty, and the user chain WEB with one rule.
func filterBlob(l layout, scale uint64) (tableInfo, []byte) {
	var b []byte
	info := tableInfo{valid: 1<<1 | 1<<2 | 1<<3}
	add := func(e []byte) uint32 {
		b = append(b, e...)
		info.entries++
		return uint32(len(b) - len(e))
	}
	info.hooks[1] = add(entry(l, "", -2, 1*scale, 10*scale))
	add(entry(l, "", 1000, 2*scale, 20*scale))
	info.underflows[1] = add(entry(l, "", -1, 3*scale, 30*scale))
	info.hooks[2] = add(entry(l, "", -2, 4*scale, 40*scale))
	info.underflows[2] = info.hooks[2]
	info.hooks[3] = add(entry(l, "", -2, 5*scale, 50*scale))
	info.underflows[3] = info.hooks[3]
	add(entry(l, "WEB", 0, 0, 0))
	add(entry(l, "", -1, 6*scale, 60*scale))
	add(entry(l, "", -5, 7*scale, 70*scale))
	add(entry(l, "ERROR", 0, 0, 0))
	info.size = uint32(len(b))
	return info, b
}

// walk scans a table and finds its chains.
func walk(l layout, info tableInfo, entries []byte) (*blob, error) {
	b := &blob{}
	s, err := b.begin(l, info, entries, true)
	if err == nil {
		err = s.finish()
	}
	return b, err
}

func (b *blob) chain(name string) *blobChain {
	for i := range b.chains {
		if b.chains[i].name == name {
			return &b.chains[i]
		}
	}
	return nil
}

func TestWalkBlob(t *testing.T) {
	t.Parallel()
	for _, f := range legacyFamilies() {
		l := layoutOf(f)
		info, entries := filterBlob(l, 1)
		b, err := walk(l, info, entries)
		if err != nil {
			t.Fatal(f, err)
		}
		in := b.chain("INPUT")
		if len(b.chains) != 4 || in == nil || len(b.rules(in)) != 2 || in.verdict != "DROP" || in.hook != model.HookInput ||
			b.policy(in) != (model.Counters{Packets: 3, Bytes: 30, Valid: true}) || b.rules(in)[1].bytes != 20 {
			t.Fatalf("%s: %+v", f, b.chains)
		}
		web := b.chain("WEB")
		if web == nil || len(b.rules(web)) != 1 || b.rules(web)[0].packets != 6 || b.policy(web).Valid {
			t.Fatalf("%s: %+v", f, web)
		}
		if b.packets != 28 {
			t.Errorf("%s: %d packets in all, want 28", f, b.packets)
		}
		info, entries = filterBlob(l, 1000)
		if again, err := walk(l, info, entries); err != nil || again.sum != b.sum {
			t.Errorf("%s: counters changed the hash (%v)", f, err)
		}
		info, entries = filterBlob(l, 1)
		binary.NativeEndian.PutUint32(entries[len(entries)-len(entry(l, "ERROR", 0, 0, 0))-8:], 0xfffffffe)
		if again, err := walk(l, info, entries); err != nil || again.sum == b.sum {
			t.Errorf("%s: another verdict has the same hash (%v)", f, err)
		}
	}
}

func TestWalkBlobRefuses(t *testing.T) {
	t.Parallel()
	l := layoutOf(model.FamilyIPv4)
	for want, damage := range map[string]func(*tableInfo, []byte) []byte{
		"cut short": func(i *tableInfo, b []byte) []byte {
			i.entries--
			return b[:len(b)-1-len(entry(l, "ERROR", 0, 0, 0))+targetSize]
		},
		"next at 0":       func(_ *tableInfo, b []byte) []byte { binary.NativeEndian.PutUint16(b[l.target+2:], 0); return b },
		"more than the 8": func(i *tableInfo, b []byte) []byte { i.entries--; return b },
		"entries in":      func(i *tableInfo, b []byte) []byte { i.entries++; return b },
		"kernel tells of": func(i *tableInfo, b []byte) []byte { // the last entry is long enough for two
			i.entries++
			last := b[len(b)-len(entry(l, "ERROR", 0, 0, 0)):]
			binary.NativeEndian.PutUint16(last[l.target+2:], uint16(len(last)+200))
			return append(b, make([]byte, 200)...)
		},
		"in no chain":       func(i *tableInfo, b []byte) []byte { i.valid = 0; return b },
		"has no policy":     func(i *tableInfo, b []byte) []byte { i.underflows[1] = 1; return b },
		"ends inside chain": func(i *tableInfo, b []byte) []byte { i.entries--; return b[:len(b)-len(entry(l, "ERROR", 0, 0, 0))] },
	} {
		info, entries := filterBlob(l, 1)
		if _, err := walk(l, info, damage(&info, entries)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	if _, err := decodeInfo(make([]byte, infoSize-1)); err == nil {
		t.Error("a short struct ipt_getinfo was read")
	}
}

func FuzzScan(f *testing.F) {
	for _, fam := range legacyFamilies() {
		info, entries := filterBlob(layoutOf(fam), 1)
		f.Add(fam == model.FamilyIPv6, info.valid, info.hooks[1], info.underflows[1], info.entries, entries)
	}
	f.Fuzz(func(t *testing.T, v6 bool, valid, hook, underflow, count uint32, entries []byte) {
		l := layoutOf(model.FamilyIPv4)
		if v6 {
			l = layoutOf(model.FamilyIPv6)
		}
		info, _ := filterBlob(l, 1)
		info.valid, info.hooks[1], info.underflows[1], info.entries = valid, hook, underflow, count
		b, err := walk(l, info, entries)
		if err == nil {
			n := 0
			for _, c := range b.chains {
				n += len(b.rules(&c))
			}
			if n*l.size > len(entries) {
				t.Fatalf("%d rules from %d bytes", n, len(entries))
			}
		}
		_, _ = decodeInfo(entries)
	})
}

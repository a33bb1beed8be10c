package rules

import (
	"encoding/binary"
	"slices"
	"testing"

	"nfscope/model"
)

func attr(typ uint16, v ...[]byte) []byte {
	body := slices.Concat(v...)
	b := make([]byte, 4, 4+len(body)+3)
	binary.NativeEndian.PutUint16(b, uint16(4+len(body)))
	binary.NativeEndian.PutUint16(b[2:], typ)
	b = append(b, body...)
	return append(b, make([]byte, -len(b)&3)...)
}

func u32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
func str(s string) []byte { return append([]byte(s), 0) }

func expr(name string, data []byte) []byte {
	return attr(0x8001, attr(attrExprName, str(name)), attr(0x8000|attrExprData, data))
}

func counter(packets, bytes uint64) []byte {
	return append(attr(attrCounterBytes, u64(bytes)), attr(attrCounterPackets, u64(packets))...)
}

func ruleMessage() []byte {
	return slices.Concat([]byte{2, 0, 0, 1},
		attr(attrRuleTable, str("filter")), attr(attrRuleChain, str("INPUT")), attr(attrRuleHandle, u64(7)),
		attr(0x8000|attrRuleExprs, expr("tunnel", attr(99, u32(1))), expr("match", nil), expr("counter", counter(3, 180)), expr("counter", counter(9, 9))))
}

func chainMessage(f model.Family, hook uint32) []byte {
	return slices.Concat([]byte{byte(f), 0, 0, 1},
		attr(attrChainTable, str("filter")), attr(attrChainName, str("INPUT")), attr(attrChainHandle, u64(5)),
		attr(0x8000|attrChainHook, attr(attrHookNum, u32(hook)), attr(attrHookPriority, u32(0xffffff6a)), attr(attrHookDev, str("eth0"))),
		attr(attrChainPolicy, u32(0)), attr(attrChainType, str("filter")), attr(attrChainCounters, counter(1, 2)))
}

func TestDecodeMessages(t *testing.T) {
	t.Parallel()
	r, err := decodeRule(ruleMessage())
	if err != nil || r != (nftRule{handle: 7, xt: true, counters: model.Counters{Packets: 3, Bytes: 180, Valid: true}}) {
		t.Errorf("rule %+v, %v", r, err)
	}
	c, err := decodeChain(chainMessage(model.FamilyIPv4, 1))
	want := nftChain{family: model.FamilyIPv4, table: "filter", name: "INPUT", handle: 5, base: true, hook: model.HookInput,
		priority: model.PriorityMangle, typ: "filter", device: "eth0", policy: "drop",
		counters: model.Counters{Packets: 1, Bytes: 2, Valid: true}}
	if err != nil || c != want {
		t.Errorf("chain %+v, %v", c, err)
	}
	for _, e := range []struct {
		f    model.Family
		num  uint32
		want model.Hook
	}{{model.FamilyNetdev, 0, model.HookIngress}, {model.FamilyNetdev, 1, model.HookEgress}, {model.FamilyInet, 5, model.HookIngress},
		{model.FamilyARP, 0, model.HookInput}, {model.FamilyARP, 1, model.HookOutput}, {model.FamilyBridge, 2, model.HookForward}} {
		if c, _ := decodeChain(chainMessage(e.f, e.num)); c.hook != e.want {
			t.Errorf("%s hook %d is %s, want %s", e.f, e.num, c.hook, e.want)
		}
	}
	for n := range ruleMessage() {
		m := ruleMessage()
		if r, err := decodeRule(m[:n]); err == nil && r.counters.Valid {
			t.Errorf("%d of %d bytes of a rule gave a counter", n, len(m))
		}
	}
	if _, err := decodeGen([]byte{0, 0, 0, 0}); err == nil {
		t.Error("a generation without a number was read")
	}
}

func FuzzDecodeMessages(f *testing.F) {
	f.Add(ruleMessage())
	f.Add(chainMessage(model.FamilyIPv4, 1))
	f.Add(append([]byte{0, 0, 0, 0}, attr(attrGenID, u32(9))...))
	f.Add(slices.Concat([]byte{1, 0, 0, 0}, attr(attrTableName, str("fw")), attr(attrTableHandle, u64(3))))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRule(b)
		if err == nil && !r.counters.Valid && r.counters.Packets != 0 {
			t.Fatal("a count without a counter")
		}
		if handle, c, quick := ruleCounter(b); err == nil && (quick != nil || handle != r.handle || c != r.counters) {
			t.Fatalf("the quick way gives %d %+v (%v), want %+v", handle, c, quick, r)
		}
		_, _ = decodeChain(b)
		_, _ = decodeTable(b)
		_, _ = decodeGen(b)
		_, _ = decodeNamed(b)
	})
}

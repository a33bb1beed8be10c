// Package flowtest makes the connections of a busy gateway for tests and benchmarks.
package flowtest

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"nfscope/model"
	"nfscope/model/flow"
)

// Gateway fills a Table with n masqueraded connections of a gateway, counted and stamped, of
// IPv6 where v6 is true. The same call gives the same Table.
func Gateway(n int, v6 bool) *flow.Table {
	t := &flow.Table{}
	r := rand.New(rand.NewPCG(1, 2))
	b := &flow.Batch{}
	now := time.Unix(1_800_000_000, 0)
	t.Apply(flow.Event{Type: flow.EventDumpBegin, Flows: n})
	for i := range n {
		b.Time = now
		*b.Add() = Connection(r, i, v6, now)
		if len(b.Records) == 128 || i == n-1 {
			t.ApplyBatch(b)
			b.Records = b.Records[:0]
		}
	}
	t.Apply(flow.Event{Type: flow.EventDumpEnd, Time: now, Flows: n})
	return t
}

// Connection is the i-th connection of such a gateway, as a dump tells it.
func Connection(r *rand.Rand, i int, v6 bool, now time.Time) (x flow.Record) {
	x.Type, x.Family, x.Proto, x.State, x.ID = flow.EventDump, model.FamilyIPv4, model.ProtoTCP, flow.State(1+r.IntN(9)), r.Uint32()
	x.Status, x.Timeout, x.Mark = flow.SeenReply|flow.Assured|flow.Confirmed|flow.SrcNAT|flow.SrcNATDone, r.Uint32N(432000), r.Uint32N(4)
	x.Counted, x.CountedBack, x.Classified, x.Classes, x.Seen, x.Start = true, true, true, 4, now.UnixNano(), now.UnixNano()-int64(i)
	kind, at := flow.IPv4, 0
	if v6 {
		kind, at = flow.IPv6, 12
		x.Family = model.FamilyIPv6
		x.Orig.Src[0], x.Orig.Dst[0] = 0xfd, 0xfd
	}
	x.Orig.SrcKind, x.Orig.DstKind, x.Reply.SrcKind, x.Reply.DstKind = kind, kind, kind, kind
	binary.BigEndian.PutUint32(x.Orig.Src[at:], 10<<24|uint32(i)/50)
	binary.BigEndian.PutUint32(x.Orig.Dst[at:], 198<<24|r.Uint32N(20000))
	x.Reply.Src, x.Reply.Dst = x.Orig.Dst, x.Orig.Src
	x.Reply.Dst[15], x.Reply.Dst[0] = x.Reply.Dst[15]^1, 203
	x.Orig.SPort, x.Orig.DPort = uint16(r.Uint32()), 443
	x.Reply.SPort, x.Reply.DPort = 443, x.Orig.SPort
	x.Orig.Packets, x.Orig.Bytes, x.Reply.Packets, x.Reply.Bytes = uint64(r.IntN(1000)), uint64(r.IntN(1<<30)), uint64(r.IntN(1000)), uint64(r.IntN(1<<20))
	return x
}

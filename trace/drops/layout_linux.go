package drops

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"

	"nfscope/trace/kbtf"
)

// layout tells where the running kernel keeps what the program reads, in bytes from the
// begin of each structure. It comes from BTF, never from a version.
type layout struct {
	skb struct {
		size                               int
		dev, sk, dst, nfct, len, mark, iif int
		protocol, transport, network, mac  int
		head, tail, pktType                int
		pktTypeShift                       uint
	}
	devNet, devName, devIndex int
	sockNet                   int
	netInum                   int
	dstDev                    int
	// ct is what of a connection is read; size 0 where the kernel has no conntrack.
	ct struct {
		orig, reply, size    int // the tuples
		status, mark, zone   int // -1: not there
		srcAddr, srcPort, l3 int // within a tuple
		dstAddr, dstPort     int
		proto                int
	}
	// receiver is true where the tracepoint names the socket that was to get the packet
	// (Linux 6.11).
	receiver bool
	// reasons are the names by number, without SKB_DROP_REASON_.
	reasons map[uint32]string
}

// mostSkb is how long an sk_buff may be: the program has room for that.
const mostSkb = 320

// readLayout reads the kernel's BTF.
func readLayout() (*layout, error) {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, fmt.Errorf("read the kernel's BTF (/sys/kernel/btf/vmlinux, CONFIG_DEBUG_INFO_BTF): %w", err)
	}
	l := &layout{reasons: map[uint32]string{}}
	f := kbtf.Finder{Spec: spec}
	l.skb.size = f.Size("sk_buff")
	for _, m := range []struct {
		at    *int
		of    string
		names []string // newest first
	}{
		{&l.skb.dev, "sk_buff", []string{"dev"}},
		{&l.skb.sk, "sk_buff", []string{"sk"}},
		{&l.skb.dst, "sk_buff", []string{"_skb_refdst"}},
		{&l.skb.len, "sk_buff", []string{"len"}},
		{&l.skb.mark, "sk_buff", []string{"mark"}},
		{&l.skb.iif, "sk_buff", []string{"skb_iif"}},
		{&l.skb.protocol, "sk_buff", []string{"protocol"}},
		{&l.skb.transport, "sk_buff", []string{"transport_header"}},
		{&l.skb.network, "sk_buff", []string{"network_header"}},
		{&l.skb.mac, "sk_buff", []string{"mac_header"}},
		{&l.skb.head, "sk_buff", []string{"head"}},
		{&l.skb.tail, "sk_buff", []string{"tail"}},
		{&l.devNet, "net_device", []string{"nd_net"}},
		{&l.devName, "net_device", []string{"name"}},
		{&l.devIndex, "net_device", []string{"ifindex"}},
		{&l.sockNet, "sock_common", []string{"skc_net"}},
		{&l.netInum, "net", []string{"ns.inum", "proc_inum"}},
		{&l.dstDev, "dst_entry", []string{"dev"}},
	} {
		*m.at = f.At(m.of, m.names...)
	}
	l.skb.pktType, l.skb.pktTypeShift = f.Bits("sk_buff", "pkt_type")
	l.skb.nfct = f.Optional("sk_buff", "_nfct", "nfct")
	if f.Err != nil {
		return nil, f.Err
	}
	if l.skb.size > mostSkb {
		return nil, fmt.Errorf("this kernel's sk_buff has %d bytes, the program has room for %d", l.skb.size, mostSkb)
	}
	if err := l.conntrack(spec); err != nil {
		return nil, err
	}
	return l, l.tracepoint(spec)
}

// conntrack finds the tuples of a connection; nf_conntrack may be a module, with a BTF
// of its own.
func (l *layout) conntrack(spec *btf.Spec) error {
	var st *btf.Struct
	if l.skb.nfct < 0 {
		return nil
	}
	if spec.TypeByName("nf_conn", &st) != nil {
		module, err := btf.LoadKernelModuleSpec("nf_conntrack")
		if err != nil || module.TypeByName("nf_conn", &st) != nil {
			return nil // not loaded: no packet has a connection
		}
		spec = module
	}
	f := kbtf.Finder{Spec: spec}
	each, tuple := f.Size("nf_conntrack_tuple_hash"), f.At("nf_conntrack_tuple_hash", "tuple")
	l.ct.size = f.Size("nf_conntrack_tuple")
	l.ct.orig = f.At("nf_conn", "tuplehash") + tuple
	l.ct.reply = l.ct.orig + each
	l.ct.status = f.Optional("nf_conn", "status")
	l.ct.mark = f.Optional("nf_conn", "mark")
	l.ct.zone = f.Optional("nf_conn", "zone.id")
	l.ct.srcAddr, l.ct.srcPort, l.ct.l3 = f.At("nf_conntrack_tuple", "src.u3"), f.At("nf_conntrack_tuple", "src.u"), f.At("nf_conntrack_tuple", "src.l3num")
	l.ct.dstAddr, l.ct.dstPort, l.ct.proto = f.At("nf_conntrack_tuple", "dst.u3"), f.At("nf_conntrack_tuple", "dst.u"), f.At("nf_conntrack_tuple", "dst.protonum")
	if f.Err == nil && l.ct.size > mostTuple {
		return fmt.Errorf("this kernel's nf_conntrack_tuple has %d bytes, the program has room for %d", l.ct.size, mostTuple)
	}
	return f.Err
}

// tracepoint reads the names of the reasons, and what kfree_skb hands over.
func (l *layout) tracepoint(spec *btf.Spec) error {
	var e *btf.Enum
	if err := spec.TypeByName("skb_drop_reason", &e); err != nil {
		return fmt.Errorf("this kernel gives no reason with a drop (no enum skb_drop_reason; Linux 5.17 has it): %w", err)
	}
	for _, v := range e.Values {
		l.reasons[uint32(v.Value)] = reasonName(v.Name)
	}
	// The reasons of parts of the kernel that have numbers of their own; where they are
	// modules nobody knows the names.
	for _, name := range []string{"mac80211_drop_reason", "ovs_drop_reason"} {
		var sub *btf.Enum
		if spec.TypeByName(name, &sub) == nil {
			for _, v := range sub.Values {
				if uint32(v.Value)>>16 != 0 {
					l.reasons[uint32(v.Value)] = v.Name
				}
			}
		}
	}
	var td *btf.Typedef
	if err := spec.TypeByName("btf_trace_kfree_skb", &td); err != nil {
		return fmt.Errorf("this kernel has no tracepoint kfree_skb: %w", err)
	}
	p, ok := td.Type.(*btf.Pointer)
	if !ok {
		return fmt.Errorf("BTF: btf_trace_kfree_skb is no pointer but %v", td.Type)
	}
	proto, ok := p.Target.(*btf.FuncProto)
	if !ok || len(proto.Params) < 4 { // the first is the kernel's own
		return fmt.Errorf("this kernel's tracepoint kfree_skb hands over no reason (Linux 5.17 does)")
	}
	l.receiver = len(proto.Params) > 4
	return nil
}

// reasonName is a reason as nfscope and its users write it.
func reasonName(s string) string {
	if name, ok := strings.CutPrefix(s, "SKB_DROP_REASON_"); ok {
		return name
	}
	return strings.TrimPrefix(s, "SKB_") // SKB_CONSUMED, SKB_NOT_DROPPED_YET
}

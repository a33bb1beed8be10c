package live

import (
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"nfscope/trace/nettest"
)

// BenchmarkHook is what every forwarded packet pays for one more look at it, by what is
// there to look with: the least that a trace can cost. Two networks without rules take
// turns in short bursts on one CPU, the look is put into one of them and then into the
// other, and the differences have their median. key is a rule that says "meta nftrace
// set", anywhere; a tracepoint sees the packets of both networks, so it is compared with
// the time before. A round takes a second; with -benchtime 30x the bounds are some 10 ns apart.
func BenchmarkHook(b *testing.B) {
	const key, pre, post = "chain nowhere { meta nftrace set 1; };", "chain a { type filter hook prerouting priority -350; ", "chain z { type filter hook postrouting priority 1073741824; };"
	nft := func(text string) func(b *testing.B, f *flood) func() {
		return func(b *testing.B, f *flood) func() {
			nettest.Feed(b, f.net.Router, "table inet look { "+text+" };", "nft", "-f", "-")
			return func() { nettest.Run(b, f.net.Router, "nft", "delete", "table", "inet", "look") }
		}
	}
	for _, look := range []struct {
		name       string
		put        func(b *testing.B, f *flood) func()
		everywhere bool
	}{
		{"nothing", func(*testing.B, *flood) func() { return func() {} }, false},
		{"empty-chain", nft(post), false},
		{"empty-chain-and-key", nft(key + post), false},
		{"arming-chain-and-key", nft(key + pre + "ip daddr 10.9.9.9 udp dport 10 accept; };"), false},
		{"both-chains-and-key", nft(key + pre + "ip daddr 10.9.9.9 udp dport 10 accept; };" + post), false},
		{"arming-chain-no-key", nft(pre + "ip daddr 10.9.9.9 udp dport 10 accept; };"), false},
		{"bpf-netfilter", attachNetfilter, false},
		{"bpf-tracepoint", attachTracepoint, true},
	} {
		b.Run(look.name, func(b *testing.B) {
			nets := []*flood{floodThrough(b, "", ""), floodThrough(b, "", "")}
			ps := []*cpuSender{nets[0].pin(runtime.NumCPU() - 1), nets[1].pin(runtime.NumCPU() - 1)}
			round := func() (first, second float64) {
				const bursts, packets = 15, 300
				var took [2][]float64
				for range bursts {
					for i, p := range ps {
						p.ask <- packets
						took[i] = append(took[i], <-p.answer)
					}
				}
				slices.Sort(took[0])
				slices.Sort(took[1])
				return took[0][bursts/5], took[1][bursts/5]
			}
			round()
			var cost, base ratios
			for b.Loop() {
				b1, b2 := round()
				undo := look.put(b, nets[0])
				with1, without2 := round()
				undo()
				undo = look.put(b, nets[1])
				without1, with2 := round()
				undo()
				base = append(base, (b1+b2)/2)
				if look.everywhere {
					without1, without2 = b1, b2
				}
				cost = append(cost, (with1-without2+with2-without1)/2)
			}
			mid, low, high := cost.median()
			all, _, _ := base.median()
			b.Logf("%+.0f ns (%+.0f to %+.0f) of %.0f", mid, low, high, all)
			b.ReportMetric(mid, "ns/look")
			b.ReportMetric(all, "ns/packet")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// attachNetfilter attaches an eBPF program that lets everything on behind all chains of
// postrouting.
func attachNetfilter(b *testing.B, f *flood) func() {
	prog := accepting(b, ebpf.Netfilter, ebpf.AttachNetfilter, "", 1)
	var l link.Link
	nettest.Do(b, f.net.Router, func() (err error) {
		l, err = link.AttachNetfilter(link.NetfilterOptions{Program: prog, ProtocolFamily: unix.NFPROTO_IPV4, Hook: unix.NF_INET_POST_ROUTING, Priority: 1 << 30})
		return err
	})
	return func() {
		if err := errors.Join(l.Close(), prog.Close()); err != nil {
			b.Error(err)
		}
	}
}

// attachTracepoint attaches one to where a device takes a packet to send: a forwarded one
// passes there twice here, as the client's and as the router's.
func attachTracepoint(b *testing.B, _ *flood) func() {
	prog := accepting(b, ebpf.Tracing, ebpf.AttachTraceRawTp, "net_dev_start_xmit", 0)
	l, err := link.AttachTracing(link.TracingOptions{Program: prog})
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		if err := errors.Join(l.Close(), prog.Close()); err != nil {
			b.Error(err)
		}
	}
}

// accepting is a program that looks at nothing.
func accepting(b *testing.B, typ ebpf.ProgramType, at ebpf.AttachType, to string, answer int32) *ebpf.Program {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: typ, AttachType: at, AttachTo: to, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, answer), asm.Return()}})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

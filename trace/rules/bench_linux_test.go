package rules

import (
	"encoding/binary"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/ruleset"
	"nfscope/model/ruleset/rulesettest"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// The benchmarks hold nfscope against the kernel's and other programs' best on the same
// ruleset, in turn, so that the ratios they print hold on a busy machine too:
//
//	go test -run '^$' -bench . -benchtime 5x ./trace/rules
//
// NFSCOPE_BENCH_SERVICES makes the ruleset smaller or larger.

// kube puts the benchmarks' ruleset into a namespace.
func kube(b *testing.B, program string) *netns.Handle {
	b.Helper()
	nettest.Kernel(b, program)
	services := rulesettest.KubeServices
	if s := os.Getenv("NFSCOPE_BENCH_SERVICES"); s != "" {
		var err error
		if services, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	ns := nettest.New(b, "bench")
	nettest.Feed(b, ns, rulesettest.Kube(services), program, "-c")
	return ns
}

// race runs the contestants in turn and reports the median of each, in milliseconds,
// and the first one's ratio to each of the others.
type race struct {
	names []string
	runs  []func()
}

func (r *race) add(name string, run func()) {
	r.names, r.runs = append(r.names, name), append(r.runs, run)
}

func (r *race) run(b *testing.B) {
	b.Helper()
	times := make([][]time.Duration, len(r.runs))
	for b.Loop() {
		for i, run := range r.runs {
			begin := time.Now()
			run()
			times[i] = append(times[i], time.Since(begin))
		}
	}
	median := make([]float64, len(times))
	for i, l := range times {
		slices.Sort(l)
		median[i] = float64(l[len(l)/2])
		b.ReportMetric(median[i]/1e6, r.names[i]+"-ms")
		if i > 0 {
			b.ReportMetric(median[0]/median[i], "x-"+r.names[i])
		}
	}
	b.ReportMetric(0, "ns/op") // of all together: it says nothing
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func save(b *testing.B, ns *netns.Handle, program string, args ...string) func() {
	return func() {
		_, err := output(b.Context(), ns, longest, program, args...)
		must(b, err)
	}
}

// BenchmarkCountsLegacy: all counters at most 1.2 times IPT_SO_GET_ENTRIES alone.
func BenchmarkCountsLegacy(b *testing.B) {
	ns := kube(b, "iptables-legacy-restore")
	r := open(b, ns)
	rs := clean(b, r)
	l := &legacySocket{ns: ns, family: model.FamilyIPv4, fd: -1, effort: new(effort), tables: map[string]*legacyTable{}}
	must(b, l.open())
	defer l.close()
	t := &legacyTable{}
	defer t.unmap()
	var all race
	all.add("counts", func() {
		_, err := r.Counts(b.Context(), rs)
		must(b, err)
	})
	all.add("bare", func() {
		info, err := l.info("nat")
		must(b, err)
		must(b, t.room(entriesOff+int(info.size)))
		head := t.buf[:entriesOff]
		clear(head)
		copy(head, "nat")
		binary.NativeEndian.PutUint32(head[nameSize:], info.size)
		must(b, l.getsockopt(getEntries, t.buf[:entriesOff+int(info.size)]))
	})
	all.add("save", save(b, ns, "iptables-legacy-save", "-c"))
	all.run(b)
}

// BenchmarkCountsNFT: all counters at most 1.3 times the best dump, which goes chain by
// chain on two sockets and counts bytes.
func BenchmarkCountsNFT(b *testing.B) {
	nettest.Kernel(b, "iptables-nft-save", "nft")
	ns := kube(b, "iptables-nft-restore")
	r := open(b, ns)
	rs := clean(b, r)
	bare := newBareNFT(b, ns, rs)
	var all race
	all.add("counts", func() {
		_, err := r.Counts(b.Context(), rs)
		must(b, err)
	})
	all.add("bare", func() { bare.run(b) })
	all.add("save", save(b, ns, "iptables-nft-save", "-c"))
	if os.Getenv("NFSCOPE_BENCH_NFT") != "" { // takes 5 s and hundreds of MB
		all.add("nft-list", save(b, ns, "nft", "list", "ruleset"))
	}
	all.run(b)
}

// bareNFT dumps chains and counts bytes: its requests are made beforehand.
type bareNFT struct {
	fds      []int
	requests [][]byte
	bytes    atomic.Int64
}

func newBareNFT(b *testing.B, ns *netns.Handle, rs *model.Ruleset) *bareNFT {
	n := &bareNFT{}
	for range sockets {
		s := &nftSocket{ns: ns, fd: -1}
		must(b, s.open())
		b.Cleanup(func() { _ = s.close() })
		n.fds = append(n.fds, s.fd)
		if len(n.requests) > 0 {
			continue
		}
		for _, long := range []bool{true, false} {
			for _, t := range rs.Tables {
				for _, c := range t.Chains {
					if len(c.Rules) > 0 && long == (len(c.Rules) >= longChain) {
						s.dump(t.Family, t.Name, c.Name)
						n.requests = append(n.requests, slices.Clone(s.out))
					}
				}
			}
		}
	}
	return n
}

func (n *bareNFT) run(b *testing.B) {
	var next atomic.Int64
	var done sync.WaitGroup
	for _, fd := range n.fds {
		done.Go(func() {
			buf := make([]byte, readBuffer)
			for {
				i := int(next.Add(1)) - 1
				if i >= len(n.requests) {
					return
				}
				if _, err := unix.Write(fd, n.requests[i]); err != nil {
					b.Error(err)
					return
				}
				for last := false; !last; {
					got, err := unix.Read(fd, buf)
					if err != nil || got < unix.NLMSG_HDRLEN {
						b.Error(got, err)
						return
					}
					n.bytes.Add(int64(got))
					// NLMSG_DONE stands at the end: 20 bytes.
					last = got >= 20 && binary.NativeEndian.Uint16(buf[got-16:]) == unix.NLMSG_DONE && binary.NativeEndian.Uint32(buf[got-20:]) == 20
				}
			}
		})
	}
	done.Wait()
}

// BenchmarkSnapshot: the text is parsed in a quarter of the time that
// iptables-legacy-save -c needs to print it, with at most 400 bytes of heap a rule.
func BenchmarkSnapshot(b *testing.B) {
	for _, backend := range []string{"legacy", "nft"} {
		b.Run(backend, func(b *testing.B) {
			ns := kube(b, "iptables-"+backend+"-restore")
			r := open(b, ns)
			_, n := clean(b, r).Size()
			program := "iptables-" + backend + "-save"
			text, err := ns.Output(b.Context(), nil, program, "-c")
			must(b, err)
			words := string(text)
			var all race
			all.add("parse", func() { ruleset.ParseSaveText("f", words, ruleset.Options{}) })
			all.add("save", save(b, ns, program, "-c"))
			all.add("snapshot", func() {
				clear(r.cache)
				clean(b, r)
			})
			all.run(b)
			b.ReportMetric(float64(heapOf(func() any { d, _ := ruleset.ParseSave("f", text, ruleset.Options{}); return d })-len(text))/float64(n), "B/rule")
			runtime.KeepAlive(text)
		})
	}
}

// heapOf tells how many bytes what make gives keeps alive.
func heapOf(make func() any) int {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	v := make()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(v)
	return int(after.HeapAlloc) - int(before.HeapAlloc)
}

// BenchmarkVisible: 60 rules on the screen in less than 3 ms, whatever the total: of
// short chains, at the head and at the tail of the longest one. The kernel looks for a
// rule from its chain's head, so that those at the tail take longer; then one look reads
// some of them, and looks tells after how many all were.
func BenchmarkVisible(b *testing.B) {
	ns := kube(b, "iptables-nft-restore")
	r := open(b, ns)
	rs := clean(b, r)
	nat := rs.Table(model.BackendIptablesNFT, model.FamilyIPv4, "nat")
	long := nat.Chain("KUBE-SERVICES").Rules
	last := nat.Chains[len(nat.Chains)-1].Rules
	for name, first := range map[string]int{"short": last[len(last)-1].ID - 59, "head": long[0].ID, "middle": long[len(long)/2].ID, "tail": long[len(long)-60].ID} {
		b.Run(name, func(b *testing.B) {
			var ids []int
			for i := range 60 {
				ids = append(ids, first+i)
			}
			_, err := r.Counts(b.Context(), rs)
			must(b, err)
			read := 0
			w := watcher{r: r, rs: rs, emit: func(it feed.Item) { read += len(it.Partial.Rules) }}
			r.Focus(rs, nil, ids)
			looks, turns := 0, 0
			var all race
			all.add("look", func() {
				if !w.more {
					w.ages, turns = newAges(time.Time{}), turns+1
				}
				must(b, w.look(b.Context(), time.Now(), time.Hour))
				looks++
			})
			all.add("at-once", func() {
				c, err := r.CountsOf(b.Context(), rs, nil, ids)
				if must(b, err); len(c.Rules) < 60 {
					b.Fatalf("%d rules were read", len(c.Rules))
				}
			})
			all.run(b)
			b.ReportMetric(float64(looks)/float64(turns), "looks")
			b.ReportMetric(float64(read)/float64(looks), "rules/look")
		})
	}
}

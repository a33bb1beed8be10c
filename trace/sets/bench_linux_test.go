package sets

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"nfscope/model/set"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// million is what the sets of BenchmarkMillion hold.
const million = 1_000_000

// fillPlain makes an ipset and a set of nf_tables with n addresses.
func fillPlain(t testing.TB, ns *netns.Handle, n int) {
	t.Helper()
	var ip, nft bytes.Buffer
	fmt.Fprintf(&ip, "create all hash:ip maxelem %d\n", n)
	nft.WriteString("table inet t { set plain { type ipv4_addr; elements = {")
	for i := range n {
		a := fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
		fmt.Fprintf(&ip, "add all %s\n", a)
		fmt.Fprintf(&nft, "%s,", a)
	}
	nft.WriteString("} }\n}\n")
	nettest.Feed(t, ns, ip.String(), "ipset", "restore")
	nettest.Feed(t, ns, nft.String(), "nft", "-f", "-")
}

// BenchmarkMillion holds naming, paging, looking up and counting against the programs, on
// an ipset and a set of nf_tables with a million members each. MB is what is asked of the
// heap, or the program's largest memory, which is never less than ours when it was started.
//
//	go test ./trace/sets -run ^$ -bench Million -benchtime 1x -timeout 20m
func BenchmarkMillion(b *testing.B) {
	nettest.Kernel(b, "ipset", "nft")
	ns := nettest.New(b, "million")
	fillPlain(b, ns, million)
	r := reader(b, ns)
	all := map[string]set.Set{}
	l, err := r.List(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range l {
		all[s.Name] = s
	}
	ours := func(name string, fn func() error) {
		b.Run(name, func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				if err := fn(); err != nil {
					b.Fatal(err)
				}
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/1e6, "MB")
		})
	}
	theirs := func(name string, args ...string) {
		b.Run(name, func(b *testing.B) {
			peak, printed := int64(0), int64(0)
			for b.Loop() {
				var kB int64
				kB, printed = program(b, ns, args)
				peak = max(peak, kB)
			}
			b.ReportMetric(float64(peak)/1e3, "MB")
			b.ReportMetric(float64(printed)/1e6, "printedMB")
		})
	}
	ours("name/nfscope", func() error {
		_, err := r.List(b.Context())
		return err
	})
	theirs("name/ipset-list-t", "ipset", "list", "-t")
	theirs("name/nft-t-list-ruleset", "nft", "-t", "list", "ruleset")
	theirs("whole/ipset-list", "ipset", "list")
	theirs("whole/nft-list-set", "nft", "list", "set", "inet", "t", "plain")
	theirs("whole/nft-t-list-table", "nft", "-t", "list", "table", "inet", "t")
	for _, name := range []string{"all", "plain"} {
		s := all[name]
		for _, from := range []int{0, 10_000, 100_000, million - 500} {
			ours(fmt.Sprintf("page-%d/%s", from, s.Backend), func() error {
				p, err := r.Members(b.Context(), s, from, 500)
				if len(p.Members) != 500 {
					return fmt.Errorf("%d members, %w", len(p.Members), err)
				}
				return err
			})
		}
		ours("has/"+s.Backend.String(), func() error {
			in, err := r.Contains(b.Context(), s, "10.7.8.9")
			if !in {
				return fmt.Errorf("not in it: %w", err)
			}
			return err
		})
		ours("walk/"+s.Backend.String(), func() error {
			n := 0
			_, err := r.Walk(b.Context(), s, 0, func(set.Member) error {
				n++
				return nil
			})
			if n != million {
				return fmt.Errorf("%d members: %w", n, err)
			}
			return err
		})
	}
}

// program runs a program in a namespace, and tells its largest memory in kB and how much it printed.
func program(b *testing.B, ns *netns.Handle, args []string) (peak, printed int64) {
	b.Helper()
	nettest.Do(b, ns, func() error {
		path, err := exec.LookPath(args[0])
		if err != nil {
			return err
		}
		out, in, err := os.Pipe()
		if err != nil {
			return err
		}
		p, err := os.StartProcess(path, args, &os.ProcAttr{Files: []*os.File{nil, in, nil}})
		_ = in.Close()
		if err != nil {
			return err
		}
		printed, err = io.Copy(io.Discard, out)
		if err != nil {
			return err
		}
		_ = out.Close()
		st, err := p.Wait()
		if err != nil {
			return err
		}
		u, ok := st.SysUsage().(*syscall.Rusage)
		if !ok || !st.Success() {
			return fmt.Errorf("%v: %s", args, st)
		}
		peak = u.Maxrss
		return nil
	})
	return peak, printed
}

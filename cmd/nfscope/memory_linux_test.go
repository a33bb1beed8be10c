package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nfscope/model/ruleset/rulesettest"
	"nfscope/trace/nettest"
)

// BenchmarkMemory runs the program itself in a terminal on a Kubernetes node's 100,000
// rules and tells the most memory that it ever had (VmHWM, in MB, with its own 12 MB of
// code): to start, to show, to filter and sort, to follow changes on the Rules page, and
// one on the Path page. It is to be less than 150 MB. Beside that, the share of a core that
// the Rules page takes at rest (in %, at most 5), where only the kernel counts:
//
//	go test -run '^$' -bench Memory -benchtime 1x ./cmd/nfscope
func BenchmarkMemory(b *testing.B) {
	program := filepath.Join(b.TempDir(), "nfscope")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		b.Fatalf("build nfscope: %v\n%s", err, out)
	}
	for _, variant := range []string{"legacy", "nft"} {
		b.Run(variant, func(b *testing.B) {
			tables := "iptables-" + variant
			nettest.Kernel(b, "tmux", tables, tables+"-restore")
			for b.Loop() {
				ns := nettest.New(b, "memory")
				nettest.Feed(b, ns, rulesettest.Kube(rulesettest.KubeServices), tables+"-restore", "-c")
				id := filepath.Join(b.TempDir(), "id")
				tm := inTerminal(b, 180, 50, fmt.Sprintf("sh -c 'echo $$ > %s; exec %s --netns %s'", id, program, ns.Name()))
				_, rules := rulesettest.KubeSize(rulesettest.KubeServices)
				most := map[string]int{}
				phase := func(name string, do func()) {
					do()
					most[name] = peak(b, id)
				}
				change := func(chain, seen string) {
					nettest.Run(b, ns, tables, "-t", "nat", "-I", chain, "-s", "10.9.9.9", "-j", "ACCEPT")
					tm.see(seen)
				}
				tm.see("KUBE-SERVICES")
				phase("start", func() {})
				phase("show", func() {
					tm.keys("2")
					tm.see(fmt.Sprintf("all rules %d", rules))
					tm.keys("/")
					tm.keys("-l", "dst port 80 and src net 10.244.0.0/16")
					tm.keys("Enter")
					tm.see("12000 rules found")
					tm.keys("/", "C-u", "Enter")
					tm.see(fmt.Sprintf("all rules %d", rules))
					tm.keys("b", "o")
					tm.see("hottest")
				})
				// All rules are counted every 6 to 20 s.
				b.ReportMetric(share(b, process(b, id), 50*time.Second), "%core-rest")
				phase("change", func() {
					change("OUTPUT", "+1 in nat/OUTPUT")
					change("INPUT", "+1 in nat/INPUT")
					change("PREROUTING", "+1 in nat/PREROUTING")
				})
				phase("path", func() {
					tm.keys("1")
					tm.see("local process")
					change("POSTROUTING", "-s 10.9.9.9")
				})
				tm.keys("q")
				tm.ended(exitDone)
				all := 0
				for name, mb := range most {
					b.ReportMetric(float64(mb), name+"-MB")
					all = max(all, mb)
				}
				b.ReportMetric(float64(all), "peak-MB")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// process reads the id of one.
func process(b *testing.B, idFile string) string {
	b.Helper()
	id, err := os.ReadFile(idFile)
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(string(id))
}

// peak is the most memory in MB that a process had since the last time.
func peak(b *testing.B, idFile string) (mb int) {
	b.Helper()
	proc := "/proc/" + process(b, idFile)
	status, err := os.ReadFile(proc + "/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var kb int
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kb); n == 1 {
			mb = kb >> 10
		}
	}
	if err := os.WriteFile(proc+"/clear_refs", []byte("5"), 0); err != nil { // begins VmHWM anew
		b.Fatal(err)
	}
	return mb
}

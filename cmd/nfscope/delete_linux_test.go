package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"nfscope/trace/netns"
	"nfscope/trace/nettest"
	"nfscope/ui/component/units"
)

// TestDeleteInTheProgram: d and y take the chosen connection, and it alone, out of the
// kernel's table, and the program says so; n takes nothing. Who did not say that anything may
// be changed is not even asked.
func TestDeleteInTheProgram(t *testing.T) {
	nettest.Kernel(t, "conntrack", "tmux")
	t.Parallel()
	ns := nettest.New(t, "delete")
	deleteChosen(t, ns, 3, "nfscope")
	tm := inTerminal(t, 160, 40, "nfscope --netns "+ns.Name())
	tm.see("nfscope")
	tm.keys("3")
	tm.see("2 connections", "original")
	tm.keys("d")
	tm.see("this is read-only: nfscope --readonly=false lets you delete connections")
	tm.keys("y", "q")
	tm.ended(exitDone)
	if n := strings.TrimSpace(nettest.Run(t, ns, "conntrack", "-C")); n != "2" {
		t.Errorf("%s of 2 are left where nothing may be deleted", n)
	}
}

// BenchmarkDelete is TestDeleteInTheProgram beside a million connections, and how long it
// takes from the yes until the program says that it is done.
//
//	go test -run '^$' -bench Delete -benchtime 1x ./cmd/nfscope
func BenchmarkDelete(b *testing.B) {
	nettest.Kernel(b, "conntrack", "tmux")
	nettest.TrackedRoom(b, 1_100_000)
	for b.Loop() {
		b.ReportMetric(float64(deleteChosen(b, nettest.New(b, "delete"), 1_000_000, "nfscope").Milliseconds()), "ms-deleted")
	}
	b.ReportMetric(0, "ns/op")
}

// deleteChosen has a program delete the connection under the cursor, of n in a namespace.
func deleteChosen(t testing.TB, ns *netns.Handle, n int, program string) time.Duration {
	t.Helper()
	nettest.NewTracked(t, ns).Make(t, 0, n)
	tm := inTerminal(t, 160, 40, program+" --readonly=false --netns "+ns.Name())
	tm.see("nfscope")
	tm.keys("3")
	tm.see(units.Count(uint64(n), 7)+" connections", "original")
	tm.keys("d")
	tm.see("delete this connection?", "udp 10.")
	tm.keys("n")
	tm.gone("delete this connection?")
	count := func() string {
		return strings.TrimSpace(nettest.Run(t, ns, "conntrack", "-C"))
	}
	if got := count(); got != fmt.Sprint(n) {
		t.Fatalf("after a no there are %s of %d", got, n)
	}
	tm.keys("d")
	tm.see("delete this connection?")
	began := time.Now()
	tm.keys("y")
	tm.see("deleted: udp 10.")
	took := time.Since(began)
	_, said, _ := strings.Cut(tm.tmux("capture-pane", "-p"), "deleted: udp ")
	end, _, _ := strings.Cut(said, ":")
	if got := count(); got != fmt.Sprint(n-1) {
		t.Errorf("after a yes there are %s of %d", got, n)
	}
	if got := nettest.Run(t, ns, "conntrack", "-L", "-s", end); end == "" || strings.Contains(got, "src="+end+" ") {
		t.Errorf("%q, which is said to be deleted, is still there: %s", end, got)
	}
	tm.keys("q")
	tm.ended(exitDone)
	return took
}

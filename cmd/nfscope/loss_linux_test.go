package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/trace/nettest"
)

// TestLossIsTold: events that nfscope was too slow for are in the last line, in the stats,
// in the recording and in what a replay says of it, and packets that may have suffered say so.
func TestLossIsTold(t *testing.T) {
	nettest.Kernel(t, "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "table ip fw { chain f { type filter hook forward priority 0; udp dport 9 counter drop; }; }\n", "nft", "-f", "-")
	file := filepath.Join(t.TempDir(), "case.nfs")
	r := tracing(t, n.Router, "--json", "--rate", "1000000", "-w", file, "udp and dst port 9")
	nettest.Stop(t, r.cmd.Process.Pid)
	const sent = 80_000 // their events fill more than the receive buffer, which takes those of 53,000
	nettest.Do(t, n.Client, func() error {
		c, err := net.Dial("udp", "10.2.0.2:9")
		if err != nil {
			return err
		}
		defer c.Close()
		for range sent {
			if _, err := c.Write([]byte("x")); err != nil {
				return err
			}
		}
		return nil
	})
	r.signal(unix.SIGCONT)
	torn := false // a packet under way while events were lost
	r.line("a packet", func(l string) bool { return strings.Contains(l, `"dport":9`) })
	r.signal(os.Interrupt)
	out, errs := r.ends(exitInterrupted)
	list := objects(t, out)
	stats := endsWithStats(t, list)
	for _, o := range list {
		gaps, _ := o["gaps"].(float64)
		torn = torn || o["schema"] == "nfscope/journey/1" && gaps > 0 && o["complete"] == false
	}
	said := regexp.MustCompile(`events?, lost (\d+)`).FindStringSubmatch(errs)
	if said == nil {
		t.Fatalf("it said %s", errs)
	}
	lost, err := strconv.ParseFloat(said[1], 64)
	if err != nil || lost == 0 || stats["lost"] != lost || !torn {
		t.Errorf("the last line says %v lost, the stats %v; a packet that suffered: %v", lost, stats["lost"], torn)
	}
	if uncounted := strings.Contains(errs, ", nobody knows how many more"); uncounted != (stats["gaps"] != 0.0) {
		t.Errorf("gaps %v: %s", stats["gaps"], errs)
	}
	again, _ := launch(t, "nfscope", "replay", "--json", file).ends(exitDone)
	if s := endsWithStats(t, objects(t, again)); s["lost"] != lost {
		t.Errorf("the replay says %v lost, the trace %v", s["lost"], lost)
	}
	b, err := exec.Command("nfscope", "replay", "--info", "--json", file).Output()
	var info struct {
		Lost, Dropped float64
		Ended         string
		Host          struct{ Facts []any }
	}
	if err != nil || json.Unmarshal(b, &info) != nil || info.Lost+info.Dropped < lost || info.Ended != "interrupted" || len(info.Host.Facts) == 0 {
		t.Errorf("the recording says %+v, %v; lost were %v", info, err, lost)
	}
}

// TestLossOfSights: what programs saw and nfscope was too slow for is told as lost too, in the
// last line, in the stats, in the recording and its replay, and of no packet is said which
// chain dropped it.
func TestLossOfSights(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	n := nettest.NewRouted(t)
	file := filepath.Join(t.TempDir(), "case.nfs")
	r := tracing(t, n.Router, "--programs", "--json", "--rate", "1000000", "-w", file, "udp and dst port 9")
	nettest.Stop(t, r.cmd.Process.Pid)
	const sent = 2000.0 // each seen at five seats, 10,000 sights: there is room for 5,957
	sendAll(t, n, sent)
	r.signal(unix.SIGCONT)
	r.line("a packet", func(l string) bool { return strings.Contains(l, `"dport":9`) })
	r.signal(os.Interrupt)
	out, errs := r.ends(exitInterrupted)
	list := objects(t, out)
	stats := endsWithStats(t, list)
	torn := 0
	for _, o := range list {
		if o["schema"] == "nfscope/journey/1" && o["complete"] == false {
			torn++
		}
	}
	lost, _ := stats["lost"].(float64)
	if lost < 1000 || torn != len(list)-1 || !strings.Contains(errs, fmt.Sprintf(", lost %.0f\n", lost)) {
		t.Errorf("lost %v, %d of %d packets say so; it said %s", lost, torn, len(list)-1, errs)
	}
	again, _ := launch(t, "nfscope", "replay", "--json", file).ends(exitDone)
	if s := endsWithStats(t, objects(t, again)); s["lost"] != lost {
		t.Errorf("the replay says %v lost, the trace %v", s["lost"], lost)
	}
	b, err := exec.Command("nfscope", "replay", "--info", "--json", file).Output()
	var info struct {
		Lost  float64
		Items map[string]float64
	}
	if err != nil || json.Unmarshal(b, &info) != nil || info.Lost != lost {
		t.Errorf("the recording says %+v, %v; lost were %v", info, err, lost)
	}
	if losses := info.Items["sights"] + lost - 5*sent; losses < 1 || losses > 9 { // one item each
		t.Errorf("of %v packets it has %v sights, and %v were lost", sent, info.Items["sights"], lost)
	}
}

// sendAll sends datagrams to a port of the server where nobody listens, until that has had them all:
// none waits for a processor any more, and no more of them wait at once than the kernel keeps
// (net.core.netdev_max_backlog).
func sendAll(t *testing.T, n *nettest.Routed, packets int) {
	t.Helper()
	var c net.Conn
	nettest.Do(t, n.Client, func() (err error) {
		c, err = net.Dial("udp", "10.2.0.2:9")
		return err
	})
	defer c.Close()
	p := nettest.NewPatience()
	defer p.Stop()
	for sent := 0; sent < packets; {
		for range min(200, packets-sent) {
			_, err := c.Write([]byte("x"))
			for errors.Is(err, unix.ECONNREFUSED) { // of one before; this one is not sent
				_, err = c.Write([]byte("x"))
			}
			if err != nil {
				t.Fatal(err)
			}
			sent++
		}
		for came := noPorts(t, n); came < sent; came = noPorts(t, n) {
			if <-p.C; p.Over() {
				t.Fatalf("%d of %d came", came, sent)
			}
		}
	}
}

// noPorts is how many datagrams came to the server for which nobody listens.
func noPorts(t *testing.T, n *nettest.Routed) int {
	t.Helper()
	var udp []string
	for l := range strings.Lines(nettest.Run(t, n.Server, "cat", "/proc/net/snmp")) {
		if strings.HasPrefix(l, "Udp:") {
			udp = strings.Fields(l) // the second line has the values
		}
	}
	if len(udp) < 3 {
		t.Fatalf("the counters are %q", udp)
	}
	came, err := strconv.Atoi(udp[2])
	if err != nil {
		t.Fatal(err)
	}
	return came
}

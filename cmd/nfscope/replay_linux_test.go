package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"nfscope/trace/nettest"
)

const gateway = "../../docs/labs/gateway/recording.nfs"

// TestReplayMoves: in a real terminal a recording is moved through, forwards and back.
func TestReplayMoves(t *testing.T) {
	t.Parallel()
	file, err := filepath.Abs(gateway)
	if err != nil {
		t.Fatal(err)
	}
	tm := inTerminal(t, 170, 40, "nfscope replay --speed 0.125 "+file)
	var info struct{ First, Last time.Time }
	if out, err := exec.Command("nfscope", "replay", file, "--info", "--json").Output(); err != nil || json.Unmarshal(out, &info) != nil {
		t.Fatalf("%s, %v", out, err)
	}
	long := fmt.Sprintf("%.0f s", info.Last.Sub(info.First).Seconds())
	tm.see("REPLAY", " of "+long)
	tm.keys("Space") // what plays on would be over before a busy machine looks
	tm.see("PAUSED")
	tm.keys("$")
	tm.see(long+" of "+long, "#36 tcp 198.51.100.66")
	tm.keys("^")
	tm.see("0 s of "+long, "no packet was traced yet")
	tm.keys("}")
	tm.see("#1 tcp 10.1.0.2")
	// The first packet is there, and the second one is not yet.
	out, err := exec.Command("nfscope", "replay", file, "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	second, err := time.Parse(time.RFC3339Nano, fmt.Sprint(at(objects(t, string(out))[1], "start")))
	if err != nil {
		t.Fatal(err)
	}
	place := second.Sub(info.First)
	tm.keys(">")
	tm.see(fmt.Sprintf("%.0f s of %s", (place + 10*time.Second).Seconds(), long))
	tm.keys("<")
	tm.see(fmt.Sprintf("%.0f s of %s", place.Seconds(), long), "#1 tcp 10.1.0.2")
	tm.keys("q")
	tm.ended(0)
	// A part of it begins at --from and ends at --to.
	tm = inTerminal(t, 170, 40, "nfscope replay --speed 0.125 --from 14s --to 14s "+file)
	tm.see("14 s of 14 s")
	tm.keys("q")
	tm.ended(0)
}

// TestReplayMakes: what replay makes of a recording beside playing it.
func TestReplayMakes(t *testing.T) {
	nettest.Kernel(t, "tcpdump")
	t.Parallel()
	dir := t.TempDir()
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("nfscope", append([]string{"replay"}, args...)...).Output()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return string(out)
	}
	again := filepath.Join(dir, "again.nfs")
	run(gateway, "-w", again)
	if a, b := run(gateway, "--plain"), run(again, "--plain"); a != b || len(a) < 1000 {
		t.Errorf("written again it says\n%.500s\nand said\n%.500s", b, a)
	}
	hidden := filepath.Join(dir, "hidden.nfs")
	run(gateway, "-w", hidden, "--redact")
	if text := run(hidden, "--json"); strings.Contains(text, `"10.1.0.2"`) || strings.Count(text, "\n") != strings.Count(run(gateway, "--json"), "\n") {
		t.Errorf("redacted:\n%.2000s", text)
	}
	var info struct {
		Schema string
		Ended  string
		Items  map[string]int
		Rules  []any
	}
	if err := json.Unmarshal([]byte(run(again, "--info", "--json")), &info); err != nil || info.Schema != "nfscope/recording-info/1" || !strings.Contains(run(gateway, "--plain"), fmt.Sprintf(", %d events,", info.Items["events"])) || len(info.Rules) == 0 {
		t.Errorf("%+v, %v", info, err)
	}
	if text := run(gateway, "--compare", "35,36"); !strings.HasPrefix(text, "#35 and #36 part at the first step, nat/PREROUTING rule 1: #36 matches") {
		t.Errorf("compared:\n%s", text)
	}
	var c struct {
		Schema string
		Part   int
		Rows   []struct{ A, B int }
	}
	if err := json.Unmarshal([]byte(run(gateway, "--compare", "35,36", "--json")), &c); err != nil || c.Schema != "nfscope/comparison/1" || c.Part != 0 || len(c.Rows) < 5 {
		t.Errorf("%+v, %v", c, err)
	}
	late := run(gateway, "--plain", "--from", "14s")
	if strings.Contains(late, "#1 tcp") || !strings.Contains(late, "#36 tcp") {
		t.Errorf("from 14 s on:\n%.500s", late)
	}
	early := run(gateway, "--plain", "--to", "5s")
	if !strings.Contains(early, "#1 tcp") || strings.Contains(early, "#36 tcp") {
		t.Errorf("up to 5 s:\n%.500s", early)
	}
	// A part of it, written as a recording, has what the whole one tells of that part.
	part := filepath.Join(dir, "part.nfs")
	run(gateway, "-w", part, "--from", "3s", "--to", "13s")
	outcomes := func(args ...string) (list []any) {
		for _, o := range objects(t, run(append(args, "--json")...)) {
			if o["schema"] == "nfscope/journey/1" {
				list = append(list, at(o, "outcome", "sentence"), o["start"])
			}
		}
		return list
	}
	if a, b := outcomes(gateway, "--from", "3s", "--to", "13s"), outcomes(part); !reflect.DeepEqual(a, b) || len(a) < 4 || len(a) == len(outcomes(gateway)) {
		t.Errorf("of the part it tells\n%v\nand of the whole\n%v", b, a)
	}
	// Stdout and stdin are files too.
	if a, b := run(gateway, "-w", "-"), string(mustRead(t, again)); a != b {
		t.Errorf("on stdout %d bytes, in a file %d", len(a), len(b))
	}
	for _, flag := range []string{"--plain", "--json", "--info"} {
		c := exec.Command("nfscope", "replay", "-", flag)
		c.Stdin = bytes.NewReader(mustRead(t, gateway))
		if out, err := c.Output(); err != nil || string(out) != strings.ReplaceAll(run(gateway, flag), gateway, "-") && flag == "--plain" || len(out) == 0 {
			t.Errorf("%s of stdin: %v\n%.300s", flag, err, out)
		}
	}
	pcap := filepath.Join(dir, "x.pcapng")
	run(gateway, "--pcapng", pcap)
	out, err := exec.Command("tcpdump", "-nn", "-r", pcap).Output()
	if err != nil || strings.Count(string(out), "\n") != 36 || !strings.Contains(string(out), "> 203.0.113.1.80: Flags [S]") {
		t.Errorf("tcpdump reads %v:\n%s", err, out)
	}
	text := string(mustRead(t, pcap))
	if a := run(gateway, "--pcapng", "-"); a != text {
		t.Errorf("on stdout %d bytes, in a file %d", len(a), len(text))
	}
	// The comment of a packet is its whole way, as text has it.
	ladder := strings.Split(run(gateway, "--plain"), "\n\n")[1]
	if !strings.HasPrefix(ladder, "#1 tcp ") || !strings.Contains(text, ladder) || !strings.Contains(ladder, "-A OUTBOUND -s 10.1.0.0/24 -j ACCEPT") {
		t.Errorf("the first packet's comment is not\n%s", ladder)
	}
	// Of what was sent on a second one tells how it left, and where.
	twice := run(gateway, "--pcapng", "-", "--left")
	cmd := exec.Command("tcpdump", "-nn", "-r", "-")
	cmd.Stdin = strings.NewReader(twice)
	out, err = cmd.Output()
	if l := strings.Split(string(out), "\n"); err != nil || strings.Count(twice, " as it left: sent out of ") != len(l)-1-36 || len(l) < 40 ||
		!strings.Contains(l[0], " IP 10.1.0.2.") || !strings.Contains(l[1], " IP 203.0.113.1.") || !strings.Contains(l[2], "> 203.0.113.1.") || !strings.Contains(l[3], "> 10.1.0.2.") {
		t.Errorf("--left, tcpdump reads %v:\n%s", err, out)
	}
	for _, bad := range [][]string{{"--compare", "3"}, {"--compare", "3,3"}, {"--compare", "1,999"}, {"--redact"}, {"--left"}, {"--from", "3s", "--to", "1s"}, {"-w", gateway},
		{"--info", "--compare", "35,36"}, {"--info", "--pcapng", pcap}, {"--compare", "35,36", "--pcapng", pcap}, {"-w", again, "--info"}, {"-w", again, "--pcapng", pcap},
		{"--info", "--from", "1s"}, {"--info", "--to", "1s"}} {
		said, err := exec.Command("nfscope", append([]string{"replay", gateway}, bad...)...).CombinedOutput()
		if e, ok := err.(*exec.ExitError); !ok || e.ExitCode() != 2 || strings.Count(string(said), "\n") != 1 {
			t.Errorf("%v: %v, want status 2 and a sentence: %.300s", bad, err, said)
		}
	}
	if _, err := os.Stat("-"); err == nil {
		t.Error("a file is called -")
	}
}

// TestNoBytesForTerminals: a recording and a capture are not written to a terminal.
func TestNoBytesForTerminals(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	file, err := filepath.Abs(gateway)
	if err != nil {
		t.Fatal(err)
	}
	ns := nettest.New(t, "r")
	for _, args := range []string{"replay " + file + " -w -", "replay " + file + " --pcapng -", "trace -w - udp"} {
		said := filepath.Join(t.TempDir(), "said")
		tm := inTerminal(t, 120, 10, "nfscope --netns "+ns.Name()+" "+args+" 2>"+said)
		tm.ended(exitUsage)
		if text := string(mustRead(t, said)); strings.Count(text, "\n") != 1 || !strings.Contains(text, "that is no text for a terminal") {
			t.Errorf("%s: %s", args, text)
		}
	}
}

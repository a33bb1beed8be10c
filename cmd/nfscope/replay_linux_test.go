package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

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
	tm.see("REPLAY", " of 17 s")
	tm.keys("$")
	tm.see("17 s of 17 s", "#36 tcp 198.51.100.66")
	tm.keys("^")
	tm.see("0 s of 17 s", "no packet was traced yet")
	tm.keys("Space")
	tm.see("PAUSED")
	tm.keys("}")
	tm.see("#1 tcp 10.1.0.2")
	tm.keys(">")
	tm.see("12 s of 17 s")
	tm.keys("<")
	tm.see("2 s of 17 s", "#1 tcp 10.1.0.2")
	tm.keys("q")
	tm.ended(0)
}

// TestReplayMakes: what replay makes of a recording beside playing it.
func TestReplayMakes(t *testing.T) {
	nettest.Kernel(t)
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
	if err := json.Unmarshal([]byte(run(again, "--info", "--json")), &info); err != nil || info.Schema != "nfscope/recording-info/1" || info.Items["events"] != 286 || len(info.Rules) == 0 {
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
	late := run(gateway, "--plain", "--from", "15s")
	if strings.Contains(late, "#1 tcp") || !strings.Contains(late, "#36 tcp") {
		t.Errorf("from 15 s on:\n%.500s", late)
	}
	early := run(gateway, "--plain", "--to", "5s")
	if !strings.Contains(early, "#1 tcp") || strings.Contains(early, "#36 tcp") {
		t.Errorf("up to 5 s:\n%.500s", early)
	}
	pcap := filepath.Join(dir, "x.pcapng")
	run(gateway, "--pcapng", pcap)
	out, err := exec.Command("tcpdump", "-nn", "-r", pcap).Output()
	if err != nil || strings.Count(string(out), "\n") != 36 || !strings.Contains(string(out), "198.51.100.66.48581 > 203.0.113.1.80: Flags [S]") {
		t.Errorf("tcpdump reads %v:\n%s", err, out)
	}
	for _, bad := range [][]string{{"--compare", "3"}, {"--compare", "3,3"}, {"--compare", "1,999"}, {"--redact"}, {"--left"}, {"--from", "3s", "--to", "1s"}, {"-w", gateway}} {
		err := exec.Command("nfscope", append([]string{"replay", gateway}, bad...)...).Run()
		if e, ok := err.(*exec.ExitError); !ok || e.ExitCode() != 2 {
			t.Errorf("%v: %v, want status 2", bad, err)
		}
	}
}

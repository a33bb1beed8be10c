package main

import (
	"bufio"
	"io"
	"os/exec"
	"strings"
	"testing"

	"nfscope/trace/nettest"
)

// TestLabStep: with --step each question is asked and nothing is sent before enter.
func TestLabStep(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	cmd := exec.Command("nfscope", "--lang", "zh", "lab", "run", "--plain", "--step", "first-match")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	said := bufio.NewReader(errs)
	asked := func() {
		t.Helper()
		if l, err := said.ReadString('\n'); err != nil || !strings.Contains(l, "按 enter 发送") {
			t.Fatalf("it said %q, %v", l, err)
		}
	}
	story := bufio.NewReader(out)
	told := func(want string) (all string) {
		t.Helper()
		for {
			l, err := story.ReadString('\n')
			if all += l; err != nil {
				t.Fatalf("no %q in\n%s", want, all)
			}
			if strings.Contains(l, want) {
				return all
			}
		}
	}
	asked()
	if all := told("由哪条规则决定"); strings.Contains(all, "发送方看到") {
		t.Errorf("a packet was sent before enter:\n%s", all)
	}
	_, _ = io.WriteString(in, "\n")
	told("发送方看到：已应答")
	asked()
	told("规则 1 说 DROP，规则 3 说 ACCEPT")
	in.Close() // the rest runs at once
	told("丢失 0")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	nfscope(t, exitUsage, "lab", "run", "--step", "first-match")
}

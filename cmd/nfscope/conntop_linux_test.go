package main

import (
	"fmt"
	"strings"
	"testing"

	"nfscope/model/flow"
	"nfscope/trace/nettest"
)

// TestConnsTop adds three connections of the kernel up by everything there is, and holds text and JSON
// against each other.
func TestConnsTop(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "sysctl")
	t.Parallel()
	n, dial := masqueraded(t)
	nettest.Run(t, n.Router, "sysctl", "-w", "net.netfilter.nf_conntrack_acct=1")
	for range 3 {
		dial()
	}
	names := map[string]string{"client": "10.1.0.2", "destination": "10.1.0.1", "service": "tcp 10.1.0.1:8080", "backend": "tcp 10.2.0.2:80", "nat": "10.2.0.1", "dnat": "10.2.0.2",
		"proto": "tcp", "state": "tcp ESTABLISHED", "zone": "zone 0", "mark": "mark 0x0", "class": "dnat+masquerade"}
	if len(names) != len(flow.KindWords()) {
		t.Errorf("%v are not all of %v", names, flow.KindWords())
	}
	for by, name := range names {
		args := []string{"--netns", n.Router.Name(), "conns", "--top=" + by, "tcp and dst port 8080"}
		out, errs := launch(t, "nfscope", append(args, "--json")...).ends(exitDone)
		list := objects(t, out)
		if len(list) != 2 || errs != "" {
			t.Fatalf("want one row and the stats:\n%s%s", out, errs)
		}
		endsWithStats(t, list)
		for path, want := range map[string]any{"schema": "nfscope/top/1", "by": by, "rank": 1.0, "name": name, "flows": 3.0, "unreplied": 0.0} {
			if got := at(list[0], path); got != want {
				t.Errorf("--top=%s: %s is %v, want %v", by, path, got, want)
			}
		}
		packets, _ := at(list[0], "packets").(float64)
		bytes, _ := at(list[0], "bytes").(float64)
		if _, rated := list[0]["bytes_per_second"]; packets < 9 || bytes < 40*packets || rated {
			t.Errorf("--top=%s: %s", by, out)
		}
		text, _ := launch(t, "nfscope", args...).ends(exitDone)
		lines := strings.Split(strings.TrimSpace(text), "\n")
		// A keepalive may have gone meanwhile.
		var packetsNow, bytesNow float64
		_, err := fmt.Sscanf(strings.Join(strings.Fields(strings.TrimPrefix(lines[len(lines)-1], name)), " "), "3 0 %f %f n/a", &packetsNow, &bytesNow)
		if err != nil || len(lines) != 3 || lines[0] != "by "+by+", 1 of 1" || packetsNow < packets || bytesNow < bytes {
			t.Errorf("--top=%s, expected %s with 3 connections, %.0f packets, %.0f bytes: %v\n%s", by, name, packets, bytes, err, text)
		}
	}
	if _, errs := launch(t, "nfscope", "--netns", n.Router.Name(), "conns", "--top=colour").ends(exitUsage); !strings.Contains(errs, `"colour" is nothing to add connections up by: expected client, destination, service,`) {
		t.Error(errs)
	}
}

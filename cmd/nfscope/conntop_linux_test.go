package main

import (
	"fmt"
	"os"
	"regexp"
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
		if last := endsWithStats(t, list); last["events"] != 1.0 {
			t.Errorf("--top=%s: %v", by, last)
		}
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

// TestConnsAgain: with --follow connections are added up, and pools counted, again and again: what
// is new, what was carried without an event, and by today's rules.
func TestConnsAgain(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "sysctl")
	t.Parallel()
	n, dial := masqueraded(t)
	nettest.Run(t, n.Router, "sysctl", "-w", "net.netfilter.nf_conntrack_acct=1")
	c := dial()
	follow := func(args ...string) *running {
		return launch(t, "nfscope-often", append([]string{"--netns", n.Router.Name(), "conns", "--follow"}, args...)...)
	}
	top, pools := follow("--top=service", "--json", "tcp and dst port 8080"), follow("--pools", "--json", "tcp")
	topText, poolsText := follow("--top=service"), follow("--pools")
	number := func(r *running, what string, ok func(o map[string]any, n func(string) float64) bool) {
		t.Helper()
		r.line(what, func(l string) bool {
			o := objects(t, l)[0]
			return ok(o, func(field string) float64 { v, _ := o[field].(float64); return v })
		})
	}
	number(top, "a connection", func(_ map[string]any, n func(string) float64) bool { return n("flows") == 1 })
	number(pools, "a port", func(o map[string]any, n func(string) float64) bool {
		return n("used") == 1 && o["growth_per_second"] == nil
	})
	topText.line("when it was", regexp.MustCompile(`^\d\d:\d\d:\d\d  by service, 1 of 1\n$`).MatchString)
	poolsText.line("when it was", regexp.MustCompile(`^\d\d:\d\d:\d\d\n$`).MatchString)
	dial()
	if _, err := c.Write(make([]byte, 20_000)); err != nil {
		t.Fatal(err)
	}
	nettest.Feed(t, n.Router, "*nat\n-A PREROUTING -p tcp -d 10.1.0.1 --dport 8080 -j DNAT --to-destination 10.2.0.2:80\n-A POSTROUTING -p tcp -j MASQUERADE\nCOMMIT\n", "iptables-legacy-restore")
	number(top, "two, and what they carried", func(_ map[string]any, n func(string) float64) bool {
		return n("flows") == 2 && n("bytes") > 20_000
	})
	number(pools, "two, more than before, and the new rule", func(o map[string]any, n func(string) float64) bool {
		return n("used") == 2 && n("growth_per_second") > 0 && strings.Contains(fmt.Sprint(o["rules"]), "-A POSTROUTING -p tcp -j MASQUERADE")
	})
	for _, r := range []*running{topText, poolsText, top, pools} {
		r.signal(os.Interrupt)
		out, errs := r.ends(exitInterrupted)
		if errs != "" {
			t.Errorf("%v: %s", r.cmd.Args, errs)
		}
		if r == top || r == pools {
			if list := objects(t, out); endsWithStats(t, list)["events"] != float64(len(list)-1) {
				t.Errorf("other events than lines:\n%s", out)
			}
		}
	}
}

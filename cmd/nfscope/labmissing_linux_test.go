package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nfscope/docs/labs"
	"nfscope/trace/lab"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// TestLabLacks: what a lab needs and this machine has not is said in one sentence, nothing
// half built stays, and the lesson can be watched all the same. Each is hidden in a mount
// namespace of the test's own.
func TestLabLacks(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft", "ipset", "unshare", "sh", "mount")
	if _, err := os.Stat("/proc/sys/net/bridge"); err != nil {
		nettest.Skip(t, "br_netfilter is not loaded")
	}
	exe, err := exec.LookPath("nfscope")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, hide, lab, says, chinese string }{
		{"iptables", `for d in /usr/sbin /sbin /usr/local/sbin; do mount -t tmpfs none $d || exit 99; done`, "first-match",
			"the program iptables-legacy-restore is missing, which loads server.save into host server; install the package iptables", "缺少程序 iptables-legacy-restore，主机 server 的 server.save 要由它装入；请安装软件包 iptables"},
		{"nft", `mount --bind /dev/null $(command -v nft) || exit 99`, "gateway",
			"the program nft is missing, which loads gateway.nft into host gateway; install the package nftables", "缺少程序 nft，主机 gateway 的 gateway.nft 要由它装入；请安装软件包 nftables"},
		{"ipset", `mount --bind /dev/null $(command -v ipset) || exit 99`, "security-groups",
			"the program ipset is missing, which loads the sets of agent into host hypervisor; install the package ipset", "缺少程序 ipset，主机 hypervisor 的 agent 的集合要由它装入；请安装软件包 ipset"},
		{"br_netfilter", `mount -t tmpfs none /proc/sys/net/bridge || exit 99`, "security-groups",
			"bridged packets do not meet iptables on this host: the kernel has no sysctl net.bridge.bridge-nf-call-iptables; `modprobe br_netfilter` as root loads what makes it", "内核没有 sysctl net.bridge.bridge-nf-call-iptables；以 root 运行 `modprobe br_netfilter` 即可装入"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			without := func(args ...string) *exec.Cmd {
				return exec.Command("unshare", append([]string{"-m", "sh", "-c", c.hide + `; exec "$@"`, "sh", exe}, args...)...)
			}
			for _, command := range []string{"test", "up"} {
				status, out, errs := answer(t, without("lab", command, c.lab))
				sentence(t, "lab "+command, errs)
				if status != exitPrivilege || out != "" || !strings.Contains(errs, c.says) {
					t.Errorf("lab %s: status %d, %s%s", command, status, out, errs)
				}
			}
			if status, out, errs := answer(t, without("lab", "list")); status != exitDone || !strings.Contains(out, c.says) {
				t.Errorf("lab list: status %d, %s%s", status, out, errs)
			}
			if status, out, errs := answer(t, without("lab", "list", "--lang", "zh")); status != exitDone || !strings.Contains(out, c.chinese) || strings.Contains(out, c.says) {
				t.Errorf("lab list in Chinese: status %d, %s%s", status, out, errs)
			}
			if _, _, errs := answer(t, without("lab", "run", "--plain", "--lang", "zh", c.lab)); !strings.Contains(errs, "改放录像，因为现场演示在这里不能运行：") || !strings.Contains(errs, c.chinese) {
				t.Errorf("lab run in Chinese: %s", errs)
			}
			live := 0
			_, out, _ := answer(t, without("lab", "list", "--json"))
			lines := strings.Split(out, "\n")
			if len(lines) < len(labs.Names()) {
				t.Fatalf("lab list --json: %s", out)
			}
			for i, name := range labs.Names() {
				var l labLine
				if err := json.Unmarshal([]byte(lines[i]), &l); err != nil || l.Name != name || !l.Recorded || l.Live != (l.Why == "") || name == c.lab && l.Why != c.says {
					t.Errorf("lab list --json: %v in %s", err, lines[i])
				}
				if l.Live {
					live++
				}
			}
			_, out, _ = answer(t, without("doctor"))
			if here := fmt.Sprintf("%d of %d can run here; ", live, len(labs.Names())); !strings.Contains(out, "missing  live labs ") || !strings.Contains(out, here) || !strings.Contains(out, c.lab+" cannot: "+c.says) {
				t.Errorf("doctor does not say %q and why %s cannot:\n%s", here, c.lab, out)
			}
			status, out, errs := answer(t, without("lab", "run", "--plain", c.lab))
			sentence(t, "lab run", errs)
			if status != exitDone || !strings.Contains(errs, "playing the recording") || !strings.Contains(errs, c.says) || !strings.Contains(out, "the sender saw") {
				t.Errorf("lab run: status %d, %s%s", status, out, errs)
			}
		})
	}
}

// TestLabLine: a line of the list has where its lab stands, not where another does, and its
// word is of what can be had here.
func TestLabLine(t *testing.T) {
	t.Parallel()
	l, err := lab.Load(labs.FS, "dnat")
	if err != nil {
		t.Fatal(err)
	}
	stand := func(name string, pid int) lab.Stand {
		return lab.Stand{Lab: name, PID: pid, Hosts: map[string]string{"server": fmt.Sprintf("nfs-%s-%d-server", name, pid)}}
	}
	a := &app{lang: "zh"}
	got := a.labLine(l, errors.New("why not"), []lab.Stand{stand("dnat", 7), stand("snat", 8), stand("dnat", 9)})
	want := labLine{Schema: "nfscope/lab/1", Name: "dnat", Title: l.Title.Zh, Why: "why not", Recorded: true, Stands: []string{
		"1 hosts, kept by a running nfscope (process 7), namespaces nfs-dnat-7-*",
		"1 hosts, kept by a running nfscope (process 9), namespaces nfs-dnat-9-*",
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for why, able := range map[string]error{"": nil, "why not": errors.New("why not")} {
		own := func(name string, stands ...string) labLine {
			return labLine{Schema: "nfscope/lab/1", Name: name, Title: "你自己的实验", Live: able == nil, Why: why, Stands: stands}
		}
		if d := cmp.Diff([]labLine{own("mine", "1 hosts, kept by a running nfscope (process 5), namespaces nfs-mine-5-*", "1 hosts, kept by a running nfscope (process 6), namespaces nfs-mine-6-*"),
			own("net", "1 hosts, kept by a running nfscope (process 8), namespaces nfs-net-8-*")},
			a.ownLines(able, []lab.Stand{stand("dnat", 7), stand("mine", 5), stand("mine", 6), stand("net", 8), stand("snat", 8)})); d != "" {
			t.Error(d)
		}
	}
	for word, line := range map[string]labLine{"live": {Live: true}, "recorded": {Recorded: true}, "not here": {}} {
		if how(line) != word {
			t.Errorf("%+v is %q, not %q", line, how(line), word)
		}
	}
}

// TestLabFolder: a folder that is none, or no lab, is named as the user named it.
func TestLabFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, says := range map[string]string{
		"./there-is-none":              `no lab "there-is-none": there is no there-is-none/lab.yaml`,
		filepath.Join(dir, "none"):     "there is no " + filepath.Join(dir, "none") + "/lab.yaml",
		dir:                            "there is no " + dir + "/lab.yaml",
		file:                           file,
		"there-is-none":                `there is no lab "there-is-none"; there are close-the-door, `,
		filepath.Join(dir, "\x1b[2Jx"): "lab.yaml",
	} {
		for _, command := range []string{"run", "up", "test"} {
			status, out, errs := answer(t, exec.Command("nfscope", "lab", command, name))
			sentence(t, "lab "+command, errs)
			if status != exitUsage || out != "" || !strings.Contains(errs, says) {
				t.Errorf("lab %s %q: status %d, %s%s", command, name, status, out, errs)
			}
		}
	}
}

// TestLabLeftBehind: names that a killed run left do not stand in the way of a lab, and
// clean removes them; those of a lab that stands stay.
func TestLabLeftBehind(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	name := fmt.Sprintf("own-left-%d", os.Getpid())
	dir := ownLab(t, name)
	nfscope(t, exitDone, "lab", "up", dir)
	t.Cleanup(func() {
		for _, s := range stands(t, name) {
			_ = lab.Release(t.Context(), s)
		}
	})
	left := fmt.Sprintf("nfs-%s-%d-server", name, 1<<22+1) // beyond all process ids (PID_MAX_LIMIT)
	if err := os.WriteFile("/run/netns/"+left, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	func() {
		sweeping.Lock()
		defer sweeping.Unlock()
		nfscope(t, exitDone, "clean")
	}()
	names, err := netns.List("nfs-" + name + "-")
	if err != nil || len(names) != 3 || strings.Contains(strings.Join(names, " "), left) {
		t.Errorf("behind clean there are %v, %v", names, err)
	}
}

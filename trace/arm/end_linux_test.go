package arm_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/trace/arm"
	"nfscope/trace/guard"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// unguarded is a child that nobody cleans up after, which sets nf_log alone.
const unguarded = "unguarded"

// child arms as nfscope would, says so, and waits for its end.
func child(method string) {
	err := func() error {
		ns, err := netns.Open(os.Getenv("ARM_TEST_NS"))
		if err != nil {
			return err
		}
		if method == asleep {
			return armAsleep(ns)
		}
		if method == locked {
			return armLocked(ns)
		}
		if method == unguarded {
			_, err := arm.EnableLog(ns, nil)
			return err
		}
		exe, err := os.Executable()
		if err != nil {
			return err
		}
		g, err := guard.Start(exe)
		if err != nil {
			return err
		}
		if _, err := arm.EnableLog(ns, g); err != nil {
			return err
		}
		o := arm.Options{Method: method, Guard: g}
		switch method {
		case both:
			o = bothOptions()
		case fallback:
			o.Method, err = arm.MethodAuto, withoutNFTables()
		}
		if err != nil {
			return err
		}
		a, err := arm.Arm(context.Background(), ns, o)
		if err != nil {
			return err
		}
		fmt.Println("ready", g.PID())
		fmt.Println(a.State().Method, a.State().Notes)
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		panic("the test wants it so")
	}()
	fmt.Println(err)
	os.Exit(1)
}

// Whatever ends the process, nothing of the trace is left behind.
func TestNothingOutlivesUs(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "iptables-legacy", "ip6tables-legacy")
	for _, method := range []string{arm.MethodOwner, arm.MethodRaw, both, fallback} {
		for _, way := range []string{"kill", "term", "interrupt", "panic"} {
			if method == fallback && way != "kill" {
				continue // it is raw
			}
			t.Run(method+" "+way, func(t *testing.T) {
				t.Parallel()
				ns := nettest.New(t, "child")
				sysctls := func() string {
					return nettest.Run(t, ns, "sysctl", "net.netfilter.nf_log.2", "net.netfilter.nf_log.10")
				}
				before := sysctls()
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), "ARM_TEST_CHILD="+method, "ARM_TEST_NS="+ns.Name())
				in, err1 := cmd.StdinPipe()
				out, err2 := cmd.StdoutPipe()
				if err := errors.Join(err1, err2, cmd.Start()); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
				said := bufio.NewReader(out)
				line, err := said.ReadString('\n')
				pid, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
				if err != nil || !ok {
					t.Fatalf("the child says %q, %v", line, err)
				}
				guardPID, err := strconv.Atoi(pid)
				if err != nil {
					t.Fatal(err)
				}
				fd, err := unix.PidfdOpen(guardPID, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer unix.Close(fd)
				if state, err := said.ReadString('\n'); err != nil || strings.HasPrefix(state, "raw ") != (method == arm.MethodRaw || method == fallback) ||
					strings.Contains(state, "nf_tables cannot hold the trace (open nf_tables: ") != (method == fallback) {
					t.Errorf("its state is %q, %v", state, err)
				}
				rules := nettest.Run(t, ns, "nft", "list", "ruleset")
				if method == arm.MethodRaw || method == fallback {
					rules = nettest.Run(t, ns, "iptables-legacy", "-t", "raw", "-S")
				}
				if !strings.Contains(rules, "nfscope_") || sysctls() == before {
					t.Fatalf("the child has not armed: %s%s", rules, sysctls())
				}
				if on := tracks(t, ns); on != (method == both) {
					t.Fatalf("conntrack is at work: %v", on)
				}
				switch way {
				case "panic":
					_, err = in.Write([]byte("\n"))
				case "term":
					err = cmd.Process.Signal(syscall.SIGTERM)
				case "interrupt":
					err = cmd.Process.Signal(syscall.SIGINT)
				default:
					err = cmd.Process.Kill()
				}
				if err != nil {
					t.Fatal(err)
				}
				_ = cmd.Wait()
				for {
					n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(nettest.InVain.Milliseconds()))
					if n == 1 {
						break
					}
					if !errors.Is(err, unix.EINTR) {
						t.Fatalf("the guard lives on: %v", err)
					}
				}
				if out := nettest.Run(t, ns, "nft", "list", "ruleset"); out != "" {
					t.Errorf("nft list ruleset:\n%s", out)
				}
				if got := sysctls(); got != before {
					t.Errorf("the sysctls hold %s, held %s", got, before)
				}
				nothingLeft(t, ns)
				if tracks(t, ns) {
					t.Error("conntrack is still at work")
				}
			})
		}
	}
}

func TestSweepTakesOnlyWhatADeadProcessLeft(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "iptables-legacy", "ip6tables-legacy", "iptables-nft")
	ns := nettest.New(t, "sweep")

	if did, err := arm.Sweep(ns); err != nil || len(did) != 0 {
		t.Errorf("in an empty namespace: %q, %v", did, err)
	}
	if out := nettest.Run(t, ns, "cat", "/proc/net/ip_tables_names"); out != "" {
		t.Errorf("looking has made a table: %s", out)
	}

	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	dead, self := strconv.Itoa(gone.Process.Pid), strconv.Itoa(os.Getpid())
	for _, pid := range []string{dead, self} {
		nettest.Feed(t, ns, fmt.Sprintf("table inet nfscope_%s_1 { chain c { type filter hook output priority 5;\n}\n}\n", pid), "nft", "-f", "-")
	}
	users := []string{"nfscope_users", "my_nfscope_" + dead + "_1", "nfscope_" + dead + "_1_mine"}
	for _, name := range users {
		nettest.Feed(t, ns, "table inet "+name+" { }\n", "nft", "-f", "-")
	}
	armed := arming(t, ns, arm.Options{})
	// Processes: one that is dead though its pid is in use again, one that lives
	// under whatever name, one of another pid namespace, and one that did not say.
	me := guard.Self()
	reused, elsewhere := me, me
	reused.Start += "0"
	elsewhere.Space++
	makers := map[string]string{"nfscope_" + self + "_1": reused.String(), "nfscope_" + self + "_2": me.String(),
		"nfscope_" + dead + "_3": elsewhere.String(), "nfscope_" + dead + "_4": dead}
	commands := []string{"iptables-legacy", "ip6tables-legacy", "iptables-nft"}
	for _, c := range commands {
		for chain, maker := range makers {
			nettest.Run(t, ns, c, "-t", "raw", "-N", chain)
			nettest.Run(t, ns, c, "-t", "raw", "-A", chain, "-m", "comment", "--comment", "nfscope:"+maker)
			nettest.Run(t, ns, c, "-t", "raw", "-A", "PREROUTING", "-p", "tcp", "-m", "multiport", "--dports", "1:9", "-m", "comment", "--comment", "nfscope:"+maker, "-j", chain)
		}
		nettest.Run(t, ns, c, "-t", "raw", "-N", "nfscope_"+dead+"_5") // killed before its first rule
		nettest.Run(t, ns, c, "-t", "raw", "-N", "nfscope_"+self+"_6") // just being made
		nettest.Run(t, ns, c, "-t", "raw", "-A", "OUTPUT", "-m", "comment", "--comment", "a users note: nfscope:"+reused.String(), "-j", "ACCEPT")
	}
	did, err := arm.Sweep(ns)
	if len(did) != 1+3*len(commands) {
		t.Errorf("did %q", did)
	}
	if err == nil || strings.Count(err.Error(), "may be alive") != 5*len(commands) || !strings.Contains(err.Error(), "the nft table nfscope_"+self+"_1 stays") ||
		strings.Count(err.Error(), "the nft table") != 1 {
		t.Errorf("it says of what stays: %v", err)
	}
	left := nettest.Run(t, ns, "nft", "list", "tables")
	for _, name := range append(users, "nfscope_"+self+"_1") {
		if !strings.Contains(left, "table inet "+name+"\n") {
			t.Errorf("%s is no dead trace's, and was taken out; left:\n%s", name, left)
		}
	}
	if strings.Contains(left, "table inet nfscope_"+dead+"_1\n") {
		t.Errorf("tables left:\n%s", left)
	}
	for _, c := range commands {
		left := nettest.Run(t, ns, c, "-t", "raw", "-S")
		if strings.Contains(left, "nfscope_"+self+"_1") || !strings.Contains(left, "nfscope_"+self+"_6") || strings.Contains(left, "nfscope_"+dead+"_5") || !strings.Contains(left, "a users note") {
			t.Errorf("%s: left\n%s", c, left)
		}
		for _, chain := range []string{"nfscope_" + self + "_2", "nfscope_" + dead + "_3", "nfscope_" + dead + "_4"} {
			if strings.Count(left, chain) != 3 {
				t.Errorf("%s: %s was touched:\n%s", c, chain, left)
			}
		}
	}
	if !armed.State().Armed {
		t.Error("a living trace was swept")
	}
	if _, _, err := armed.Held(t.Context()); err != nil {
		t.Error(err)
	}
}

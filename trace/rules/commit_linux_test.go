package rules

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// watched follows a namespace's rulesets. It never looks by itself: only what it is told
// of makes it read.
func watched(t *testing.T, ns *netns.Handle) (next func(ok func(*model.Ruleset) bool) *model.Ruleset) {
	t.Helper()
	r := open(t, ns)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	list := make(chan *model.Ruleset)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(list)
		r.Watch(ctx, time.Hour, func(i feed.Item) {
			if i.Rules != nil {
				select {
				case list <- i.Rules:
				case <-ctx.Done():
				}
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	next = func(ok func(*model.Ruleset) bool) *model.Ruleset {
		t.Helper()
		for rs := range list {
			if ok(rs) {
				return rs
			}
		}
		t.Fatal("the ruleset never came")
		return nil
	}
	return next
}

func any1(*model.Ruleset) bool { return true }

// started runs a program in the namespace, to its end, and gives its pid.
func started(t *testing.T, ns *netns.Handle, attr *syscall.SysProcAttr, name string, args ...string) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.SysProcAttr = attr
	var errs strings.Builder
	cmd.Stderr = &errs
	err := ns.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, &errs)
	}
	return cmd.Process.Pid
}

// restore is a iptables-nft-restore that stays: each save text is a transaction.
func restore(t *testing.T, ns *netns.Handle) (pid int, send func(string)) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "iptables-nft-restore", "--noflush")
	in, err := cmd.StdinPipe()
	if err == nil {
		err = ns.Start(cmd)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return cmd.Process.Pid, func(text string) {
		if _, err := io.WriteString(in, text); err != nil {
			t.Error(err)
		}
	}
}

// firstSpace skips the test where the kernel's pids are not ours.
func firstSpace(t *testing.T) {
	t.Helper()
	if newWitness().foreign {
		nettest.Skip(t, "needs the first pid namespace, with its /proc")
	}
}

func hasRule(text string) func(*model.Ruleset) bool {
	return func(rs *model.Ruleset) bool {
		for _, tb := range rs.Tables {
			for _, c := range tb.Chains {
				for i := range c.Rules {
					if strings.Contains(c.Rules[i].Text, text) {
						return true
					}
				}
			}
		}
		return false
	}
}

// TestAuthors: the ruleset comes at once, with who made it.
func TestAuthors(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "iptables-nft", "iptables-nft-restore", "iptables-legacy")
	firstSpace(t)
	ns := nettest.New(t, "authors")
	nettest.Run(t, ns, "nft", "add", "table", "inet", "t")
	next := watched(t, ns)
	before := next(any1)
	one := func(rs *model.Ruleset, program string, pid int) {
		t.Helper()
		list, untold := rs.Authors(before)
		before = rs
		if len(list) != 1 || untold != 0 || list[0].Count() != 1 || list[0].Program != program || list[0].PID != pid || list[0].Foreign || list[0].Own {
			t.Fatalf("%+v and %d untold, want %s with pid %d", list, untold, program, pid)
		}
		if c := list[0].Command; c != "" && !strings.Contains(c, program) { // it may have ended too soon
			t.Errorf("its command line is %q", c)
		}
	}
	pid := started(t, ns, nil, "nft", "add chain inet t c; add rule inet t c tcp dport 22 accept")
	one(next(hasRule("dport 22")), "nft", pid)

	// With a pid namespace of its own its own pid is 1.
	pid = started(t, ns, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}, "nft", "add rule inet t c tcp dport 23 accept")
	one(next(hasRule("dport 23")), "nft", pid)

	pid = started(t, ns, nil, "iptables-nft", "-w", "-A", "INPUT", "-s", "10.9.8.7", "-j", "DROP")
	rs := next(hasRule("10.9.8.7"))
	list, untold := rs.Authors(before) // it makes the table and the chains in one transaction or two
	if len(list) == 0 || untold != 0 || list[0].Program != "iptables-nft" || list[0].PID != pid {
		t.Fatalf("%+v and %d untold", list, untold)
	}
	before = rs

	// One that is still there, so that all is known of it.
	pid, send := restore(t, ns)
	send("*filter\n-A INPUT -s 10.9.8.6 -j DROP\nCOMMIT\n")
	rs = next(hasRule("10.9.8.6"))
	list, _ = rs.Authors(before)
	one(rs, "iptables-nft-re", pid)
	if list[0].Command != "iptables-nft-restore --noflush" || list[0].ParentPID != os.Getpid() || list[0].Parent != newWitness().own {
		t.Errorf("what is known of it: %+v", list[0])
	}
	if d := list[0].Time.Sub(before.Taken).Abs(); d > nettest.InVain {
		t.Errorf("it is %v from the ruleset", d)
	}

	// Our own are no one's, and x_tables does not tell.
	err := ns.Do(func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		conn.AddTable(&nftables.Table{Name: OwnPrefix + "-x", Family: nftables.TableFamilyINet})
		return conn.Flush()
	})
	if err != nil {
		t.Fatal(err)
	}
	nettest.Run(t, ns, "iptables-legacy", "-A", "INPUT", "-s", "10.9.8.5", "-j", "DROP")
	started(t, ns, nil, "nft", "add rule inet t c tcp dport 24 accept")
	rs = next(hasRule("dport 24"))
	if list, untold := rs.Authors(before); len(list) != 1 || untold != 0 || !hasRule("10.9.8.5")(rs) || rs.Transaction != before.Transaction+2 {
		t.Errorf("with our own and a legacy change, %d transactions: %+v and %d untold", rs.Transaction-before.Transaction, list, untold)
	}
}

// TestLongTransaction: 20,000 messages about rules, of which none is queued.
func TestLongTransaction(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	ns := nettest.New(t, "long")
	nettest.Run(t, ns, "nft", "add table inet t; add chain inet t c")
	r := open(t, ns)
	c, err := listenWith(ns, 1) // the kernel makes it 2,304 bytes
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	before := generationNumber(t, r)
	file := filepath.Join(t.TempDir(), "rules")
	text := strings.Repeat("add rule inet t c tcp dport 22 accept\n", 20000)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	nettest.Run(t, ns, "nft", "-f", file)
	now := generationNumber(t, r)
	<-c.moved
	if list := c.upTo(t.Context(), now); now != before+1 || len(list) != 1 || list[0].Generation != now {
		t.Errorf("from %d to %d: %+v", before, now, list)
	}
}

func generationNumber(t *testing.T, r *Reader) uint32 {
	t.Helper()
	g, known, err := r.generation(t.Context())
	if err != nil || !known {
		t.Fatal(known, err)
	}
	return g
}

// TestLostTransactions: what the socket could not hold is counted, and nobody named for it.
func TestLostTransactions(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "iptables-nft-restore")
	ns := nettest.New(t, "lost")
	nettest.Run(t, ns, "nft", "add", "table", "inet", "t")
	r := open(t, ns)
	c, err := listenWith(ns, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	older := &model.Ruleset{Transaction: generationNumber(t, r)}
	c.mu.Lock() // the reader stands still
	var text strings.Builder
	for i := range 500 {
		fmt.Fprintf(&text, "*filter\n-A INPUT -s 10.0.%d.%d -j DROP\nCOMMIT\n", i/250, i%250)
	}
	nettest.Feed(t, ns, text.String(), "iptables-nft-restore", "--noflush")
	c.mu.Unlock()
	c.patience = time.Hour
	c.upTo(t.Context(), generationNumber(t, r)) // the last one was lost: nobody waits for it
	c.patience = hearsay
	// What comes while the queue is still full is lost as well: one of these is heard.
	rs := &model.Ruleset{}
	for i, heard := 0, false; !heard; i++ {
		if i == 50 {
			t.Fatal("nothing is heard any more")
		}
		nettest.Run(t, ns, "nft", "add", "table", "inet", fmt.Sprint("u", i))
		rs.Transaction = generationNumber(t, r)
		for waiting := time.After(time.Second); waiting != nil && !heard; {
			select {
			case <-c.moved:
				rs.Commits = c.upTo(t.Context(), rs.Transaction)
				n := len(rs.Commits)
				heard = n > 0 && rs.Commits[n-1].Program == "nft" && rs.Commits[n-1].Generation == rs.Transaction
			case <-waiting:
				waiting = nil
			}
		}
	}
	list, untold := rs.Authors(older)
	if span := int(rs.Transaction - older.Transaction); span < 500 || untold < 400 || count(list)+untold != span {
		t.Errorf("%d told and %d not, of %d", count(list), untold, span)
	}
	for _, m := range list {
		if m.Program != "iptables-nft-re" && m.Program != "nft" {
			t.Errorf("%+v", m)
		}
	}
}

func count(list []model.Commit) (n int) {
	for i := range list {
		n += list[i].Count()
	}
	return n
}

// TestManyTransactions: a ruleset that never stands still is read with rests between, and
// at the end every transaction is accounted for.
func TestManyTransactions(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-nft-restore")
	ns := nettest.New(t, "many")
	nettest.Feed(t, ns, "*filter\nCOMMIT\n", "iptables-nft-restore")
	next := watched(t, ns)
	before := next(any1)
	_, send := restore(t, ns)
	go func() {
		for i := range 1000 {
			send(fmt.Sprintf("*filter\n-A INPUT -s 10.0.%d.%d -j DROP\nCOMMIT\n", i/250, i%250))
		}
	}()
	read, told, first := 0, 0, before.Transaction
	// A ruleset read while it moved may have the last rule, and be of a generation before it.
	for before.Transaction-first < 1000 {
		rs := next(any1)
		list, untold := rs.Authors(before)
		if span := int(rs.Transaction - before.Transaction); count(list)+untold != span {
			t.Fatalf("%d told and %d not, of %d", count(list), untold, span)
		}
		told, before = told+count(list), rs
		read++
	}
	t.Logf("%d transactions, %d of them told, in %d readings", before.Transaction-first, told, read)
	if read > 300 || told < 1000 || !hasRule("10.0.3.249/")(before) {
		t.Errorf("read %d times, %d told, the last rule there: %v", read, told, hasRule("10.0.3.249/")(before))
	}
}

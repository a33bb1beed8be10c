package live

import (
	"strings"
	"sync"
	"testing"
	"time"

	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/trace/nettest"
)

const toQueue = accept4 + "-A FORWARD -p udp -m udp --dport 9 -j NFQUEUE --queue-num 5\nCOMMIT\n" + mangle4 + "-A POSTROUTING -p udp -m udp --dport 9 -j TOS --set-tos 0x08/0xff\nCOMMIT\n"

// TestQueuedLong: a packet that user space keeps for longer than a journey is quiet is one
// packet still when it is let on. One that it keeps for longer than we wait is told of as
// queued; what comes of it then says that its beginning is missing.
func TestQueuedLong(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore")
	t.Parallel()
	for _, program := range []string{"iptables-legacy-restore", "iptables-nft-restore"} {
		for _, long := range []bool{false, true} {
			name := program + " for a second"
			if long {
				name = program + " for too long"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				n := nettest.NewRouted(t)
				load(t, n.Router, program, toQueue)
				let := make(chan struct{})
				release := sync.OnceFunc(func() { close(let) })
				nettest.Queue(t, n.Router, 5, func(nettest.Queued) (nettest.Verdict, uint32) {
					<-let
					return nettest.QueueAccept, 0
				})
				t.Cleanup(release)
				s := beginOn(t, n.Router, guarded(t), journey.Options{})
				s.arm(Trace{Filter: parse(t, "udp and dst port 9")}, s.session.flows)
				udp(t, n.Client, "10.2.0.2:9")
				s.wait("the queued packet", func(snap *snapshot.Snapshot) bool {
					if len(snap.Journeys) != 1 {
						return false
					}
					j := snap.Journeys[0]
					if !long && j.Closed {
						t.Fatalf("closed %v after it began:\n%s", snap.Time.Sub(j.Start), describe(j))
					}
					return j.Outcome.Verdict == journey.Queued && (j.Closed || !long && snap.Time.Sub(j.Start) > time.Second)
				})
				release()
				last := s.journey("the packet let on", func(j *journey.Journey) bool { return j.Outcome.Verdict == journey.Accepted })
				steps := len(last.Steps)
				switch {
				case !long && (last.Number != 1 || !last.Complete || steps != 5 || !strings.Contains(last.Outcome.Sentence, "let on by user space")):
					t.Errorf("not the whole packet:\n%s", describe(last))
				case long && (last.Number != 2 || last.Complete || steps != 2 || !strings.Contains(last.Why, "or it waited long for user space")):
					t.Errorf("what came of it:\n%s", describe(last))
				}
			})
		}
	}
}

// TestQueuedAgain: user space may have a packet go through the hook's chains once more, as
// Suricata does, known by its mark: that is one packet too, whatever comes of it then.
func TestQueuedAgain(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore")
	t.Parallel()
	for _, program := range []string{"iptables-legacy-restore", "iptables-nft-restore"} {
		for target, verdict := range map[string]string{"ACCEPT": journey.Accepted, "DROP": journey.Dropped, "NFQUEUE --queue-num 6": journey.Queued} {
			t.Run(program+" "+target, func(t *testing.T) {
				t.Parallel()
				n := nettest.NewRouted(t)
				load(t, n.Router, program, accept4+"-A FORWARD -p udp -m udp --dport 9 -m mark ! --mark 0x1/0x1 -j NFQUEUE --queue-num 5\n-A FORWARD -p udp -j "+target+"\nCOMMIT\n")
				nettest.Queue(t, n.Router, 5, func(nettest.Queued) (nettest.Verdict, uint32) { return nettest.QueueRepeat, 1 })
				s := open(t, n.Router, Trace{Filter: parse(t, "udp and dst port 9")})
				udp(t, n.Client, "10.2.0.2:9")
				j := s.journey("the packet", func(j *journey.Journey) bool { return true })
				by := ""
				if len(j.Steps) == 2 && len(j.Steps[1].By) == 1 {
					by = j.Steps[1].By[0].Field + " by " + j.Steps[1].By[0].By
				}
				if j.Number != 1 || j.Outcome.Verdict != verdict || len(j.Steps) != 2 || j.Steps[0].Rule != 1 || j.Steps[1].Rule != 2 || j.Complete != (verdict != journey.Queued) || by != "mark by user space" {
					t.Errorf("changed %q, want %s:\n%s", by, verdict, describe(j))
				}
			})
		}
	}
}

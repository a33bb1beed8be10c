package nflog

import (
	"testing"

	"nfscope/model"
	"nfscope/trace/nettest"
)

// On a bridge with br_netfilter the interfaces are the bridge, the physical ones its
// ports.
func TestBridgePorts(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "ip", "iptables-legacy-restore")
	a, br, b := nettest.New(t, "a"), nettest.New(t, "br"), nettest.New(t, "b")
	nettest.Feed(t, br, "link add br0 type bridge\nlink set br0 up\n"+
		"link add p1 type veth peer name e0 netns "+a.Name()+"\nlink add p2 type veth peer name e0 netns "+b.Name()+"\n"+
		"link set p1 master br0 up\nlink set p2 master br0 up\n", "ip", "-batch", "-")
	nettest.Feed(t, a, "addr add 10.9.0.1/24 dev e0\nlink set e0 up\n", "ip", "-batch", "-")
	nettest.Feed(t, b, "addr add 10.9.0.2/24 dev e0\nlink set e0 up\n", "ip", "-batch", "-")
	nettest.AwaitUp(t, a, br, b) // before, the bridge sends nothing to its ports
	if _, err := br.Output(t.Context(), nil, "sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1"); err != nil {
		nettest.Skip(t, "needs br_netfilter: "+err.Error())
	}
	arm(t, br)
	nettest.Feed(t, br, "*raw\n-A PREROUTING -p udp -m multiport --dports 4000,4999 -j TRACE\n-A PREROUTING -p udp --dport 4999 -j DROP\nCOMMIT\n"+
		"*filter\n-A FORWARD -p udp --dport 4000 -j DROP\nCOMMIT\n", "iptables-legacy-restore", "-w")
	l := listen(t, br, Options{})
	nettest.SendUDP(t, a, 5000, "10.9.0.2:4000")
	nettest.SendUDP(t, a, 0, "10.9.0.2:4999")
	got := l.untilSentinel(t)
	if len(got) != 2 {
		t.Fatalf("events: %+v", got)
	}
	e := got[1]
	if e.Hook != model.HookForward || e.In != "br0" || e.Out != "br0" || e.PhysIn != "p1" || e.PhysOut != "p2" {
		t.Errorf("%s", show(e))
	}
}

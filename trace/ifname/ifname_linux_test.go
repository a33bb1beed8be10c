package ifname

import (
	"net"
	"testing"

	"nfscope/trace/nettest"
)

func TestNames(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "ip")
	ns := nettest.New(t, "ifname")
	table, err := Open(ns)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	if got := table.Name(1); got != "lo" {
		t.Errorf("interface 1 is %q", got)
	}
	if got := table.Name(0); got != "" {
		t.Errorf("no interface is %q", got)
	}
	if got := table.Name(4711); got != "if4711" {
		t.Errorf("an unknown interface is %q", got)
	}
	// An interface that came after the table was opened.
	nettest.Run(t, ns, "ip", "link", "add", "later", "type", "veth", "peer", "name", "peer")
	var index int
	nettest.Do(t, ns, func() error {
		i, err := net.InterfaceByName("later")
		if err == nil {
			index = i.Index
		}
		return err
	})
	if got := table.Name(uint32(index)); got != "later" {
		t.Errorf("interface %d is %q", index, got)
	}
	table.Close()
	if got := table.Name(1); got != "lo" {
		t.Errorf("after Close interface 1 is %q", got)
	}
	if got := table.Name(99); got != "if99" {
		t.Errorf("after Close interface 99 is %q", got)
	}
}

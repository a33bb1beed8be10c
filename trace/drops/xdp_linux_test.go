package drops

import (
	"net"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"nfscope/trace/nettest"
)

// TestXDP: an interface with an XDP program is named, as long as it has one.
func TestXDP(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	n := nettest.NewRouted(t)
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()}}) // XDP_DROP
	if err != nil {
		nettest.Skip(t, "no XDP: "+err.Error())
	}
	defer prog.Close()
	if name := XDP(n.Router); name != "" {
		t.Errorf("%s has one", name)
	}
	var l link.Link
	nettest.Do(t, n.Router, func() error {
		dev, err := net.InterfaceByName("r0")
		if err == nil {
			l, err = link.AttachXDP(link.XDPOptions{Program: prog, Interface: dev.Index, Flags: link.XDPDriverMode})
		}
		return err
	})
	if name := XDP(n.Router); name != "r0" {
		t.Errorf("%q has one", name)
	}
	defer l.Close()
	// Closing alone detaches it when the last one lets go, and a program that another test is
	// just starting holds our descriptors from its fork to its exec.
	if err := l.Detach(); err != nil {
		t.Fatal(err)
	}
	if name := XDP(n.Router); name != "" {
		t.Errorf("%s still has one", name)
	}
}

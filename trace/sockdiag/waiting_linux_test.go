package sockdiag

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/trace/kmod"
	"nfscope/trace/nettest"
)

// TestWaiting: sock_diag and /proc/net tell of the same sockets, and the one that For picks is
// the one that the kernel gives the datagram to.
func TestWaiting(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	n := nettest.NewRouted(t)
	without := kmod.Kernel{Root: t.TempDir()} // could load modules, and has none
	if err := os.MkdirAll(filepath.Join(without.Root, "proc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(without.Root, "proc/modules"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	const server, client = "10.2.0.2", "10.1.0.2"
	sockets := map[string]*net.UDPConn{}
	open := func(name, network, at, peer string) {
		t.Helper()
		nettest.Do(t, n.Server, func() error {
			var to *net.UDPAddr
			local, err := net.ResolveUDPAddr(network, at)
			if err == nil && peer != "" {
				to, err = net.ResolveUDPAddr(network, peer)
			}
			if err != nil {
				return err
			}
			var c *net.UDPConn
			if to != nil {
				c, err = net.DialUDP(network, local, to)
			} else {
				c, err = net.ListenUDP(network, local)
			}
			if err == nil {
				sockets[name] = c
				t.Cleanup(func() { _ = c.Close() })
			}
			return err
		})
	}
	open("all", "udp4", "0.0.0.0:1000", "")
	open("v6", "udp6", "[::]:1000", "")
	open("dual", "udp", "[::]:1001", "")
	open("other", "udp4", server+":1002", "10.1.0.77:7")
	open("mine", "udp4", server+":1003", client+":4003")
	nettest.Do(t, n.Server, func() error {
		l, err := net.Listen("tcp4", "0.0.0.0:1004")
		if err == nil {
			t.Cleanup(func() { _ = l.Close() })
		}
		return err
	})
	list := func(k kmod.Kernel, proto model.Proto) (out []Socket) {
		for _, f := range Families(model.FamilyIPv4) {
			more, err := waiting(n.Server, f, proto, k)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, more...)
		}
		slices.SortFunc(out, func(a, b Socket) int { return a.At.Compare(b.At) })
		return out
	}
	for port, want := range map[uint16]string{1000: "all", 1001: "dual", 1002: "", 1003: "mine"} {
		from, to := netip.AddrPortFrom(netip.MustParseAddr(client), 3000+port), netip.AddrPortFrom(netip.MustParseAddr(server), port)
		for _, k := range []kmod.Kernel{{}, without} {
			s, ok := For(list(k, model.ProtoUDP), from, to)
			switch c := sockets[want]; {
			case c == nil:
				if ok {
					t.Errorf("port %d: %+v, want none", port, s)
				}
			case s.At.String() != c.LocalAddr().String():
				t.Errorf("port %d: %+v, want %s", port, s, c.LocalAddr())
			}
		}
		if want == "" {
			continue
		}
		c, err := nettest.Dial(t, n.Client, "udp4", from.String(), to.String(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(c, "%d", port); err != nil {
			t.Fatal(err)
		}
		_ = sockets[want].SetReadDeadline(time.Now().Add(nettest.InVain))
		b := make([]byte, 9)
		if got, err := sockets[want].Read(b); err != nil || string(b[:got]) != fmt.Sprint(port) {
			t.Errorf("%s read %q, %v", want, b[:got], err)
		}
	}
	diag, proc := list(kmod.Kernel{}, model.ProtoTCP), list(without, model.ProtoTCP)
	if len(diag) != 1 || len(proc) != 1 || diag[0].Most <= 0 || proc[0].Most != -1 || proc[0].At != diag[0].At {
		t.Errorf("listeners: %+v and %+v", diag, proc)
	}
}

// TestReadWithoutIPv6: a kernel without IPv6 has no files of it, and IPv4's are read all the same;
// where there is one, it does not say which sockets at [::] take no IPv4.
func TestReadWithoutIPv6(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name, line string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("heading\n"+line+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := read(dir, inet, model.ProtoTCP); err == nil {
		t.Error("no file of IPv4 is no error")
	}
	put("tcp", "0: 00000000:0050 00000000:0000 0A 00000000:00000000")
	if list, err := read(dir, inet, model.ProtoTCP); err != nil || len(list) != 1 || list[0].Unsure6 {
		t.Errorf("IPv4: %+v, %v", list, err)
	}
	if list, err := read(dir, inet6, model.ProtoTCP); err != nil || len(list) != 0 {
		t.Errorf("IPv6 that is not there: %+v, %v", list, err)
	}
	const all, none = "00000000000000000000000000000000", ":0000"
	put("tcp6", "0: "+all+":0050 "+all+none+" 0A 00000000:00000000")
	if list, err := read(dir, inet6, model.ProtoTCP); err != nil || len(list) != 1 || !list[0].Unsure6 {
		t.Errorf("IPv6: %+v, %v", list, err)
	}
}

// TestDevices: an interface goes with its master, whose sockets what comes by it may be for.
func TestDevices(t *testing.T) {
	nettest.Kernel(t, "ip")
	t.Parallel()
	ns := nettest.New(t, "devices")
	nettest.Feed(t, ns, "link add m0 type bridge\nlink add p0 type veth peer name p1\nlink set p0 master m0\n", "ip", "-batch", "-")
	index := map[string]int{}
	nettest.Do(t, ns, func() error {
		list, err := net.Interfaces()
		for _, i := range list {
			index[i.Name] = i.Index
		}
		return err
	})
	for name, want := range map[string][]int{"p0": {index["p0"], index["m0"]}, "p1": {index["p1"]}, "none": nil} {
		if got := Devices(ns, name); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

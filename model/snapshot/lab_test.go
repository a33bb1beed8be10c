package snapshot

import (
	"net/netip"
	"testing"

	"nfscope/model"
)

func TestLabHost(t *testing.T) {
	n := LabNet{Hosts: []LabHost{{Name: "a", Devices: []LabDevice{{Dev: "lo", Addresses: []string{"192.0.2.1/32"}}}}, {Name: "b"}},
		Links: []LabLink{{Ends: [2]LabEnd{{Host: "a", Addresses: []string{"10.0.0.1/24"}}, {Host: "b", Addresses: []string{"10.0.0.2/24", "2001:db8::2/64"}}}}}}
	for addr, want := range map[string]string{"192.0.2.1": "a", "10.0.0.1": "a", "10.0.0.2": "b", "2001:db8::2": "b", "::ffff:10.0.0.2": "b", "10.0.0.3": ""} {
		if got := n.Host(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s is %q, want %q", addr, got, want)
		}
	}
}

func TestLabPool(t *testing.T) {
	reply := func(dst string, port uint16) model.Tuple {
		return model.Tuple{Src: netip.MustParseAddr("198.51.100.7"), Dst: netip.MustParseAddr(dst), DPort: port}
	}
	list := []model.Tuple{reply("203.0.113.1", 40000), reply("203.0.113.1", 40000), reply("203.0.113.1", 40003), reply("203.0.113.1", 40004), reply("203.0.113.2", 40001)}
	for _, c := range []struct {
		pool     LabPool
		used, of int
	}{{LabPool{"203.0.113.1", "40000-40003"}, 2, 4}, {LabPool{"203.0.113.2", "40001"}, 1, 1}, {LabPool{"nowhere", "1-2"}, 0, 0}, {LabPool{"203.0.113.1", "9-1"}, 0, 0}, {LabPool{"203.0.113.1", "x"}, 0, 0}} {
		if used, of := c.pool.Used(list); used != c.used || of != c.of {
			t.Errorf("%v: %d of %d, want %d of %d", c.pool, used, of, c.used, c.of)
		}
	}
}

func TestLabStepReached(t *testing.T) {
	for result, want := range map[string]bool{"connected: hello": true, "3 answered by one, 1 timed out": true, "refused": true, "timed out": false, "unreachable": false, "": false} {
		if s := (LabStep{Result: result}); s.Reached() != want {
			t.Errorf("%q: %v", result, !want)
		}
	}
}

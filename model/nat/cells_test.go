package nat

import (
	"net/netip"
	"reflect"
	"testing"
)

// TestCellsOpen: what is of a kind that nobody looks for addresses in keeps flows from being
// taken for the same; what holds none does not.
func TestCellsOpen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		value any
		open  bool
	}{
		{"a map of addresses", struct{ To map[uint16]netip.Addr }{map[uint16]netip.Addr{80: netip.MustParseAddr("10.0.0.1")}}, true},
		{"a map within a list", []any{map[string]int{"x": 1}}, true},
		{"a fraction", struct{ Share float64 }{0.5}, true},
		{"a name and a switch", struct {
			Name string
			Not  bool
		}{"eth0", true}, false},
		{"an address", &struct{ To netip.Addr }{netip.MustParseAddr("10.0.0.1")}, false},
		{"nothing", struct{ To *netip.Addr }{}, false},
	} {
		p := &parter{cells: &cells{}, at: bothSides}
		if p.value(reflect.ValueOf(c.value)); p.open != c.open {
			t.Errorf("%s: open is %v", c.name, p.open)
		}
	}
}

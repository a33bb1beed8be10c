package between

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// TestOlder: of a kernel that has no netfilter programs one sentence says so. What a trace does
// then TestBetweenWithoutBPF (cmd) has.
func TestOlder(t *testing.T) {
	t.Parallel()
	b, err := btf.NewBuilder([]btf.Type{&btf.Struct{Name: "sk_buff", Size: 8}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := b.Marshal(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := layoutOf(spec); err == nil || !strings.HasPrefix(err.Error(), "this kernel has no netfilter programs") {
		t.Errorf("%v", err)
	}
}

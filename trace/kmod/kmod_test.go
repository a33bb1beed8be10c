package kmod

import (
	"os"
	"path/filepath"
	"testing"
)

// TestHas: what is loaded or built in is there, and nothing else of a kernel that could load it.
func TestHas(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  bool
	}{
		{"no modules at all", nil, true},
		{"not there", map[string]string{"proc/modules": ""}, false},
		{"loaded", map[string]string{"proc/modules": "", "sys/module/udp_diag/x": ""}, true},
		{"built in", map[string]string{"proc/modules": "", "proc/sys/kernel/osrelease": "6.1-x\n", "lib/modules/6.1-x/modules.builtin": "kernel/net/ipv4/tcp_diag.ko\nkernel/net/ipv4/udp_diag.ko\n"}, true},
		{"another is built in", map[string]string{"proc/modules": "", "proc/sys/kernel/osrelease": "6.1-x\n", "lib/modules/6.1-x/modules.builtin": "kernel/net/ipv4/tcp_diag.ko\n", "proc/kallsyms": "0 t udp_diag_dump\n"}, false},
		{"built in, by its function", map[string]string{"proc/modules": "", "proc/kallsyms": "0 t udp_diag_dump\n"}, true},
		{"a function of the same beginning", map[string]string{"proc/modules": "", "proc/kallsyms": "0 t udp_diag_dump_one\n"}, false},
	} {
		k := Kernel{Root: t.TempDir()}
		for name, text := range c.files {
			at := filepath.Join(k.Root, name)
			if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := k.Has("udp_diag", "udp_diag_dump"); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

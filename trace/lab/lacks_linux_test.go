package lab

import (
	"os"
	"path/filepath"
	"testing"
)

// TestHasQueues: NFQUEUE is missing where the kernel neither lists queues nor has the
// module; where that cannot be looked at, it is not said.
func TestHasQueues(t *testing.T) {
	t.Parallel()
	const dep = "kernel/net/netfilter/nfnetlink_queue.ko.xz: kernel/net/netfilter/nfnetlink.ko.xz\n"
	for name, c := range map[string]struct {
		files map[string]string // content by path; a directory ends in /
		want  bool
	}{
		"loaded":         {map[string]string{"proc/nfnetlink_queue": "", "modules/modules.dep": ""}, true},
		"loadable":       {map[string]string{"proc/": "", "modules/modules.dep": dep, "modules/modules.builtin": ""}, true},
		"built in":       {map[string]string{"proc/": "", "modules/modules.builtin": "kernel/net/netfilter/nfnetlink_queue.ko\n"}, true},
		"missing":        {map[string]string{"proc/nf_log": "", "modules/modules.dep": "kernel/net/netfilter/nfnetlink_log.ko:\n"}, false},
		"no modules":     {map[string]string{"proc/": ""}, true},
		"nothing to see": {map[string]string{"modules/modules.dep": ""}, true},
	} {
		root := t.TempDir()
		for path, text := range c.files {
			path, dir := filepath.Join(root, path), path[len(path)-1] == '/'
			if dir {
				if err := os.MkdirAll(path, 0o755); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := hasQueues(filepath.Join(root, "proc"), filepath.Join(root, "modules")); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

package arm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"

	"nfscope/trace/nettest"
)

// TestLogRefused: where a setting cannot be changed it is said what would help, and the one that
// was changed before it is put back.
func TestLogRefused(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "ip", "mount", "sysctl")
	for _, readOnly := range []string{"/proc/sys", "/proc/sys/net/netfilter/nf_log/10"} {
		ns := nettest.New(t, "refused")
		set := func() string {
			return nettest.Run(t, ns, "sysctl", "net.netfilter.nf_log.2", "net.netfilter.nf_log.10")
		}
		before := set()
		cmd := exec.Command("ip", "netns", "exec", ns.Name(), "sh", "-c", // has mounts of its own
			fmt.Sprintf("mount --bind %[1]s %[1]s && mount -o remount,ro,bind %[1]s && exec %[2]s", readOnly, os.Args[0]))
		cmd.Env = append(os.Environ(), "ARM_TEST_CHILD=unguarded", "ARM_TEST_NS="+ns.Name())
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "let legacy TRACE reach us: open /proc/sys/net/netfilter/nf_log/") ||
			!strings.Contains(string(out), "/proc/sys must be writable") {
			t.Errorf("with %s read-only: %v, %s", readOnly, err, out)
		}
		if now := set(); now != before {
			t.Errorf("with %s read-only what was\n%sis left as\n%s", readOnly, before, now)
		}
	}
}

// TestLogWithoutAModule: the kernel says ENOENT both of a setting that it does not have and of a
// logger that is not loaded.
func TestLogWithoutAModule(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	l := &Log{ns: nettest.New(t, "module")}
	path := logSysctls()[0]
	have, err := l.swap(path, "", "")
	if err != nil {
		t.Fatal(err)
	}
	_, unloaded := l.swap(path, have, "no_such_logger")
	_, none := l.swap(path+"0", "", "")
	for _, err := range []error{unloaded, none} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("the kernel says %v", err)
		}
	}
	for _, c := range []struct {
		err        error
		want, says string
	}{
		{unloaded, logger, "`modprobe nfnetlink_log` loads it"},
		{none, "", "this kernel has no netfilter logging"},
	} {
		if err := advise(c.err, c.want); !errors.Is(err, c.err) || !strings.HasSuffix(err.Error(), c.says) {
			t.Errorf("%v, want %q", err, c.says)
		}
	}
}

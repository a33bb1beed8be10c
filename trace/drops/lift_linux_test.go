package drops

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/model/drop"
	"nfscope/trace/capability"
)

// TestLift: what keeps a step from working is told from what does not, and each has its remedy;
// those that this host has for real TestRefused, TestPerfmon and TestNoTracefs make.
func TestLift(t *testing.T) {
	t.Parallel()
	with := func(l ...uint) func(...uint) bool {
		return func(caps ...uint) bool {
			return !slices.ContainsFunc(caps, func(c uint) bool { return !slices.Contains(l, c) })
		}
	}
	refused := fmt.Errorf("load the program: %w", unix.EPERM)
	all := with(unix.CAP_BPF, unix.CAP_PERFMON)
	for _, c := range []struct {
		s        standing
		step     drop.Step
		err      error
		why, fix string
	}{
		{standing{lockdown: "confidentiality", has: all}, drop.StepBPF, refused, "locked down (confidentiality)", "lockdown=integrity"},
		{standing{lockdown: "integrity", has: all}, drop.StepBPF, refused, "though the capabilities are there", "seccomp"},
		{standing{inUser: true, has: all}, drop.StepBPF, refused, "in a user namespace", "sudo nfscope --netns"},
		{standing{inUser: true, has: all}, drop.StepPerf, errNoTracefs, "in a user namespace", "sudo nfscope --netns"},
		{standing{has: all}, drop.StepPerf, errNoTracefs, "tracefs is not mounted", "mount -t tracefs"},
		{standing{has: with(unix.CAP_BPF)}, drop.StepBPF, refused, "it needs CAP_BPF and CAP_PERFMON", "sudo nfscope"},
		{standing{has: with(unix.CAP_BPF)}, drop.StepPerf, refused, "it needs CAP_PERFMON (", "sudo nfscope"},
		{standing{has: with(unix.CAP_PERFMON)}, drop.StepPerf, unix.EACCES, "perf is refused", "kernel.perf_event_paranoid"},
		{standing{has: with(capability.SysAdmin)}, drop.StepBPF, refused, "though the capabilities are there", "seccomp"},
		{standing{has: all}, drop.StepBPF, fmt.Errorf("make a map: %w", unix.ENOSYS), "function not implemented", "CONFIG_BPF_SYSCALL"},
		{standing{has: all}, drop.StepPerf, fmt.Errorf("open: %w", unix.ENOSYS), "function not implemented", "CONFIG_PERF_EVENTS"},
		{standing{has: all}, drop.StepBPF, fmt.Errorf("read the kernel's BTF: not found"), "BTF", "CONFIG_DEBUG_INFO_BTF"},
	} {
		if l := c.s.lift(c.step, c.err); l.Step != c.step || !strings.Contains(l.Why, c.why) || !strings.Contains(l.Fix, c.fix) {
			t.Errorf("%+v, %s, %v: %+v", c.s.lockdown, c.step, c.err, l)
		}
	}
	for text, want := range map[string]string{"none integrity [confidentiality]\n": "confidentiality", "[none] integrity confidentiality\n": "none", "": "", "none": "", "[x": ""} {
		if got := lockdown(text); got != want {
			t.Errorf("lockdown %q: %q, want %q", text, got, want)
		}
	}
}

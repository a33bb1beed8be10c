package drops

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"nfscope/model/drop"
	"nfscope/trace/capability"
)

// standing is what decides who forbade a step.
type standing struct {
	lockdown string // kernel_lockdown(7)
	inUser   bool   // in a user namespace
	has      func(caps ...uint) bool
}

// lift says why a step is not at work and what would make it.
func lift(step drop.Step, err error) drop.Lift {
	b, _ := os.ReadFile("/sys/kernel/security/lockdown") // not there: no lockdown
	return standing{lockdown(string(b)), inUserNamespace(), capability.Has}.lift(step, err)
}

func (s standing) lift(step drop.Step, err error) drop.Lift {
	l := drop.Lift{Step: step, Why: err.Error()}
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES), errors.Is(err, os.ErrPermission):
		l.Why, l.Fix = s.forbidden(step, err)
	case errors.Is(err, unix.ENOSYS):
		l.Fix = "a kernel with CONFIG_BPF_SYSCALL"
		if step == drop.StepPerf {
			l.Fix = "a kernel with CONFIG_PERF_EVENTS"
		}
	case errors.Is(err, errNoTracefs) && s.inUser: // to mount it is refused too
		l.Why, l.Fix = s.forbidden(step, err)
	case errors.Is(err, errNoTracefs):
		l.Fix = "mount -t tracefs tracefs /sys/kernel/tracing"
	case strings.Contains(err.Error(), "BTF"):
		l.Fix = "a kernel with CONFIG_DEBUG_INFO_BTF, 5.17 or later"
	}
	return l
}

// forbidden finds out who forbade it: a user namespace, lockdown, a sysctl or a missing
// capability.
func (s standing) forbidden(step drop.Step, err error) (why, fix string) {
	caps, names := []uint{unix.CAP_BPF, unix.CAP_PERFMON}, "CAP_BPF and CAP_PERFMON"
	if step == drop.StepPerf {
		caps, names = []uint{unix.CAP_PERFMON}, "CAP_PERFMON"
	}
	switch {
	case s.lockdown == "confidentiality":
		return "the kernel is locked down (confidentiality), so that nobody may read its memory", "boot with lockdown=integrity, or without Secure Boot"
	case s.inUser:
		return "in a user namespace the kernel refuses it to everybody", "run nfscope on the host: sudo nfscope --netns PID ..."
	case !s.has(caps...) && !s.has(capability.SysAdmin):
		return "it needs " + names + " (or CAP_SYS_ADMIN)", "sudo nfscope ..., or give the container " + names
	case step == drop.StepPerf:
		return "perf is refused: " + err.Error(), "sysctl kernel.perf_event_paranoid=1, or a seccomp profile that allows perf_event_open"
	}
	return "the kernel refuses it though the capabilities are there: " + err.Error(), "a seccomp or LSM profile forbids bpf(2): run the container with another one (docker: --security-opt seccomp=unconfined)"
}

// lockdown gives the kernel's state of lockdown from what it says of itself, "" where there is
// none.
func lockdown(text string) string {
	_, rest, ok := strings.Cut(text, "[")
	word, _, ok2 := strings.Cut(rest, "]")
	if !ok || !ok2 {
		return ""
	}
	return word
}

// inUserNamespace reports whether the process is in a user namespace that is not the
// first: there not all numbers of users are mapped one to one.
func inUserNamespace() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false
	}
	return strings.Join(strings.Fields(string(b)), " ") != "0 0 4294967295"
}

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"nfscope/trace/capability"
)

// marker is the variable that tells the process inside what it is: the parent's pid
// and mount namespace.
const marker = "NFSCOPE_USERNS"

// EnterUserns lets an ordinary user build labs. Call it first thing in a command that
// needs one, before goroutines or files matter, with the program's arguments without
// its name (os.Args[1:]).
//
//   - Root, or a process that may already do it: ran is false and err nil; go on.
//   - An ordinary user: the program runs again, with the same arguments and standard
//     files, in a user namespace of its own, and in network and mount namespaces made
//     inside that one. Signals are passed on. When it ended, ran is true; exit with
//     status. Dying by kill -9 takes the inner process along, and with it all it built.
//   - In that inner process: /run is made private, ran is false and err nil; go on.
//   - Where the kernel forbids it: ran is false, and err is the sentence of CanUserns.
func EnterUserns(args []string) (ran bool, status int, err error) {
	if inside, err := settle(); inside || err != nil {
		return false, 0, err
	}
	if Privileged() {
		return false, 0, nil
	}
	if err := CanUserns(); err != nil {
		return false, 0, err
	}
	status, err = enter(args)
	return err == nil, status, err
}

// Privileged reports whether this process may make namespaces and change rules in them.
func Privileged() bool {
	return capability.Has(capability.SysAdmin, capability.NetAdmin, capability.NetRaw)
}

// CanUserns reports whether an ordinary user can build labs here: nil, or one sentence
// that says what forbids it and which command allows it. It tries it with true(1).
func CanUserns() error {
	for _, s := range []struct{ path, bad, say string }{
		{"/proc/sys/user/max_user_namespaces", "0", "user namespaces are switched off (user.max_user_namespaces is 0); `sysctl -w user.max_user_namespaces=10000` as root allows them"},
		{"/proc/sys/user/max_net_namespaces", "0", "network namespaces are switched off (user.max_net_namespaces is 0); `sysctl -w user.max_net_namespaces=10000` as root allows them"},
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "user namespaces are for root only here (kernel.unprivileged_userns_clone is 0); `sysctl -w kernel.unprivileged_userns_clone=1` as root allows them"},
	} {
		if b, err := os.ReadFile(s.path); err == nil && strings.TrimSpace(string(b)) == s.bad {
			return errors.New(s.say)
		}
	}
	if _, err := os.Stat("/proc/self/ns/user"); err != nil {
		return errors.New("this kernel has no user namespaces (CONFIG_USER_NS); run as root instead")
	}
	path, err := exec.LookPath("true")
	if err != nil {
		return nil // nothing to try it with: enter will say
	}
	cmd := exec.Command(path)
	cmd.SysProcAttr = attributes()
	if err := cmd.Run(); err != nil {
		return refused(err)
	}
	return nil
}

// refused explains why a process could not be started in new namespaces.
func refused(err error) error {
	if b, e := os.ReadFile("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"); e == nil && strings.TrimSpace(string(b)) == "1" {
		return fmt.Errorf("AppArmor keeps ordinary users from user namespaces (%w); `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` as root allows them", err)
	}
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EUSERS) {
		return fmt.Errorf("too many user or network namespaces (%w); `sysctl user.max_user_namespaces user.max_net_namespaces` shows the limits", err)
	}
	return fmt.Errorf("a user namespace cannot be made here (%w); in a container start it with --cap-add SYS_ADMIN --cap-add NET_ADMIN, or run as root", err)
}

// attributes asks for a user namespace in which the caller is root, and then, inside
// it, for network and mount namespaces. In one step /proc/net/ip_tables_names could
// not be read.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:   unix.CLONE_NEWUSER,
		Unshareflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS,
		UidMappings:  []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings:  []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:    unix.SIGKILL,
	}
}

// enter runs the program again and gives its exit status.
func enter(args []string) (int, error) {
	mnt, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return 0, err
	}
	runtime.LockOSThread() // Pdeathsig is sent when the thread that forked ends
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = attributes()
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", marker, os.Getpid(), mnt),
		"PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, refused(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			if !(foreground() && (s == unix.SIGINT || s == unix.SIGQUIT)) {
				_ = cmd.Process.Signal(s)
			}
		case <-done:
			ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if ok && ws.Signaled() {
				return 128 + int(ws.Signal()), nil
			}
			return cmd.ProcessState.ExitCode(), nil
		}
	}
}

// foreground reports whether the terminal sends its keys' signals to our process
// group: then the inner process got them as well.
func foreground() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// settle makes the inner process at home. It does nothing unless the marker names our
// parent and another mount namespace than ours: nobody can be made to cover the /run
// of the machine.
func settle() (inside bool, err error) {
	value, ok := os.LookupEnv(marker)
	if !ok {
		return false, nil
	}
	_ = os.Unsetenv(marker)
	pid, mnt, _ := strings.Cut(value, " ")
	ours, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil || pid != strconv.Itoa(os.Getppid()) || mnt == ours {
		return false, nil
	}
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return true, fmt.Errorf("make the mounts private: %w", err)
	}
	// Names of namespaces and xtables' lock are kept under /run, where an ordinary
	// user may not write.
	dirs := []string{"/run"}
	if fi, err := os.Lstat("/var/run"); err == nil && fi.IsDir() {
		dirs = append(dirs, "/var/run")
	}
	for _, dir := range dirs {
		if err := unix.Mount("nfscope", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=4m"); err != nil {
			return true, fmt.Errorf("mount a private %s: %w", dir, err)
		}
	}
	if len(dirs) == 2 { // two mounts: the names must be the same in both
		if err := errors.Join(os.Mkdir("/run/netns", 0o755), os.Symlink("/run/netns", "/var/run/netns")); err != nil {
			return true, err
		}
	}
	return true, nil
}

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// guests lists the labs that processes of `lab up` keep in user namespaces of their own:
// those of an ordinary user. Their names are in a /run that only these processes see.
func guests() (list []Stand) {
	own, err := os.Readlink("/proc/self/ns/user")
	if err != nil {
		return nil
	}
	dirs, _ := filepath.Glob("/proc/[1-9]*")
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		user, err := os.Readlink(dir + "/ns/user") // another user's may not be read
		if err != nil || user == own {
			continue
		}
		names, err := os.ReadDir(dir + "/root/run/netns")
		if err != nil {
			continue
		}
		s := Stand{PID: status(pid, "PPid"), Hosts: map[string]string{}, Held: true, inner: pid}
		for _, e := range names {
			if l, i, host, ok := splitName(e.Name()); ok && i.pid == pid {
				s.Lab, s.inst, s.Hosts[host] = l, i, e.Name()
			}
		}
		if s.Lab != "" && holds(pid, s.Lab) && holds(s.PID, s.Lab) {
			list = append(list, s)
		}
	}
	return list
}

// status is the first number of a line of a process's status (proc_pid_status(5)): PPid,
// its parent, or Uid, its user; -1 where that is not known.
func status(pid int, line string) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return -1
	}
	for l := range strings.Lines(string(b)) {
		name, v, _ := strings.Cut(l, ":")
		if f := strings.Fields(v); name == line && len(f) > 0 {
			if n, err := strconv.Atoi(f[0]); err == nil {
				return n
			}
		}
	}
	return -1
}

// Exec replaces this process by a command in a host of the lab; it returns only where that
// fails. A lab in a user namespace is entered by nsenter(1): setns(2) takes no process
// with several threads into one, and a Go program has several.
func (s Stand) Exec(host, path string, command, env []string) error {
	if s.inner == 0 {
		h, err := netns.Open(s.Hosts[host])
		if err != nil {
			return err
		}
		return h.Exec(path, command, env)
	}
	// What runs there are that user's files, and root is root of the host's files there too.
	if owner := status(s.inner, "Uid"); owner != os.Getuid() {
		return fmt.Errorf("lab %s is of user %d, who alone may enter it", s.Lab, owner)
	}
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return errors.New("the program nsenter is missing, which enters a user's lab (package util-linux)")
	}
	args := []string{nsenter, "--preserve-credentials", fmt.Sprintf("--user=/proc/%d/ns/user", s.inner), fmt.Sprintf("--mount=/proc/%d/ns/mnt", s.inner),
		fmt.Sprintf("--net=/proc/%d/root/run/netns/%s", s.inner, s.Hosts[host]), "--wd=" + cwd(), "--", path}
	err = unix.Exec(nsenter, append(args, command[1:]...), env)
	return fmt.Errorf("run %s: %w", nsenter, err)
}

// cwd is where we are; the same place is there in the lab's mount namespace, but for /run.
func cwd() string {
	if dir, err := os.Getwd(); err == nil && !strings.HasPrefix(dir, "/run") {
		return dir
	}
	return "/"
}

package lab

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// prefix begins the name of every namespace that nfscope makes; testPrefix those of
// its tests, which are no labs.
const (
	prefix     = "nfs-"
	testPrefix = "nfs-test-"
)

// instance tells the networks of one lab apart: the process that built it, and for a
// second network of the same process a number behind a dot.
type instance struct{ pid, nth int }

func (i instance) String() string {
	if i.nth == 0 {
		return strconv.Itoa(i.pid)
	}
	return fmt.Sprintf("%d.%d", i.pid, i.nth)
}

// nsName is nfs-LAB-INSTANCE-HOST.
func nsName(lab string, i instance, host string) string {
	return prefix + lab + "-" + i.String() + "-" + host
}

// splitName takes a namespace's name apart; ok is false where it is not a lab's.
func splitName(name string) (lab string, i instance, host string, ok bool) {
	if strings.HasPrefix(name, testPrefix) {
		return "", instance{}, "", false
	}
	m := regexp.MustCompile(`^nfs-([a-z][a-z0-9-]*)-([1-9][0-9]{0,9})(?:\.([1-9][0-9]{0,3}))?-([a-z][a-z0-9]*)$`).FindStringSubmatch(name)
	if m == nil {
		return "", instance{}, "", false
	}
	i.pid, _ = strconv.Atoi(m[2])
	i.nth, _ = strconv.Atoi(m[3]) // "" is 0
	return m[1], i, m[4], true
}

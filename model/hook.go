package model

import (
	"fmt"
	"strconv"
	"strings"
)

// Hook is a place on a packet's way where base chains are called. The zero value
// is no hook: a user chain.
type Hook uint8

// The hooks. The kernel's numbers (NF_INET_*) are one less than the first five.
const (
	HookNone Hook = iota
	HookPrerouting
	HookInput
	HookForward
	HookOutput
	HookPostrouting
	HookIngress
	HookEgress
)

var hookNames = [...]string{"", "prerouting", "input", "forward", "output", "postrouting", "ingress", "egress"}

// Hooks lists the five hooks of the IP families in the order of the kernel's numbers.
func Hooks() []Hook {
	return []Hook{HookPrerouting, HookInput, HookForward, HookOutput, HookPostrouting}
}

// HookFromKernel turns a NF_INET_* number (linux/netfilter.h) into a Hook;
// a number beyond postrouting gives HookNone.
func HookFromKernel(n uint8) Hook {
	if n < 5 {
		return Hook(n + 1)
	}
	return HookNone
}

// HookFromNetdev turns a NF_NETDEV_* number into a Hook.
func HookFromNetdev(n uint8) Hook {
	if n < 2 {
		return HookIngress + Hook(n)
	}
	return HookNone
}

// String gives nft's name of the hook, and "" for HookNone.
func (h Hook) String() string {
	if int(h) < len(hookNames) {
		return hookNames[h]
	}
	return fmt.Sprintf("hook-%d", uint8(h))
}

// MarshalText writes the name.
func (h Hook) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (h *Hook) UnmarshalText(t []byte) error {
	v, ok := ParseHook(string(t))
	if !ok {
		return fmt.Errorf("unknown hook %q", t)
	}
	*h = v
	return nil
}

// ParseHook reads nft's name of a hook.
func ParseHook(s string) (Hook, bool) {
	for i, n := range hookNames {
		if n == s {
			return Hook(i), true
		}
	}
	n, ok := numbered(s, "hook-")
	return Hook(n), ok
}

// numbered reads back what String gives of a number that has no name, so that a
// recording of a newer kernel can be read again.
func numbered(s, prefix string) (uint8, bool) {
	digits, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 8)
	return uint8(n), err == nil
}

// Priority orders the base chains of one hook, lowest first
// (include/uapi/linux/netfilter_ipv4.h, enum nf_ip_hook_priorities).
type Priority int32

// The priorities of iptables' tables and of conntrack.
const (
	PriorityRaw       Priority = -300
	PriorityConntrack Priority = -200
	PriorityMangle    Priority = -150
	PriorityDstNAT    Priority = -100
	PriorityFilter    Priority = 0
	PrioritySecurity  Priority = 50
	PrioritySrcNAT    Priority = 100
)

// BuiltinChain tells hook and priority of a built-in chain of an iptables table
// (net/ipv4/netfilter/iptable_*.c). ok is false for a user chain.
func BuiltinChain(table, chain string) (h Hook, p Priority, ok bool) {
	switch chain {
	case "PREROUTING":
		h = HookPrerouting
	case "INPUT":
		h = HookInput
	case "FORWARD":
		h = HookForward
	case "OUTPUT":
		h = HookOutput
	case "POSTROUTING":
		h = HookPostrouting
	default:
		return HookNone, 0, false
	}
	switch table {
	case "raw":
		p, ok = PriorityRaw, h == HookPrerouting || h == HookOutput
	case "mangle":
		p, ok = PriorityMangle, true
	case "nat":
		p, ok = PriorityDstNAT, h != HookForward
		if h == HookInput || h == HookPostrouting {
			p = PrioritySrcNAT
		}
	case "filter":
		p, ok = PriorityFilter, h != HookPrerouting && h != HookPostrouting
	case "security":
		p, ok = PrioritySecurity, h != HookPrerouting && h != HookPostrouting
	}
	if !ok {
		return HookNone, 0, false
	}
	return h, p, true
}

// String prints the number.
func (p Priority) String() string { return strconv.Itoa(int(p)) }

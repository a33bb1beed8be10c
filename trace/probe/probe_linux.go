package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/trace/arm"
	"nfscope/trace/capability"
	"nfscope/trace/conntrack"
	"nfscope/trace/drops"
	"nfscope/trace/lab"
	"nfscope/trace/netns"
	"nfscope/trace/nflog"
	"nfscope/trace/nftrace"
	"nfscope/trace/rules"
)

// Run tries every feature. What changes anything is tried in a namespace made for it
// and removed again; ns is only looked at.
func Run(ctx context.Context, ns *netns.Handle) []Finding {
	f := []Finding{kernel()}
	f = append(f, capabilities()...)
	f = append(f, programs()...)
	f = append(f, tried(ctx)...)
	f = append(f, logOwners(ns)...)
	f = append(f, group0(ns))
	f = append(f, accounting(ns)...)
	f = append(f, dropReasons(ns)...)
	f = append(f, inUse(ctx, ns))
	return append(f, userns())
}

func kernel() Finding {
	var u unix.Utsname
	_ = unix.Uname(&u)
	return Finding{"kernel", Note, "Linux " + unix.ByteSliceToString(u.Release[:]), ""}
}

func capabilities() []Finding {
	var f []Finding
	for _, c := range []struct {
		n          uint
		name, for_ string
	}{
		{capability.NetAdmin, "CAP_NET_ADMIN", "reading rules and conntrack, tracing"},
		{capability.SysAdmin, "CAP_SYS_ADMIN", "other namespaces, live labs as root"},
	} {
		if capability.Has(c.n) {
			f = append(f, Finding{c.name, Works, c.for_, ""})
		} else {
			f = append(f, Finding{c.name, Missing, c.for_ + " need it", "sudo nfscope ..."})
		}
	}
	return f
}

func programs() []Finding {
	var f []Finding
	for _, p := range []struct{ program, for_, pkg string }{
		{"iptables-legacy-save", "rules of legacy IPv4 tables", "iptables"},
		{"ip6tables-legacy-save", "rules of legacy IPv6 tables", "iptables"},
		{"iptables-nft-save", "rules of iptables-nft, IPv4", "iptables"},
		{"ip6tables-nft-save", "rules of iptables-nft, IPv6", "iptables"},
		{"nft", "rules of nftables", "nftables"},
	} {
		path, err := lookPath(p.program)
		if err != nil {
			f = append(f, Finding{p.program, Missing, "the text of the " + p.for_ + " cannot be read without it", "apt-get install " + p.pkg})
			continue
		}
		f = append(f, Finding{p.program, Works, path, ""})
	}
	return f
}

// lookPath finds a program, also where the PATH of a user who is not root seldom looks.
func lookPath(name string) (path string, err error) {
	for _, dir := range []string{"", "/usr/sbin/", "/sbin/", "/usr/local/sbin/"} {
		if path, err = exec.LookPath(dir + name); err == nil {
			return path, nil
		}
	}
	return "", err
}

// trial is something to try in the namespace made for it.
type trial struct {
	feature, says string
	// fix loads or builds what is missing.
	fix string
	try func(context.Context, *netns.Handle) error
}

func trials() []trial {
	return []trial{
		{"legacy tables", "iptables-legacy, and the -j TRACE fallback", "modprobe ip_tables iptable_raw  (CONFIG_IP_NF_IPTABLES_LEGACY, CONFIG_IP_NF_RAW)",
			func(_ context.Context, ns *netns.Handle) error { return legacyTable(ns) }},
		{"arming by owner table", "a trace that the kernel removes when nfscope ends, even by kill -9", "a kernel with nf_tables, 5.12 or later: modprobe nf_tables  (CONFIG_NF_TABLES_INET)",
			func(ctx context.Context, ns *netns.Handle) error {
				everything, err := filter.Parse("")
				if err != nil {
					return err
				}
				a, err := arm.Arm(ctx, ns, arm.Options{Filter: everything, Method: "owner"})
				if err != nil {
					return err
				}
				return a.Close()
			}},
		{"nf_tables trace", "which rule of nftables and iptables-nft a packet hit", "modprobe nf_tables",
			func(_ context.Context, ns *netns.Handle) error {
				r, err := nftrace.Open(ns, nftrace.Options{})
				if err != nil {
					return err
				}
				return r.Close()
			}},
		{"legacy trace", "which rule of iptables-legacy a packet hit (TRACE over NFLOG)", "modprobe nfnetlink_log xt_TRACE  (CONFIG_NETFILTER_NETLINK_LOG)",
			func(_ context.Context, ns *netns.Handle) error {
				r, err := nflog.Open(ns, nflog.TraceGroup, nflog.Options{})
				if err != nil {
					return err
				}
				return r.Close()
			}},
		{"conntrack", "connections and their NAT", "modprobe nf_conntrack nf_conntrack_netlink  (CONFIG_NF_CT_NETLINK, CONFIG_NF_CONNTRACK_EVENTS)",
			func(_ context.Context, ns *netns.Handle) error {
				r, err := conntrack.Open(ns)
				if err != nil {
					return err
				}
				return r.Close()
			}},
	}
}

// tried makes a namespace, tries everything in it and removes it.
func tried(ctx context.Context) []Finding {
	var f []Finding
	ns, err := netns.Create(fmt.Sprintf("nfs-doctor-%d-trial", os.Getpid())) // a name that clean knows
	if err != nil {
		for _, t := range trials() {
			f = append(f, Finding{t.feature, Unknown, "could not be tried: no namespace can be made: " + err.Error(), "sudo nfscope doctor"})
		}
		return f
	}
	defer ns.Remove()
	for _, t := range trials() {
		if err := t.try(ctx, ns); err != nil {
			f = append(f, Finding{t.feature, Missing, t.says + ": " + err.Error(), t.fix})
			continue
		}
		f = append(f, Finding{t.feature, Works, t.says, ""})
	}
	return f
}

// legacyTable asks for the raw table's size; asking makes the table, so only in a
// namespace of our own.
func legacyTable(ns *netns.Handle) error {
	return ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		const getInfo = 64 // IPT_SO_GET_INFO, linux/netfilter_ipv4/ip_tables.h
		info := make([]byte, 84)
		copy(info, "raw")
		return getsockopt(fd, unix.SOL_IP, getInfo, info)
	})
}

func logOwners(ns *netns.Handle) []Finding {
	var f []Finding
	for _, l := range []struct{ key, family string }{{"2", "IPv4"}, {"10", "IPv6"}} {
		feature := "nf_log owner " + l.family
		owner, err := sysctl(ns, "net/netfilter/nf_log/"+l.key)
		switch {
		case errors.Is(err, os.ErrNotExist):
			f = append(f, Finding{feature, Missing, err.Error(), "modprobe nf_log_syslog nfnetlink_log"})
		case err != nil:
			f = append(f, refused(Finding{Feature: feature}, err))
		case owner == "nfnetlink_log":
			f = append(f, Finding{feature, Note, "nfnetlink_log already: someone traces legacy tables, or set it for good", ""})
		default:
			if owner == "NONE" {
				owner = "none"
			}
			f = append(f, Finding{feature, Works, owner + "; set to nfnetlink_log while a trace of legacy tables is armed, then put back", ""})
		}
	}
	return f
}

// group0 looks for a process that has NFLOG group 0, as ulogd likes to.
func group0(ns *netns.Handle) Finding {
	f := Finding{Feature: "NFLOG group 0", State: Works, Says: "free for the legacy trace"}
	switch who, err := nflog.Holder(ns, nflog.TraceGroup); {
	case errors.Is(err, os.ErrNotExist):
		f.State, f.Says, f.Fix = Missing, "this kernel has no NFLOG", "modprobe nfnetlink_log"
	case err != nil:
		return refused(f, err)
	case who != "":
		f.State, f.Says = Off, "read by "+who+": the legacy trace cannot run beside it"
		f.Fix = "give the other program another group (ulogd: group=1), or stop it while tracing"
	}
	return f
}

func accounting(ns *netns.Handle) []Finding {
	var f []Finding
	for _, s := range []struct{ key, feature, on, off string }{
		{"nf_conntrack_events", "conntrack events", "connections are followed live", "connections are seen by dumps only"},
		{"nf_conntrack_acct", "conntrack accounting", "packets and bytes per connection", "no packets and bytes per connection"},
		{"nf_conntrack_timestamp", "conntrack timestamps", "start time per connection", "no start time per connection"},
	} {
		v, err := sysctl(ns, "net/netfilter/"+s.key)
		switch {
		case errors.Is(err, os.ErrNotExist):
			f = append(f, Finding{s.feature, Missing, err.Error(), "modprobe nf_conntrack"})
		case err != nil:
			f = append(f, refused(Finding{Feature: s.feature}, err))
		case v == "0":
			f = append(f, Finding{s.feature, Off, s.off, "sysctl -w net.netfilter." + s.key + "=1"})
		default:
			f = append(f, Finding{s.feature, Works, s.on, ""})
		}
	}
	return f
}

// dropReasons tells on which step drops are found out, and what would lift it.
func dropReasons(ns *netns.Handle) []Finding {
	const feature = "drop reasons"
	r, err := drops.Open(ns, drops.Options{NoFacts: true})
	if err != nil {
		return []Finding{refused(Finding{Feature: feature}, err)}
	}
	defer r.Close()
	w := r.Watch()
	f := []Finding{{feature, Works, w.Step.Words(), ""}}
	if w.Step == drop.StepProc {
		f[0].State = Off
	}
	for _, l := range w.Lift {
		f = append(f, Finding{feature + " by " + map[drop.Step]string{drop.StepBPF: "eBPF", drop.StepPerf: "perf"}[l.Step], Missing, l.Why, l.Fix})
	}
	return f
}

// inUse tells which backends have rules: both at once is a classic trap.
func inUse(ctx context.Context, ns *netns.Handle) Finding {
	f := Finding{Feature: "backends in use", State: Note}
	r, err := rules.Open(ns)
	if err != nil {
		return refused(f, err)
	}
	defer r.Close()
	rs, err := r.Snapshot(ctx)
	if err != nil {
		return refused(f, err)
	}
	var names []string
	nft, legacy := false, false
	for _, b := range []model.Backend{model.BackendLegacy, model.BackendIptablesNFT, model.BackendNFTables} {
		n := 0
		for _, t := range rs.Tables {
			if t.Backend == b {
				n++
			}
		}
		if n > 0 {
			names = append(names, fmt.Sprintf("%s (%s)", b, tables(n)))
			legacy = legacy || b == model.BackendLegacy
			nft = nft || b != model.BackendLegacy
		}
	}
	switch {
	case len(names) == 0:
		f.Says = "none: no table is registered here"
	case legacy && nft:
		f.Says = strings.Join(names, ", ") + ": legacy and nf_tables both decide, and a drop in either wins"
	default:
		f.Says = strings.Join(names, ", ")
	}
	return f
}

func tables(n int) string {
	if n == 1 {
		return "1 table"
	}
	return fmt.Sprintf("%d tables", n)
}

// refused fills in a feature that could not be looked at.
func refused(f Finding, err error) Finding {
	f.State, f.Says = Unknown, "could not be looked at: "+err.Error()
	if errors.Is(err, os.ErrPermission) {
		f.Fix = "sudo nfscope doctor"
	}
	return f
}

func userns() Finding {
	f := Finding{Feature: "live labs without root", State: Works, Says: "user namespaces are allowed"}
	if err := lab.CanUserns(); err != nil {
		f.State, f.Says = Off, err.Error()
	}
	return f
}

func sysctl(ns *netns.Handle, key string) (string, error) {
	b, err := read(ns, "/proc/sys/"+key)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("this kernel has no sysctl %s", strings.ReplaceAll(key, "/", "."))
	}
	return strings.TrimSpace(string(b)), err
}

// read reads a file of /proc as the namespace sees it.
func read(ns *netns.Handle, path string) (b []byte, err error) {
	err = ns.Do(func() error {
		b, err = os.ReadFile(path)
		return err
	})
	return b, err
}

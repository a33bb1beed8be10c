package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"nfscope/trace/netns"
)

// Registrar is told the name of each namespace before it is made, so that another
// process can remove it if this one dies.
type Registrar interface {
	Netns(name string) error
}

// Network is a lab that stands.
type Network struct {
	// Lang is the language of what Play emits: "en" or "zh".
	Lang string

	lab   *Lab
	inst  instance
	hosts map[string]*netns.Handle
	order []string
	notes []string
	// agents hear who joins and leaves security groups.
	agents []*agent
	// played is true once Play was called.
	played bool
	ports  ports

	mu      sync.Mutex
	closers map[io.Closer]bool
	serving sync.WaitGroup
	down    bool
}

// maxInstances bounds the networks of one lab in one process.
const maxInstances = 100

// Up builds the lab's network: namespaces, links, sysctls, rules, services. What it
// needs is looked for first; where anything fails all that was built is removed. g
// may be nil.
func Up(ctx context.Context, l *Lab, g Registrar) (*Network, error) {
	l, notes, err := resolve(l, find)
	if err != nil {
		return nil, fmt.Errorf("lab %s: %w", l.Name, err)
	}
	n := &Network{Lang: "en", lab: l, notes: notes, hosts: map[string]*netns.Handle{}, closers: map[io.Closer]bool{}}
	if err := n.build(ctx, g); err != nil {
		return nil, errors.Join(fmt.Errorf("lab %s: %w", l.Name, err), n.Down())
	}
	return n, nil
}

func (n *Network) build(ctx context.Context, g Registrar) error {
	if err := n.hostsUp(g); err != nil {
		return err
	}
	stages := []func(context.Context) error{n.baseline, n.wire, n.loadRules, n.lateSysctls, n.serve}
	for _, stage := range stages {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := stage(ctx); err != nil {
			return err
		}
	}
	return nil
}

// hostsUp makes the namespaces, of the first instance of which there is none yet. The
// first host is the claim: only one network gets it.
func (n *Network) hostsUp(g Registrar) error {
	for nth := range maxInstances {
		n.inst = instance{os.Getpid(), nth}
		names, err := netns.List(prefix + n.lab.Name + "-" + n.inst.String() + "-")
		if err != nil {
			return err
		}
		if len(names) > 0 {
			continue
		}
		for i, h := range n.lab.Hosts {
			err := n.hostUp(h.Name, g)
			if err != nil && i == 0 && strings.Contains(err.Error(), "exists") {
				break // another network of this process was quicker
			}
			if err != nil {
				return err
			}
		}
		if len(n.hosts) == len(n.lab.Hosts) {
			return nil
		}
	}
	return fmt.Errorf("%d networks of this lab stand already in this process", maxInstances)
}

func (n *Network) hostUp(host string, g Registrar) error {
	name := nsName(n.lab.Name, n.inst, host)
	if g != nil {
		if err := g.Netns(name); err != nil {
			return fmt.Errorf("tell the guard of namespace %s: %w", name, err)
		}
	}
	handle, err := netns.Create(name)
	if err != nil {
		return err
	}
	n.hosts[host], n.order = handle, append(n.order, host)
	return nil
}

// Lab is the lab as it was built: backends replaced where a program is missing.
func (n *Network) Lab() *Lab { return n.lab }

// Notes says what was built otherwise than the lab wants it, a sentence each.
func (n *Network) Notes() []string { return slices.Clone(n.notes) }

// Host is a host's namespace; nil where the lab has no such host. The network owns it.
func (n *Network) Host(name string) *netns.Handle { return n.hosts[name] }

// Observed is the host whose netfilter is to be traced.
func (n *Network) Observed() *netns.Handle { return n.hosts[n.lab.Observed] }

// Down ends the services and removes the namespaces. It may be called again; one that
// is gone already is no error.
func (n *Network) Down() error {
	n.mu.Lock()
	if n.down {
		n.mu.Unlock()
		return nil
	}
	n.down = true
	closers := n.closers
	n.closers = nil
	n.mu.Unlock()
	for c := range closers {
		_ = c.Close()
	}
	n.serving.Wait()
	var errs []error
	for _, host := range slices.Backward(n.order) {
		h := n.hosts[host]
		_ = h.Close()
		errs = append(errs, remove(h.Name()))
	}
	return errors.Join(errs...)
}

// keep closes c at Down, or at once where that was already called.
func (n *Network) keep(c io.Closer) {
	n.mu.Lock()
	down := n.down
	if !down {
		n.closers[c] = true
	}
	n.mu.Unlock()
	if down {
		_ = c.Close()
	}
}

// forget is for what closes by itself.
func (n *Network) forget(c io.Closer) {
	n.mu.Lock()
	delete(n.closers, c)
	n.mu.Unlock()
}

// baseline sets what a namespace would else take over from the host it is made on
// (net/ipv4/devinet.c, devinet_init_net), then the lab's own sysctls. It comes before
// the links, whose interfaces copy conf.default.
func (n *Network) baseline(context.Context) error {
	for _, host := range n.lab.Hosts {
		err := n.hosts[host.Name].Do(func() error {
			base := [][2]string{{"net.ipv4.ip_forward", "0"}, {"net.bridge.bridge-nf-call-iptables", "0"}, {"net.bridge.bridge-nf-call-ip6tables", "0"},
				{"net.ipv4.igmp_link_local_mcast_reports", "0"}} // what a bridge sends when it comes up is no lab's matter
			for _, of := range []string{"all", "default"} {
				base = append(base,
					[2]string{"net.ipv4.conf." + of + ".rp_filter", "0"},
					[2]string{"net.ipv4.conf." + of + ".send_redirects", "0"})
				if !n.lab.hasIPv6(host.Name) { // or its neighbour discovery fills the counters
					base = append(base, [2]string{"net.ipv6.conf." + of + ".disable_ipv6", "1"})
				}
			}
			for _, s := range base {
				if err := setSysctl(s[0], s[1]); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
			}
			return setSysctls(host.Sysctls, false)
		})
		if err != nil {
			return fmt.Errorf("host %s: %w", host.Name, err)
		}
	}
	return nil
}

// lasting is how long, in seconds, conntrack keeps what UDP packets began. By default it
// forgets that after half a minute, and a class talks longer than that between two steps of
// which the second stands on the first one's connection; on a busy machine all the steps may
// take as long.
const lasting = "3600"

// lateSysctls sets those of netfilter, which appear when the rules that need conntrack
// are loaded, and those of one interface. A host without conntrack has none to last, nor
// has one of an ordinary user before Linux 5.16.
func (n *Network) lateSysctls(context.Context) error {
	for _, host := range n.lab.Hosts {
		err := n.hosts[host.Name].Do(func() error {
			for _, key := range []string{"udp_timeout", "udp_timeout_stream"} {
				err := setSysctl("net.netfilter.nf_conntrack_"+key, lasting)
				if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
					return err
				}
			}
			return setSysctls(host.Sysctls, true)
		})
		if err != nil {
			return fmt.Errorf("host %s: %w", host.Name, err)
		}
	}
	return nil
}

func lateSysctl(key string) bool {
	_, dev, conf := strings.Cut(key, ".conf.")
	conf = conf && !strings.HasPrefix(dev, "all.") && !strings.HasPrefix(dev, "default.")
	return conf || strings.HasPrefix(key, "net.netfilter.")
}

func setSysctls(m map[string]string, late bool) error {
	keys := make([]string, 0, len(m))
	for k := range m {
		if lateSysctl(k) == late {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		if err := setSysctl(k, m[k]); err != nil {
			return err
		}
	}
	return nil
}

// setSysctl writes in the namespace of the calling thread: /proc/sys/net is looked up
// for the thread that asks (net/sysctl_net.c).
func setSysctl(key, value string) error {
	path := filepath.Join("/proc/sys", strings.ReplaceAll(key, ".", "/"))
	err := os.WriteFile(path, []byte(value), 0o644)
	if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(key, "net.bridge.") {
		return fmt.Errorf("%w (%w)", noBridge(key), fs.ErrNotExist)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("this kernel has no sysctl %s in a network namespace: %w", key, fs.ErrNotExist)
	}
	if err != nil {
		return fmt.Errorf("set sysctl %s to %q: %w", key, value, err)
	}
	return nil
}

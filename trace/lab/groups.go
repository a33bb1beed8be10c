package lab

import (
	"fmt"
	"slices"
	"strings"
)

// VM is a machine that hangs on the bridge of an agent's host.
type VM struct {
	Name string `yaml:"name"`
	// Tap is the bridge's port that leads to it.
	Tap     string `yaml:"tap"`
	Address string `yaml:"address"`
}

// Group is a security group: who may begin a connection to its members.
type Group struct {
	Name    string   `yaml:"name"`
	Members []string `yaml:"members"` // VMs
	Allow   []Allow  `yaml:"allow"`
}

// Allow lets TCP connections to one port in.
type Allow struct {
	Port uint16 `yaml:"port"`
	// From is a prefix, or the name of a group: its members. "" is anybody.
	From string `yaml:"from"`
}

// cloud is what an agent knows of groups and VMs. Join and leave change who is a member of
// what; the rest stays.
type cloud struct {
	vms    []VM
	groups []Group
}

func newCloud(s Service) *cloud {
	c := &cloud{vms: slices.Clone(s.VMs), groups: slices.Clone(s.Groups)}
	for i := range c.groups {
		c.groups[i].Members = slices.Clone(c.groups[i].Members)
	}
	return c
}

func (c *cloud) vm(name string) *VM {
	if i := slices.IndexFunc(c.vms, func(v VM) bool { return v.Name == name }); i >= 0 {
		return &c.vms[i]
	}
	return nil
}

func (c *cloud) group(name string) *Group {
	if i := slices.IndexFunc(c.groups, func(g Group) bool { return g.Name == name }); i >= 0 {
		return &c.groups[i]
	}
	return nil
}

// The names of an agent's chains and sets.
func vmChain(vm string) string   { return "vm-" + vm }
func groupName(g string) string  { return "group-" + g }
func member(g Group, vm VM) bool { return slices.Contains(g.Members, vm.Name) }

// rules is the whole filter table in save form: packets to a VM's tap go to the chain of
// that VM, which asks each of its groups and drops what none of them allows.
func (c *cloud) rules() string {
	var b strings.Builder
	b.WriteString("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n")
	for _, vm := range c.vms {
		fmt.Fprintf(&b, ":%s - [0:0]\n", vmChain(vm.Name))
	}
	for _, g := range c.groups {
		fmt.Fprintf(&b, ":%s - [0:0]\n", groupName(g.Name))
	}
	b.WriteString("-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n")
	for _, vm := range c.vms {
		fmt.Fprintf(&b, "-A FORWARD -m physdev --physdev-out %s --physdev-is-bridged -j %s\n", vm.Tap, vmChain(vm.Name))
	}
	for _, vm := range c.vms {
		c.rulesOf(&b, vm)
	}
	for _, g := range c.groups {
		for _, a := range g.Allow {
			who, set := "", ""
			switch {
			case c.group(a.From) != nil:
				set = " -m set --match-set " + groupName(a.From) + " src"
			case a.From != "":
				who = " -s " + a.From
			}
			fmt.Fprintf(&b, "-A %s%s -p tcp -m tcp --dport %d%s -j ACCEPT\n", groupName(g.Name), who, a.Port, set)
		}
	}
	return b.String() + "COMMIT\n"
}

// rulesOf writes the rules of one VM's chain.
func (c *cloud) rulesOf(b *strings.Builder, vm VM) {
	chain := vmChain(vm.Name)
	for _, g := range c.groups {
		if member(g, vm) {
			fmt.Fprintf(b, "-A %s -m comment --comment \"member of group %s\" -j %s\n", chain, g.Name, groupName(g.Name))
		}
	}
	fmt.Fprintf(b, "-A %s -m comment --comment \"no group of %s allows it\" -j DROP\n", chain, vm.Name)
}

// chain is the chain of one VM alone: loaded with --noflush it replaces that and no other.
func (c *cloud) chain(vm VM) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*filter\n:%s - [0:0]\n", vmChain(vm.Name))
	c.rulesOf(&b, vm)
	return b.String() + "COMMIT\n"
}

// sets are the addresses of each group's members, as ipset restores them.
func (c *cloud) sets() string {
	var b strings.Builder
	for _, g := range c.groups {
		fmt.Fprintf(&b, "create %s hash:ip family inet\n", groupName(g.Name))
		for _, vm := range c.vms {
			if member(g, vm) {
				fmt.Fprintf(&b, "add %s %s\n", groupName(g.Name), vm.Address)
			}
		}
	}
	return b.String()
}

// change is an order of the cloud's that was carried out in its books: what is to be loaded
// for it, what is answered, and the order that takes it back.
type change struct {
	vm      VM
	set     string // for ipset
	answers string
	undo    string
}

// order reads "join GROUP VM" or "leave GROUP VM". What changes nothing has an answer alone.
func (c *cloud) order(line string) (change, error) {
	f := strings.Fields(line)
	if len(f) != 3 || f[0] != "join" && f[0] != "leave" {
		return change{}, fmt.Errorf("%q is no order; expected join GROUP VM or leave GROUP VM", strings.Join(f, " "))
	}
	g, vm := c.group(f[1]), c.vm(f[2])
	switch {
	case g == nil:
		return change{}, fmt.Errorf("there is no group %q", f[1])
	case vm == nil:
		return change{}, fmt.Errorf("there is no VM %q", f[2])
	}
	join := f[0] == "join"
	if join == member(*g, *vm) {
		return change{answers: fmt.Sprintf("%s %s group %s already", vm.Name, map[bool]string{true: "is in", false: "is out of"}[join], g.Name)}, nil
	}
	ch := change{vm: *vm}
	if join {
		g.Members = append(g.Members, vm.Name)
		ch.undo = "leave " + g.Name + " " + vm.Name
		ch.set = fmt.Sprintf("add %s %s -exist\n", groupName(g.Name), vm.Address)
		ch.answers = fmt.Sprintf("%s joined %s: %s is in the set %s, %s asks %[4]s", vm.Name, g.Name, vm.Address, groupName(g.Name), vmChain(vm.Name))
	} else {
		g.Members = slices.DeleteFunc(g.Members, func(n string) bool { return n == vm.Name })
		ch.undo = "join " + g.Name + " " + vm.Name
		ch.set = fmt.Sprintf("del %s %s -exist\n", groupName(g.Name), vm.Address)
		ch.answers = fmt.Sprintf("%s left %s: %s is out of the set %s, %s asks it no more", vm.Name, g.Name, vm.Address, groupName(g.Name), vmChain(vm.Name))
	}
	return ch, nil
}

// back lists the orders after which everybody is a member of what s says again.
func (c *cloud) back(s Service) (orders []string) {
	for i, g := range s.Groups {
		for _, vm := range c.vms {
			switch is, was := member(c.groups[i], vm), member(g, vm); {
			case is && !was:
				orders = append(orders, "leave "+g.Name+" "+vm.Name)
			case was && !is:
				orders = append(orders, "join "+g.Name+" "+vm.Name)
			}
		}
	}
	return orders
}

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/model/store"
	"nfscope/model/why"
	"nfscope/trace/collect"
	"nfscope/trace/live"
)

func (a *app) rootCommand() *cobra.Command {
	var file string
	var readonly, between bool
	c := &cobra.Command{
		Use: "nfscope", Short: "An oscilloscope for netfilter",
		Long: "Nfscope is an oscilloscope for netfilter. It shows the tables and chains of iptables\n" +
			"(legacy and nft, IPv4 and IPv6) and nftables with their counters, the connections with\n" +
			"their NAT, and which rule a packet hit. Without a command it opens the terminal UI.",
		Example: "  nfscope                  look at this host\n  nfscope --netns router   look at a namespace\n  nfscope demo             no root needed",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			switch {
			case between && file != "":
				return usagef("--between: it is for the traces that the UI arms, and --file shows rules alone")
			case between && !a.terminal():
				return usagef("--between: it is for the traces that the UI arms, and there is no terminal for it; `nfscope trace --between` needs none")
			case !readonly && file != "":
				return usagef("--readonly=false: it is for the connections of a host, and --file shows rules alone")
			case file != "":
				return a.showFile(file)
			}
			return a.show(readonly, between)
		},
	}
	c.Flags().StringVar(&file, "file", "", "show the rules in `FILE` instead of the host's")
	c.Flags().BoolVar(&between, "between", false, "traces that the UI arms see the packets between the chains too, by eBPF programs in the hooks")
	c.Flags().BoolVar(&readonly, "readonly", true, "change nothing of the host; --readonly=false lets the UI delete connections, each after asking")
	return c
}

// show opens the TUI on a live namespace; without a terminal it prints the rules.
func (a *app) show(readonly, between bool) error {
	if !a.terminal() {
		rs, err := a.readRules(true)
		if err != nil {
			return err
		}
		return a.printRules(rs, "tree")
	}
	ns, err := a.open()
	if err != nil {
		return err
	}
	if err := needAdmin("looking at netfilter"); err != nil {
		return err
	}
	c := collect.New(store.New(journey.Options{}), time.Now)
	tap := newWhyTap()
	s, err := a.session(ns, func(it feed.Item) { tap.item(&it); c.Put(it) }, false)
	if err != nil {
		return err
	}
	c.Hear(s.Heard)
	s.Watch(a.ctx)
	o := tuiOptions{actions: &sessionActions{app: a, session: s, between: between}, sets: a.setReader(ns), logs: a.logSource(ns), look: s.Focus, seen: tap.snapshot}
	o.why = func(ctx context.Context, text string, tell func(*why.Answer)) (*why.Answer, error) {
		return a.whyAsked(ctx, s, ns, tap, text, tell)
	}
	if !readonly {
		o.remove = s.Delete
	}
	return a.tui(c, o)
}

// sessionActions lets the TUI arm and disarm.
type sessionActions struct {
	app     *app
	session *live.Session
	between bool // packets are seen between the chains too
}

func (s *sessionActions) Arm(text string, both bool) error {
	f, err := filter.Parse(text)
	if err != nil {
		return err
	}
	return s.session.Arm(s.app.ctx, live.Trace{Filter: f, Both: both, Between: s.between, Misses: true})
}

func (s *sessionActions) Disarm() error { return s.session.Disarm() }

// showFile shows the rules of a file.
func (a *app) showFile(name string) error {
	if !a.terminal() {
		return a.rulesOfFile(name, "tree")
	}
	rs, _, bad, err := a.readRulesFile(name)
	if err != nil {
		return err
	}
	c := collect.New(store.New(journey.Options{}), time.Now)
	c.Put(feed.Item{Host: &feed.Host{Name: name, Source: "file " + name}})
	c.Put(feed.Item{Rules: rs})
	if bad > 0 {
		c.Put(feed.Item{Problem: fmt.Sprintf("%s: %s could not be understood; `nfscope rules --file %s` says what", name, places(bad), name)})
	}
	return a.tui(c, tuiOptions{page: "Rules"})
}

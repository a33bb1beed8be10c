package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"nfscope/model"
	"nfscope/model/set"
	"nfscope/trace/netns"
	"nfscope/trace/sets"
	"nfscope/ui/page/rules"
)

// setsOptions are the flags of `nfscope sets`.
type setsOptions struct {
	json, exact bool
	from, count int
	has         string
}

func (a *app) setsCommand() *cobra.Command {
	var o setsOptions
	c := &cobra.Command{
		Use: "sets [NAME]", Short: "Print the ipsets and nft's sets, and their members by the page",
		Long: "Print the ipsets and the named sets and maps of nftables with type and number of\n" +
			"members, or some members of one. NAME is a set's name, or more of it where several\n" +
			"have that name: ipset blocked, inet fw blocked. No member is read but those printed.",
		Example: "  nfscope sets\n  nfscope sets blocked --from 500\n  nfscope sets inet fw blocked --has 10.1.2.3\n  nfscope sets blocked --count 0 --json | jq -r .member",
		Args:    cobra.MaximumNArgs(5),
		RunE: func(c *cobra.Command, args []string) error {
			has := c.Flags().Changed("has")
			switch {
			case o.from < 0:
				return usagef("--from %d: expected 0 or more", o.from)
			case o.count < 0:
				return usagef("--count %d: expected 0 or more", o.count)
			case len(args) == 0 && (has || c.Flags().Changed("from") || c.Flags().Changed("count")):
				return usagef("--from, --count and --has are for the members of a set: name one")
			case has && o.has == "":
				return usagef("--has: expected a member, such as 10.1.2.3")
			}
			return a.sets(args, o)
		},
	}
	c.Flags().BoolVar(&o.json, "json", false, "print nfscope/set/1 or nfscope/member/1 objects, one a line")
	c.Flags().BoolVar(&o.exact, "exact", false, "count the members that the kernel does not tell the number of, by reading them")
	c.Flags().IntVar(&o.from, "from", 0, "begin with the member at place `N`, the first being 0")
	c.Flags().IntVar(&o.count, "count", 500, "print `N` members, all where it is 0")
	c.Flags().StringVar(&o.has, "has", "", "say whether `MEMBER` is in the set")
	return c
}

// setReader is what the UI asks about sets; nil where nobody can.
func (a *app) setReader(ns *netns.Handle) rules.Sets {
	r, err := sets.Open(ns)
	if err != nil {
		return nil
	}
	a.later(func() { _ = r.Close() })
	return r
}

func (a *app) sets(name []string, o setsOptions) error {
	ns, err := a.open()
	if err != nil {
		return err
	}
	if err := needAdmin("reading sets"); err != nil {
		return err
	}
	r, err := sets.Open(ns)
	if err != nil {
		return err
	}
	defer r.Close()
	list, bad := r.List(a.ctx) // what could be read comes with the error
	p := &setPrinter{app: a, r: r, o: o, out: bufio.NewWriter(a.objects(o.json)), stats: stats{start: time.Now()}}
	if len(name) == 0 {
		err = p.list(list)
	} else {
		var s set.Set
		s, err = named(list, name)
		if err != nil && bad != nil { // it may be one that could not be read
			return bad
		}
		switch {
		case err != nil:
			return err
		case o.has != "":
			err = p.has(s)
		default:
			err = p.members(s)
		}
		bad = nil
	}
	if err == nil && o.json {
		err = p.stats.print(p.out)
	}
	if err == nil {
		err = p.out.Flush()
	}
	return errors.Join(err, bad)
}

// named finds the set that the words of the command line name.
func named(list []set.Set, words []string) (set.Set, error) {
	name := strings.Join(words, " ")
	var found []set.Set
	for _, s := range list {
		if full := s.String(); full == name || strings.HasSuffix(full, " "+name) {
			found = append(found, s)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return set.Set{}, usagef("several sets are named %s: %s; name one of them so", name, setNames(found))
	case len(list) == 0:
		return set.Set{}, usagef("there is no set %s: there are no sets at all here", name)
	}
	return set.Set{}, usagef("there is no set %s; there are %s", name, setNames(list))
}

// setNames lists some names.
func setNames(list []set.Set) string {
	const most = 8
	var s []string
	for i := range list {
		if i == most {
			return strings.Join(s, ", ") + fmt.Sprintf(" and %d more", len(list)-most)
		}
		s = append(s, list[i].String())
	}
	return strings.Join(s, ", ")
}

// setPrinter prints sets and members as text or JSON.
type setPrinter struct {
	app   *app
	r     *sets.Reader
	o     setsOptions
	out   *bufio.Writer
	stats stats
}

// setJSON is nfscope/set/1. What does not apply, or is not known, is absent.
type setJSON struct {
	Schema     string        `json:"schema"`
	Backend    set.Backend   `json:"backend"`
	Family     *model.Family `json:"family,omitempty"`
	Table      string        `json:"table,omitempty"`
	Name       string        `json:"name"`
	Type       string        `json:"type"`
	Data       string        `json:"data,omitempty"`
	Addresses  *model.Family `json:"addresses,omitempty"`
	Revision   uint8         `json:"revision,omitempty"`
	Flags      []string      `json:"flags,omitempty"`
	Options    string        `json:"options,omitempty"`
	Count      *uint64       `json:"count,omitempty"`
	Size       uint64        `json:"size,omitempty"`
	Timeout    int64         `json:"timeout_ns,omitempty"`
	References *uint32       `json:"references,omitempty"`
	Memory     uint64        `json:"memory,omitempty"`
	Handle     uint64        `json:"handle,omitempty"`
	Comment    string        `json:"comment,omitempty"`
}

func newSetJSON(s set.Set) setJSON {
	j := setJSON{Schema: "nfscope/set/1", Backend: s.Backend, Table: s.Table, Name: s.Name, Type: s.Type, Data: s.Data, Revision: s.Revision,
		Flags: s.Flags, Options: s.Options, Size: s.Size, Timeout: int64(s.Timeout), Memory: s.Memory, Handle: s.Handle, Comment: s.Comment}
	if s.Backend == set.NFT {
		j.Family = &s.Family
	} else {
		j.References = &s.References
	}
	if s.Addresses != model.FamilyUnspec {
		j.Addresses = &s.Addresses
	}
	if s.CountKnown {
		j.Count = &s.Count
	}
	return j
}

// list prints the headers of all sets.
func (p *setPrinter) list(list []set.Set) error {
	w := tabwriter.NewWriter(p.out, 0, 8, 2, ' ', 0)
	for _, s := range list {
		p.stats.events++
		if err := p.counted(&s); errors.Is(err, sets.ErrGone) {
			continue
		} else if err != nil {
			return err
		}
		if p.o.json {
			if err := json.NewEncoder(p.out).Encode(newSetJSON(s)); err != nil {
				return err
			}
			continue
		}
		cells := append([]string{s.String(), setType(s), setCount(s)}, setNotes(s)...)
		if _, err := fmt.Fprintln(w, strings.Join(cells, "\t")); err != nil {
			return err
		}
	}
	if len(list) == 0 && !p.o.json {
		fmt.Fprintln(p.app.err, "nfscope: there are no sets")
	}
	return w.Flush()
}

// counted counts a set where that is wanted and the kernel does not tell.
func (p *setPrinter) counted(s *set.Set) error {
	if !p.o.exact || s.CountKnown {
		return nil
	}
	n, err := p.r.Count(p.app.ctx, *s)
	if err == nil {
		s.Count, s.CountKnown = n, true
	}
	return err
}

func setType(s set.Set) string {
	if s.Data != "" {
		return s.Type + " : " + s.Data
	}
	return s.Type
}

// setCount is the number of members in words.
func setCount(s set.Set) string {
	if !s.CountKnown {
		return "? members"
	}
	return plural(s.Count, "member")
}

// setNotes are what else is to be said of a set.
func setNotes(s set.Set) []string {
	var notes []string
	for _, f := range s.Flags {
		if f != "timeout" || s.Timeout == 0 {
			notes = append(notes, f)
		}
	}
	if s.Timeout > 0 {
		notes = append(notes, "timeout "+set.Duration(s.Timeout))
	}
	if s.Size > 0 {
		notes = append(notes, "at most "+strconv.FormatUint(s.Size, 10))
	}
	if s.Backend == set.IPSet {
		notes = append(notes, fmt.Sprintf("references %d", s.References))
	}
	if len(notes) == 0 {
		return nil
	}
	return []string{strings.Join(notes, ", ")}
}

// memberJSON is nfscope/member/1.
type memberJSON struct {
	Schema   string        `json:"schema"`
	Backend  set.Backend   `json:"backend"`
	Family   *model.Family `json:"family,omitempty"`
	Table    string        `json:"table,omitempty"`
	Set      string        `json:"set"`
	Index    *int          `json:"index,omitempty"`
	Member   string        `json:"member"`
	In       *bool         `json:"in,omitempty"`
	Data     string        `json:"data,omitempty"`
	Left     *int64        `json:"left_ns,omitempty"`
	Timeout  int64         `json:"timeout_ns,omitempty"`
	Packets  *uint64       `json:"packets,omitempty"`
	Bytes    *uint64       `json:"bytes,omitempty"`
	Comment  string        `json:"comment,omitempty"`
	NoMatch  bool          `json:"nomatch,omitempty"`
	Wildcard bool          `json:"wildcard,omitempty"`
	More     string        `json:"more,omitempty"`
	Unknown  string        `json:"unknown,omitempty"`
}

func newMemberJSON(s set.Set) memberJSON {
	j := memberJSON{Schema: "nfscope/member/1", Backend: s.Backend, Table: s.Table, Set: s.Name}
	if s.Backend == set.NFT {
		j.Family = &s.Family
	}
	return j
}

// member prints the member at a place.
func (p *setPrinter) member(s set.Set, at int, m set.Member) error {
	p.stats.events++
	if !p.o.json {
		_, err := fmt.Fprintln(p.out, m.Line(s.Backend))
		return err
	}
	j := newMemberJSON(s)
	j.Index, j.Member, j.Data, j.Timeout = &at, m.Text, m.Data, int64(m.Timeout)
	j.Comment, j.NoMatch, j.Wildcard, j.More, j.Unknown = m.Comment, m.NoMatch, m.Wildcard, m.More, m.Unknown
	if left := int64(m.Left); m.Ends {
		j.Left = &left
	}
	if m.Counters.Valid {
		j.Packets, j.Bytes = &m.Counters.Packets, &m.Counters.Bytes
	}
	return json.NewEncoder(p.out).Encode(j)
}

// members prints a part of a set as it is read. How to go on stands on stderr, where it
// is not taken for a member.
func (p *setPrinter) members(s set.Set) error {
	if err := p.counted(&s); err != nil {
		return err
	}
	enough := errors.New("enough")
	at, end := p.o.from, math.MaxInt
	if p.o.count > 0 && p.o.count < math.MaxInt-at {
		end = at + p.o.count
	}
	moved, err := p.r.Walk(p.app.ctx, s, p.o.from, func(m set.Member) error {
		if at == end {
			return enough
		}
		at++
		return p.member(s, at-1, m)
	})
	more := errors.Is(err, enough)
	if err != nil && !more {
		return err
	}
	if moved {
		fmt.Fprintf(p.app.err, "nfscope: %s changed while it was read: members may be missing or be here twice\n", s)
	}
	switch of := ""; {
	case more:
		if s.CountKnown {
			of = fmt.Sprintf(" of %d", s.Count)
		}
		fmt.Fprintf(p.app.err, "nfscope: these are %d%s; --from %d goes on, --count 0 prints all\n", at-p.o.from, of, at)
	case at == p.o.from && at > 0:
		fmt.Fprintf(p.app.err, "nfscope: %s has no member at place %d\n", s, at)
	}
	return nil
}

// has says whether something is in a set.
func (p *setPrinter) has(s set.Set) error {
	in, err := p.r.Contains(p.app.ctx, s, p.o.has)
	var bad sets.MemberError
	if errors.As(err, &bad) {
		return usagef("--has: %w", err)
	}
	if err != nil {
		return err
	}
	p.stats.events++
	if p.o.json {
		j := newMemberJSON(s)
		j.Member, j.In = p.o.has, &in
		return json.NewEncoder(p.out).Encode(j)
	}
	word := "no: %s is not in %s\n"
	if in {
		word = "yes: %s is in %s\n"
	}
	_, err = fmt.Fprintf(p.out, word, p.o.has, s)
	return err
}

package rules

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"time"

	"nfscope/model"
	"nfscope/model/set"
	"nfscope/ui/component/units"
	"nfscope/ui/page"
)

// Sets reads the sets of the session's namespace. Its methods may block, and are called
// outside of the screen's goroutine, several at once.
type Sets interface {
	// List gives the headers of all sets; with an error, of those that could be read.
	List(ctx context.Context) ([]set.Set, error)
	// Members gives up to n members from place from on. s comes from List.
	Members(ctx context.Context, s set.Set, from, n int) (set.Page, error)
	// Count counts the members where List does not know their number.
	Count(ctx context.Context, s set.Set) (uint64, error)
	// Contains reports whether a set matches one member, written as Member.Text is.
	Contains(ctx context.Context, s set.Set, member string) (bool, error)
}

// listEvery is how often the headers are read again at most, while frames are asked for;
// more rarely where a reading takes long.
const listEvery = 3 * time.Second

// book is what the page knows of sets beside the rules' text.
type book struct {
	from    Sets // nil where nobody can read them: a recording, a file
	list    []set.Set
	at      map[set.Key]int
	trouble string // why some could not be listed
	version int    // grows when a set comes or goes
	listing bool
	known   bool // a list came
	next    time.Time
	of      *index // the rules for which the list was read
	open    *members
	counted map[set.Key]uint64
}

// NewLive makes a page that can ask for sets.
func NewLive(s Sets) *Page {
	p := New()
	p.sets.from = s
	return p
}

// find gives a set's header.
func (b *book) find(k set.Key) (set.Set, bool) {
	i, ok := b.at[k]
	if !ok {
		return set.Set{Key: k}, false
	}
	return b.list[i], true
}

// count is the number of a set's members, where it is known.
func (b *book) count(k set.Key) (n uint64, ok bool) {
	if s, _ := b.find(k); s.CountKnown {
		return s.Count, true
	}
	n, ok = b.counted[k]
	return n, ok
}

// The answers to questions. Each has what it was asked for, so that one which nobody
// waits for any more is thrown away.
type (
	listed struct {
		of   *index
		list []set.Set
		err  error
		took time.Duration
	}
	pageRead struct {
		members *members
		round   int
		page    set.Page
		err     error
		took    time.Duration
	}
	setCounted struct {
		members *members
		n       uint64
		err     error
	}
	looked struct {
		members *members
		text    string
		in      bool
		err     error
	}
)

// Ask gives the next question about sets.
func (p *Page) Ask(f *page.Frame) func() any {
	b := &p.sets
	if b.from == nil || !p.sync(f) {
		return nil
	}
	if !b.listing && (b.of != p.index || !f.Now.Before(b.next)) {
		b.listing, b.of = true, p.index
		from, of := b.from, p.index
		return func() any {
			start := time.Now()
			list, err := from.List(context.Background())
			return listed{of, list, err, time.Since(start)}
		}
	}
	if b.open == nil {
		return nil
	}
	m := b.open
	m.from, m.to = m.cursor.Window(max(1, p.height))
	return m.ask(b.from)
}

// Answered takes an answer.
func (p *Page) Answered(answer any, f *page.Frame) {
	b := &p.sets
	switch a := answer.(type) {
	case listed:
		b.listing, b.next = false, f.Now.Add(max(listEvery, 40*a.took))
		p.takeList(a)
	case pageRead:
		if a.members == b.open {
			b.open.take(a)
		}
	case setCounted:
		if m := b.open; a.members == m && m != nil {
			m.counting = false
			if a.err != nil {
				m.say(a.err.Error(), false)
				break
			}
			if b.counted == nil {
				b.counted = map[set.Key]uint64{}
			}
			b.counted[m.set.Key] = a.n
			m.counted, m.hasCount = a.n, true
			m.say("counted: "+units.Plural(a.n, 12, "member"), true)
		}
	case looked:
		if m := b.open; a.members == m && m != nil {
			m.looked(a)
		}
	}
	if p.index != nil {
		p.sync(f)
	}
}

func (p *Page) takeList(a listed) {
	b := &p.sets
	trouble := ""
	if a.err != nil {
		trouble = a.err.Error()
	}
	if b.known && trouble == b.trouble && reflect.DeepEqual(a.list, b.list) {
		if b.open != nil {
			b.open.again()
		}
		return
	}
	if !b.known || !slices.EqualFunc(a.list, b.list, func(x, y set.Set) bool { return x.Key == y.Key }) {
		b.version++
	}
	b.list, b.trouble, b.known = a.list, trouble, true
	b.at = make(map[set.Key]int, len(a.list))
	for i := range a.list {
		b.at[a.list[i].Key] = i
	}
	if m := b.open; m != nil {
		if s, ok := b.find(m.set.Key); ok {
			m.renew(s)
		} else {
			m.say("the set does not exist any more", false)
		}
	}
}

// syncSet opens what the tree has selected where it is a set, and leaves the one before.
func (p *Page) syncSet() {
	b := &p.sets
	k, ok := setKey(p.scope())
	if b.from == nil || !ok {
		b.close()
		return
	}
	if b.open != nil && b.open.set.Key == k {
		if s, ok := b.find(k); ok && !b.open.ready {
			b.open.renew(s)
		}
		return
	}
	b.close()
	b.open = newMembers(k)
	if n, ok := b.counted[k]; ok {
		b.open.counted, b.open.hasCount = n, true
	}
	if s, ok := b.find(k); ok {
		b.open.renew(s)
	}
}

func (b *book) close() {
	if b.open != nil {
		b.open.cancel()
		b.open = nil
	}
}

// The names by which the tree knows sets: chainKey.Extra of ipsets, which belong to no
// table, begins so, and that of nft's with the word before the name in a listing.
const ipsetNode = "ipset"

// setKey is the set that a node of the tree stands for.
func setKey(k chainKey) (set.Key, bool) {
	word, name, ok := strings.Cut(k.Extra, " ")
	switch {
	case !ok || strings.Contains(name, "\n"):
		return set.Key{}, false
	case k.Table == "" && word == ipsetNode:
		return set.Key{Name: name}, true
	case k.Table != "" && (word == "set" || word == "map" || word == "meter"):
		return set.Key{Backend: set.NFT, Family: k.Family, Table: k.Table, Name: name}, true
	}
	return set.Key{}, false
}

// nodeOf is the node that stands for a set.
func (p *Page) nodeOf(k set.Key) (chainKey, bool) {
	s, listed := p.sets.find(k)
	if k.Backend == set.IPSet {
		return chainKey{Extra: ipsetNode + " " + k.Name}, listed || p.namers().of(k) > 0
	}
	for i := range p.index.tables {
		sp := &p.index.tables[i]
		t := sp.table
		if t.Backend == model.BackendLegacy || t.Family != k.Family || t.Name != k.Table {
			continue
		}
		at := keyOf(t, nil)
		for _, o := range p.index.objects[sp.objects:sp.objectsEnd] {
			at.Extra = o.name
			if got, ok := setKey(at); ok && got == k {
				return at, true
			}
		}
		at.Extra = setWord(s) + " " + k.Name
		return at, listed
	}
	return chainKey{}, false
}

// setWord is set or map, as nft calls it.
func setWord(s set.Set) string {
	if s.Data != "" {
		return "map"
	}
	return "set"
}

// uses are the rules that name sets, of one ruleset.
type uses struct {
	index *index
	by    map[set.Key][]ref
}

func newUses(x *index) *uses {
	u := &uses{index: x, by: map[set.Key][]ref{}}
	for at := range x.chains {
		t, c := x.chains[at].table, x.chains[at].chain
		for i := range c.Rules {
			for _, k := range set.Named(t, c.Rules[i].Text) {
				u.by[k] = append(u.by[k], ref{int32(at), int32(i)})
			}
		}
	}
	return u
}

// namers are the rules that name sets, where the tree depends on them: where nobody can
// list the ipsets.
func (p *Page) namers() *uses {
	if p.sets.from != nil {
		return nil
	}
	return p.uses
}

// of is how many rules name a set.
func (u *uses) of(k set.Key) int {
	if u == nil {
		return 0
	}
	return len(u.by[k])
}

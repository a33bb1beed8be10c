package sets

import (
	"context"
	"math"
	"net/netip"
	"strings"
	"sync"
	"time"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/set"
)

const (
	// fresh is how long an answer, or a set's header, is taken for that of now.
	fresh = time.Second
	// maxAsked is how many questions the kernel gets in that time. What is more is not known.
	maxAsked = 1000
	// forAnswer is how long one answer may take, whatever has to be asked for it: the others
	// wait meanwhile.
	forAnswer = time.Second
)

// Lookup answers for those who judge rules whether a key is in a set now. It asks the kernel at most
// a bounded number of questions a second, and remembers answers that long. It is safe for
// concurrent use, and may block.
type Lookup struct {
	r  asker
	mu sync.Mutex
	// since is when the answers that are remembered began.
	since   time.Time
	asked   int
	headers map[set.Key]set.Set
	answers map[question]fact.Answer
	now     func() time.Time
	most    int // questions in the time that answers are remembered
}

// asker is what of a Reader a Lookup uses.
type asker interface {
	Header(context.Context, set.Key) (set.Set, error)
	Contains(context.Context, set.Set, string) (bool, error)
	Members(ctx context.Context, s set.Set, from, n int) (set.Page, error)
}

type question struct {
	set    set.Key
	member string
}

// NewLookup makes a Lookup over a reader, which must stay open.
func NewLookup(r *Reader) *Lookup { return &Lookup{r: r, now: time.Now, most: maxAsked} }

// Patient lets it ask as much as it likes, for one who waits for the answers anyway.
func (l *Lookup) Patient() *Lookup {
	l.most = math.MaxInt
	return l
}

// In tells whether a set that a rule of a table names has a key, in the form of
// fact.Facts.InSet. It is Unsure where the set is of a kind that asks for more than the key
// has, where there is no such set, and where too much was asked.
func (l *Lookup) In(t *model.Table, name string, key []string) fact.Answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := l.now(); at.Sub(l.since) >= fresh || l.answers == nil {
		l.since, l.asked, l.headers, l.answers = at, 0, map[set.Key]set.Set{}, map[question]fact.Answer{}
	}
	k := set.Key{Name: name}
	if t.Backend == model.BackendNFTables {
		k = set.Key{Backend: set.NFT, Family: t.Family, Table: t.Name, Name: name}
	}
	q := question{k, strings.Join(key, ", ")}
	if a, ok := l.answers[q]; ok {
		return a
	}
	ctx, cancel := context.WithTimeout(context.Background(), forAnswer)
	defer cancel()
	a := l.ask(ctx, k, key)
	l.answers[q] = a
	return a
}

func (l *Lookup) ask(ctx context.Context, k set.Key, key []string) fact.Answer {
	s, ok := l.headers[k]
	if !ok {
		if l.asked++; l.asked > l.most {
			return fact.Unsure
		}
		var err error
		if s, err = l.r.Header(ctx, k); err != nil {
			return fact.Unsure
		}
		l.headers[k] = s
	}
	if k.Backend == set.IPSet {
		if s.Type == "list:set" {
			return l.inList(ctx, s, key)
		}
		return l.inIPSet(ctx, s, key)
	}
	return l.contains(ctx, s, strings.Join(key, " . "))
}

// contains asks the kernel of one member.
func (l *Lookup) contains(ctx context.Context, s set.Set, member string) fact.Answer {
	if l.asked++; l.asked > l.most {
		return fact.Unsure
	}
	in, err := l.r.Contains(ctx, s, member)
	if err != nil {
		return fact.Unsure
	}
	return fact.Is(in)
}

// maxListed is how many sets of a set of sets are asked.
const maxListed = 64

// inList asks the sets of a set of sets, as a rule does: any of them will do
// (list_set_ktest, net/netfilter/ipset/ip_set_list_set.c).
func (l *Lookup) inList(ctx context.Context, s set.Set, key []string) fact.Answer {
	if l.asked++; l.asked > l.most {
		return fact.Unsure
	}
	page, err := l.r.Members(ctx, s, 0, maxListed)
	if err != nil {
		return fact.Unsure
	}
	all := fact.No
	if page.More {
		all = fact.Unsure
	}
	for _, m := range page.Members {
		switch l.ask(ctx, set.Key{Backend: s.Key.Backend, Name: m.Text}, key) {
		case fact.Yes:
			return fact.Yes
		case fact.Unsure:
			all = fact.Unsure
		}
	}
	return all
}

// inIPSet asks for what a type of set takes from a key.
func (l *Lookup) inIPSet(ctx context.Context, s set.Set, key []string) fact.Answer {
	if len(key) > 0 {
		addr, _, _ := strings.Cut(key[0], " ")
		a, err := netip.ParseAddr(addr)
		if err == nil && (s.Addresses == model.FamilyIPv4 && a.Is6() || s.Addresses == model.FamilyIPv6 && a.Is4()) {
			return fact.No // ip_set_test asks no set of another family
		}
	}
	member, ok := ipsetMember(s.Type, key)
	if !ok {
		return fact.Unsure
	}
	return l.contains(ctx, s, member)
}

// ipsetMember takes from a key what a type of set asks for: "10.0.0.1 tcp:80 eth0
// 00:11:22:aa:bb:cc 0x5" for each dimension. What the key does not have cannot be asked for.
func ipsetMember(typ string, key []string) (member string, ok bool) {
	method, dims, _ := strings.Cut(typ, ":")
	kinds := strings.Split(dims, ",")
	if len(key) < len(kinds) { // the kernel's answer depends on the set's revision
		return "", false
	}
	l := make([]string, len(kinds))
	for i, kind := range kinds {
		part := append(strings.Split(key[i], " "), make([]string, 4)...)
		addr, port, dev, mac, mark := part[0], part[1], part[2], part[3], part[4]
		switch proto, number, _ := strings.Cut(port, ":"); {
		case kind == "ip" || kind == "net":
			l[i] = addr
		case kind == "port" && number != "" && method == "bitmap":
			l[i] = number
		case kind == "port" && number != "" && proto != "dccp": // ip_set_getport.c knows no DCCP
			l[i] = port
		case kind == "iface" && dev != "":
			l[i] = dev
		case kind == "mac" && mac != "":
			l[i] = mac
		case kind == "mark" && mark != "":
			l[i] = mark
		default:
			return "", false
		}
	}
	return strings.Join(l, ","), true
}

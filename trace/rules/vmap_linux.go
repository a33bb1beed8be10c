package rules

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"nfscope/model"
	"nfscope/model/ruleset"
	"nfscope/model/set"
	"nfscope/trace/sets"
)

const (
	// mostElements is how many elements of one verdict map are read, and mostOfAll how many
	// of all maps in one reading: the largest Kubernetes nodes have 20,000 services in one
	// map. 32,768 are read in less than 0.1 s; the time grows with the square.
	mostElements = 32 << 10
	mostOfAll    = 4 * mostElements
)

// mapReader reads the elements of verdict maps, so many in all.
type mapReader struct {
	sets *sets.Reader
	left int
}

// maps is what reads elements that nft did not print; nil where it prints them.
func (r *Reader) maps() (*mapReader, error) {
	if r.elements {
		return nil, nil
	}
	s, err := sets.Open(r.ns)
	return &mapReader{s, mostOfAll}, err
}

// verdictMaps reads the elements of the named verdict maps of a table whose text came
// without: they are jumps, and who calls whom is not known without them. All others stay
// in the kernel. One that cannot be read stays unread, and is told of.
func (m *mapReader) verdictMaps(ctx context.Context, t *model.Table, p *part) error {
	for _, name := range ruleset.VerdictMaps(t) {
		k := set.Key{Backend: set.NFT, Family: t.Family, Table: t.Name, Name: name}
		read, elements, left, err := verdictMap(ctx, m.sets, k, min(m.left, mostElements))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, sets.ErrGone):
			return errMoved
		case err != nil:
			p.fail("which chains map %s of table %s calls is not known: %v", name, tableKey{t.Family, t.Name}, err)
			continue
		}
		m.left -= read.Read
		if left > 0 {
			p.lapse(time.Now().Add(left))
		}
		ruleset.PutElements(t, read, elements)
	}
	return nil
}

// verdictMap reads at most so many elements of a map, each as nft prints it but for what
// the packets change: counters, and the time that is left. first is how long it is until
// one of them ends, 0 where none does.
func verdictMap(ctx context.Context, r *sets.Reader, k set.Key, most int) (read model.VerdictMap, lines []string, first time.Duration, err error) {
	read.Name = k.Name
	s, err := r.Header(ctx, k)
	if err != nil {
		return read, nil, 0, err
	}
	var page set.Page
	if most > 0 {
		if page, err = r.Members(ctx, s, 0, most); err != nil {
			return read, nil, 0, err
		}
	}
	if page.Moved {
		return read, nil, 0, sets.ErrGone
	}
	read.Read, read.More = len(page.Members), page.More || most == 0
	elements := make([]string, 0, len(page.Members))
	for _, m := range page.Members {
		if m.Ends && (first == 0 || m.Left < first) {
			first = max(m.Left, time.Millisecond)
		}
		line := set.Member{Text: m.Text, Data: m.Data, Comment: m.Comment, Timeout: m.Timeout}.Line(set.NFT)
		if m.Unknown != "" && m.Data == "" {
			read.More = true // nobody knows what it calls
			continue
		}
		elements = append(elements, line)
	}
	// The kernel's order is one of hashes, and another each time the map is made.
	slices.SortFunc(elements, byNumbers)
	return read, elements, first, nil
}

// byNumbers compares texts so that the numbers in them count: 10.0.0.9 is before 10.0.0.10.
func byNumbers(a, b string) int {
	for i := 0; i < min(len(a), len(b)); i++ {
		x, y := digits(a[i:]), digits(b[i:])
		switch {
		case len(x) > 0 && len(y) > 0 && x != y:
			return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
		case len(x) > 0 && len(y) > 0:
			i += len(x) - 1
		case a[i] != b[i]:
			return cmp.Compare(a[i], b[i])
		}
	}
	return cmp.Compare(len(a), len(b))
}

// digits is the number that a text begins with.
func digits(s string) string {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return s[:n]
}

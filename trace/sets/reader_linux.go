package sets

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"nfscope/model/set"
	"nfscope/trace/kmod"
	"nfscope/trace/netns"
)

// tries is how often a dump is made anew when the ruleset changes under it.
const tries = 4

// Reader reads the sets of one network namespace. It holds nothing open, and may be
// used by several goroutines at once.
type Reader struct {
	ns *netns.Handle
	// recv reads a datagram from a socket: unix.Recvfrom.
	recv   func(fd int, p []byte, flags int) (int, unix.Sockaddr, error)
	kernel kmod.Kernel // a subsystem that is not there is not asked

	mu      sync.Mutex
	version uint8 // of ipset's protocol, 0 while nobody has asked
}

// Open makes a Reader of a namespace, which must stay open as long as it is used.
func Open(ns *netns.Handle) (*Reader, error) {
	return &Reader{ns: ns, recv: unix.Recvfrom}, nil
}

// hasTables reports whether the kernel has nf_tables.
func (r *Reader) hasTables() bool { return r.kernel.Has("nf_tables", "nft_do_chain") }

// Close does nothing: every reading has a socket of its own.
func (*Reader) Close() error { return nil }

// List gives the headers of all ipsets and all named sets and maps of nf_tables. What it
// costs does not grow with the members. Where the kernel has no ip_set or no nf_tables,
// there are none: nothing is loaded to find out. Where one of the two cannot be read, the
// other's sets come with the error, as do those beside a set that is not understood.
func (r *Reader) List(ctx context.Context) ([]set.Set, error) {
	list, err := r.ipsets(ctx)
	if errors.Is(err, unix.EPERM) { // the other would say the same
		return nil, err
	}
	more, nerr := r.nftSets(ctx)
	return append(list, more...), errors.Join(err, nerr)
}

func (r *Reader) ipsets(ctx context.Context) (list []set.Set, err error) {
	var bad error
	err = r.askIPSet(ctx, "", true, func(m ipsetMessage) error {
		if !m.head {
			return nil
		}
		s, err := decodeIPSet(m)
		list = append(list, s)
		bad = errors.Join(bad, r.refused(s.String(), err))
		return nil
	})
	return list, errors.Join(r.refused("the sets", err), bad)
}

func (r *Reader) nftSets(ctx context.Context) (list []set.Set, err error) {
	if !r.hasTables() {
		return nil, nil
	}
	var bad error
	for range tries {
		list, bad = nil, nil
		err = r.ask(ctx, askNFTSets(), false, func(b []byte) error {
			s, named, err := decodeNFTSet(b)
			if named || err != nil {
				list = append(list, s)
			}
			bad = errors.Join(bad, r.refused(s.String(), err))
			return nil
		})
		if !errors.Is(err, errMoved) {
			break
		}
	}
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return list, r.refused("the sets of nf_tables", err)
	}
	for i := range list {
		r.countCatchAll(ctx, &list[i])
	}
	return list, errors.Join(ctx.Err(), bad)
}

// countCatchAll adds the element * to a set's count: the kernel leaves it out.
func (r *Reader) countCatchAll(ctx context.Context, s *set.Set) {
	if s.Backend != set.NFT || !s.CountKnown {
		return
	}
	var flags request
	flags.add(nftElemFlags, 0, 0, 0, nftElemCatchAll)
	err := r.ask(ctx, askElement(byte(s.Family), s.Table, s.Name, flags), false, func([]byte) error {
		s.Count++
		return nil
	})
	if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EOPNOTSUPP) {
		s.CountKnown = false // older kernels know no *, but they tell no count either
	}
}

// missing tells that nfnetlink has no such subsystem (nfnetlink.c), or the kernel no nfnetlink.
func missing(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPROTONOSUPPORT)
}

// Header reads one set's header anew. It fails with ErrGone where there is none of that name.
func (r *Reader) Header(ctx context.Context, k set.Key) (s set.Set, err error) {
	found := false
	if k.Backend == set.IPSet && k.Name != "" {
		err = r.askIPSet(ctx, k.Name, true, func(m ipsetMessage) (err error) {
			if m.head {
				found = true
				s, err = decodeIPSet(m)
			}
			return err
		})
	} else if k.Backend == set.NFT && r.hasTables() {
		err = r.ask(ctx, askNFTSet(byte(k.Family), k.Table, k.Name), false, func(b []byte) (err error) {
			found = true
			s, _, err = decodeNFTSet(b)
			return err
		})
	}
	if err == nil && !found {
		err = unix.ENOENT
	}
	if err == nil {
		r.countCatchAll(ctx, &s)
	}
	return s, r.refused(k.String(), err)
}

// Members gives up to n members from place from on. The dump ends when it has them, so
// that the first page of a large set costs what a small set does; a later page costs the
// reading of all before it, but not their memory. s must come from List or Header. It
// fails with ErrGone where the set went away.
func (r *Reader) Members(ctx context.Context, s set.Set, from, n int) (set.Page, error) {
	p := set.Page{Set: s.Key, From: from}
	if from < 0 || n <= 0 {
		return p, fmt.Errorf("members %d to %d of %s: a page begins at 0 or later and has at least one member", from, from+n, s.Key)
	}
	at := 0
	err := r.each(ctx, s, func(raw *member) error {
		at++
		switch {
		case at <= from:
			return nil
		case len(p.Members) == n:
			p.More = true
			return errEnough
		}
		m, err := raw.decode()
		if err != nil { // the others can be read all the same
			m.Unknown = err.Error()
		}
		p.Members = append(p.Members, m)
		return nil
	}, func() { at, p.Members, p.More = 0, nil, false })
	p.Moved = errors.Is(err, errMoved)
	if p.Moved || errors.Is(err, errEnough) {
		err = nil
	}
	return p, r.refused(s.String(), err)
}

// Walk calls fn with every member from place from on, in one reading that keeps none of
// them, until fn gives an error. What fn was told cannot be taken back: moved says that
// the ruleset changed meanwhile, so that members may be missing or have come twice. s must
// come from List or Header. It fails with ErrGone where the set went away.
func (r *Reader) Walk(ctx context.Context, s set.Set, from int, fn func(set.Member) error) (moved bool, err error) {
	at := 0
	err = r.dump(ctx, s, true, func(raw *member) error {
		if at++; at <= from {
			return nil
		}
		m, err := raw.decode()
		if err != nil {
			m.Unknown = err.Error()
		}
		return fn(m)
	})
	moved = errors.Is(err, errMoved)
	if err == errMoved {
		err = nil
	}
	return moved, r.refused(s.String(), err)
}

// Count counts a set's members: the kernel says how many they are, or all are read, with
// nothing kept. s must come from List or Header.
func (r *Reader) Count(ctx context.Context, s set.Set) (uint64, error) {
	if h, err := r.Header(ctx, s.Key); err != nil || h.CountKnown {
		return h.Count, err
	}
	var n uint64
	err := r.each(ctx, s, func(*member) error {
		n++
		return nil
	}, func() { n = 0 })
	return n, r.refused(s.String(), err)
}

// Contains asks the kernel whether a set matches one member, written as Member.Text is,
// without ranges: 10.0.0.1,tcp:80 or 10.0.0.1 . 80. A net or an interval around it is
// enough, and nft's * too. Nothing is counted by it and nothing else read. s must come
// from List or Header. It fails with ErrGone where the set went away, and with a
// MemberError where member cannot be one of its members.
func (r *Reader) Contains(ctx context.Context, s set.Set, member string) (bool, error) {
	var err error
	switch {
	case s.Backend == set.IPSet:
		a, perr := encodeIPSet(&s, member)
		if perr != nil {
			return false, MemberError{perr}
		}
		err = unix.ENOENT
		if r.kernel.Loaded("ip_set") {
			var v uint8
			if v, err = r.protocol(ctx); err == nil {
				err = r.ask(ctx, askIPSetTest(v, s.Name, a), false, func([]byte) error { return nil })
			}
		}
		if errors.Is(err, unix.Errno(ipsetErrExist)) {
			return false, nil
		}
	default:
		key, perr := encodeNFT(&s, member)
		if perr != nil {
			return false, MemberError{perr}
		}
		var value, a, star request
		value.add(nftDataValue, key...)
		a.add(nftElemKey|nested, value...)
		star.add(nftElemFlags, 0, 0, 0, nftElemCatchAll)
		err = unix.ENOENT
		for _, e := range []request{a, star} {
			if r.hasTables() && errors.Is(err, unix.ENOENT) {
				err = r.ask(ctx, askElement(byte(s.Family), s.Table, s.Name, e), false, func([]byte) error { return nil })
			}
		}
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) { // of the element, or of the set
			_, err = r.Header(ctx, s.Key)
			return false, err
		}
	}
	return err == nil, r.refused(s.String(), err)
}

// member is one that is not decoded yet. Its bytes are the socket's.
type member struct {
	layout *set.Layout // nil for an ipset
	elem   element
	last   []byte
	typ    string // of the ipset
	bytes  []byte
}

func (m *member) decode() (set.Member, error) {
	if m.layout == nil {
		return decodeIPSetMember(m.typ, m.bytes)
	}
	return decodeElement(m.layout, m.elem, m.last)
}

// each calls fn with every member of a set, and again before it begins anew. It gives
// errMoved when the last try was disturbed too.
func (r *Reader) each(ctx context.Context, s set.Set, fn func(*member) error, again func()) (err error) {
	for i := range tries {
		if i > 0 {
			again()
		}
		if err = r.dump(ctx, s, i == tries-1, fn); !errors.Is(err, errMoved) {
			break
		}
	}
	return err
}

// dump calls fn with every member of a set. Where the ruleset changes meanwhile it ends
// with errMoved: at once, or, with bear, after all that could be read.
func (r *Reader) dump(ctx context.Context, s set.Set, bear bool, fn func(*member) error) error {
	if s.Name == "" { // which means all, in ipset's language
		return unix.ENOENT
	}
	if s.Backend == set.IPSet {
		raw := &member{typ: s.Type}
		one := func(_ uint16, v []byte) error {
			raw.bytes = v
			return fn(raw)
		}
		return r.askIPSet(ctx, s.Name, false, func(m ipsetMessage) error {
			if v := find(m.header, ipsetAttrTypeName); v != nil {
				raw.typ = text(v) // destroyed and made anew, perhaps
			}
			return attrs(m.adt, one)
		})
	}
	if !r.hasTables() {
		return unix.ENOENT
	}
	raw := &member{layout: &s.Layout}
	w := intervals{pairs: pairs(&s.Layout)}
	w.emit = func(e element, last []byte) error {
		raw.elem, raw.last = e, last
		return fn(raw)
	}
	push := w.push
	err := r.ask(ctx, askElements(byte(s.Family), s.Table, s.Name), bear, func(b []byte) error { return eachElement(b, push) })
	if err == nil || bear && err == errMoved {
		if ferr := w.finish(); ferr != nil {
			return errors.Join(err, ferr)
		}
	}
	return err
}

// askIPSet asks for one ipset, or all where name is "".
func (r *Reader) askIPSet(ctx context.Context, name string, headers bool, each func(ipsetMessage) error) error {
	none := func() error {
		if name != "" {
			return unix.ENOENT
		}
		return nil
	}
	if !r.kernel.Loaded("ip_set") {
		return none()
	}
	v, err := r.protocol(ctx)
	if err == nil {
		err = r.ask(ctx, askIPSets(v, name, headers), false, func(b []byte) error {
			m, err := splitIPSet(b)
			if err != nil {
				return err
			}
			return each(m)
		})
	}
	if missing(err) {
		return none()
	}
	return err
}

// protocol is the version of ipset's protocol to speak.
func (r *Reader) protocol(ctx context.Context) (uint8, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.version == 0 {
		err := r.ask(ctx, askProtocol(), false, func(b []byte) (err error) {
			r.version, err = ipsetVersions(b)
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	return r.version, nil
}

// refused says in one sentence why something could not be read.
func (r *Reader) refused(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("%s in namespace %q: %w", what, r.ns.Name(), ErrGone)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("reading %s in namespace %q needs CAP_NET_ADMIN there and CAP_SYS_ADMIN to enter it: run nfscope as root, or with sudo (%w)", what, r.ns.Name(), err)
	}
	return fmt.Errorf("read %s in namespace %q: %w", what, r.ns.Name(), err)
}

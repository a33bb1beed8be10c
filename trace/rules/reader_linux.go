package rules

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/trace/netns"
)

// Reader reads the rules of one network namespace. It is for one goroutine at a time.
type Reader struct {
	ns       *netns.Handle
	nft      []*nftSocket // sockets of them; the first does what needs only one
	legacy   []*legacySocket
	programs programs
	// cache holds what was read of each part at the part's generation.
	cache map[string]cached
	// join belongs to the ruleset that was counted last.
	join *join
	// spent is the processor time that the last Counts took, where other programs had a part
	// in it the time; effort is what it is reckoned with.
	spent  time.Duration
	effort effort
	// unread is true where the last Snapshot lacks text that another may bring.
	unread bool
	// lapses is when something that was read ends without a word of the kernel: an element
	// of a verdict map with a timeout. Zero where nothing does.
	lapses time.Time
	// refused says why the counters of nf_tables are taken from text; nil where they are not.
	refused error
	// elements is true where nft's text is to have the elements of named sets.
	elements bool
	// progress tells Watch how far a Snapshot is.
	progress progress
	// sight is what is on the screen, nil where nobody said so; looked tells Watch that it
	// has changed.
	sight  atomic.Pointer[sight]
	looked chan struct{}
}

type cached struct {
	key    string
	tables []*model.Table
	lapses time.Time
}

// Open makes a Reader for a namespace. The handle must stay open as long as the
// Reader is used. Reading needs CAP_NET_ADMIN in the namespace's user namespace.
func Open(ns *netns.Handle) (*Reader, error) {
	r := &Reader{ns: ns, cache: map[string]cached{}, looked: make(chan struct{}, 1)}
	for range sockets {
		r.nft = append(r.nft, &nftSocket{ns: ns, fd: -1})
	}
	for _, f := range legacyFamilies() {
		r.legacy = append(r.legacy, &legacySocket{ns: ns, family: f, fd: -1, pause: pause, effort: &r.effort, tables: map[string]*legacyTable{}})
	}
	r.programs = programs{find: findProgram, run: func(ctx context.Context, path string, args ...string) (*printout, error) {
		var seen func([]byte)
		if r.progress.listening() {
			seen = r.progress.printed
		}
		return followed(ctx, ns, longest, seen, path, args...)
	}}
	if err := r.nft[0].open(); err != nil && !noNFT(err) {
		return nil, r.explain(err)
	}
	return r, nil
}

// Close closes the Reader's sockets.
func (r *Reader) Close() error {
	var err error
	for _, s := range r.nft {
		err = errors.Join(err, s.close())
	}
	for _, l := range r.legacy {
		err = errors.Join(err, l.close())
	}
	return err
}

// Assume tells the Reader of legacy tables that the caller made itself. They are read
// even where the kernel won't list its tables, as in a network namespace that was made
// together with its user namespace. A name that is not there would be created.
func (r *Reader) Assume(f model.Family, tables ...string) {
	for _, l := range r.legacy {
		if l.family == f {
			l.known = append(l.known, tables...)
		}
	}
}

// Elements has the text of nft read with the elements of named sets and maps. It is to
// be called before the first Snapshot. Without it they stay in the kernel, whatever their
// number, and the Ruleset is Terse: package trace/sets reads them by the page.
func (r *Reader) Elements() { r.elements = true }

// state is what the kernel has at one moment, without text. Its legacy tables hold until
// the next is observed, its keys for ever.
type state struct {
	nft    bool // nf_tables is there
	gen    uint32
	legacy map[model.Family]legacyState
	// key is the generation of everything, legacyKey that of the legacy tables. Two states
	// with one key have the same text.
	key, legacyKey string
}

// observe asks for nf_tables' generation and reads the legacy tables, which have none.
func (r *Reader) observe(ctx context.Context) (*state, error) {
	st := &state{legacy: map[model.Family]legacyState{}}
	var err error
	if st.gen, st.nft, err = r.generation(ctx); err != nil {
		return nil, r.explain(err)
	}
	h := sha256.New()
	for _, l := range r.legacy {
		ls, err := l.read(ctx)
		if err == nil && errors.Is(ls.unlisted, unix.EPERM) {
			err = ls.unlisted
		}
		if err != nil {
			return nil, r.explain(err)
		}
		if ls.fallback != nil {
			if err := r.instead(ctx, l.family, &ls); err != nil {
				return nil, err
			}
		}
		st.legacy[l.family] = ls
		_, _ = h.Write([]byte(ls.key))
	}
	st.legacyKey = fmt.Sprintf("%x", h.Sum(nil)[:8])
	st.key = fmt.Sprintf("%d-%s", st.gen, st.legacyKey)
	return st, nil
}

func (r *Reader) generation(ctx context.Context) (uint32, bool, error) {
	id, ok, err := r.nft[0].generation(ctx)
	if noNFT(err) {
		return 0, false, nil
	}
	return id, ok, err
}

// noNFT reports whether err says that the kernel has no nfnetlink at all.
func noNFT(err error) bool {
	return errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EAFNOSUPPORT)
}

// explain says what to do about a missing capability.
func (r *Reader) explain(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("reading the rules of %s needs CAP_NET_ADMIN there and CAP_SYS_ADMIN to enter it: run nfscope as root, or with sudo (%w)", r.where(), err)
	}
	return fmt.Errorf("read the rules of %s: %w", r.where(), err)
}

func (r *Reader) where() string {
	if n := r.ns.Name(); n != "" {
		return "network namespace " + n
	}
	return "this network namespace"
}

func (s *state) nftKey() string { return fmt.Sprint(s.nft, s.gen) }

// Generation names the present text of all tables: nf_tables' generation and a hash
// of the legacy tables without their counters. It changes with every change of a
// rule, never with a packet.
func (r *Reader) Generation(ctx context.Context) (string, error) {
	st, err := r.observe(ctx)
	if err != nil {
		return "", err
	}
	return st.key, nil
}

package rules

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"

	"nfscope/model"
)

// chainWalk finds the chains among the entries of a legacy table. A built-in chain
// begins at its hook's entry and ends with the policy at the hook's underflow; a user
// chain begins with an ERROR target that names it and ends with a RETURN that nobody
// wrote; an ERROR ends the table (iptables, libiptc.c).
type chainWalk struct {
	info      tableInfo
	size      int // of all entries
	chains    []blobChain
	was       []blobChain // the table's chains before, whose names serve again
	at        int         // the place in was behind the last name
	n         int32       // entries so far
	in        bool        // in a chain: the last of chains
	open      bool        // it has no policy yet
	underflow int
}

func newChainWalk(info tableInfo, size int, was []blobChain) *chainWalk {
	return &chainWalk{info: info, size: size, was: was, chains: make([]blobChain, 0, max(bits.OnesCount32(info.valid), len(was)+len(was)/64))}
}

// entry takes the next entry: from where to where it goes, and its target.
func (w *chainWalk) entry(off, next int, target []byte) error {
	switch h := w.info.hookAt(off); {
	case h != model.HookNone:
		if err := w.end(); err != nil {
			return err
		}
		w.begin(blobChain{name: builtinName(h), hook: h, first: w.n, end: w.n})
		if w.open, w.underflow = true, int(w.info.underflows[h-1]); off == w.underflow {
			w.policy(target)
		}
	case w.open && off == w.underflow:
		w.policy(target)
	case !w.open && isError(target):
		if err := w.end(); err != nil {
			return err
		}
		if w.in = false; next < w.size {
			w.begin(blobChain{name: w.name(target[targetSize:]), first: w.n + 1, end: w.n + 1, policy: -1})
		}
	case !w.in || w.cur().hook != model.HookNone && !w.open:
		return fmt.Errorf("entry at %d is in no chain", off)
	}
	w.n++
	return nil
}

func (w *chainWalk) cur() *blobChain { return &w.chains[len(w.chains)-1] }

func (w *chainWalk) begin(c blobChain) { w.chains, w.in = append(w.chains, c), true }

// end closes the chain that was open, if any.
func (w *chainWalk) end() error {
	if !w.in {
		return nil
	}
	c := w.cur()
	if w.open {
		return fmt.Errorf("chain %s has no policy", c.name)
	}
	if c.hook == model.HookNone {
		if c.end = w.n - 1; c.end < c.first {
			return fmt.Errorf("user chain %s has no end", c.name)
		}
	}
	return nil
}

func (w *chainWalk) policy(target []byte) {
	c := w.cur()
	c.end, c.policy, c.verdict, w.open = w.n, w.n, policyName(target), false
}

// finish tells whether the table ended where a table may.
func (w *chainWalk) finish() error {
	if w.in {
		return fmt.Errorf("the table ends inside chain %s", w.cur().name)
	}
	return nil
}

func (i *tableInfo) hookAt(off int) model.Hook {
	for h := range i.hooks {
		if i.valid&(1<<h) != 0 && int(i.hooks[h]) == off {
			return model.HookFromKernel(uint8(h))
		}
	}
	return model.HookNone
}

func builtinName(h model.Hook) string {
	return [...]string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}[h-model.HookPrerouting]
}

// isError tells whether a struct xt_entry_target names the target ERROR; "" is the
// standard target.
func isError(b []byte) bool { return string(b[2:8]) == "ERROR\x00" }

// policyName reads the verdict of a standard target: -NF_ACCEPT-1 or -NF_DROP-1.
func policyName(b []byte) string {
	if len(b) < targetSize+4 {
		return ""
	}
	switch int32(binary.NativeEndian.Uint32(b[targetSize:])) {
	case -2:
		return "ACCEPT"
	case -1:
		return "DROP"
	}
	return ""
}

// name reads a chain's, which is mostly that of a chain that was there before.
func (w *chainWalk) name(b []byte) string {
	b = untilZero(b, errorName)
	for i := w.at; i < min(w.at+4, len(w.was)); i++ { // some are new, some are gone
		if w.was[i].name == string(b) {
			w.at = i + 1
			return w.was[i].name
		}
	}
	return string(b)
}

func cstring(b []byte, limit int) string { return string(untilZero(b, limit)) }

func untilZero(b []byte, limit int) []byte {
	b = b[:min(limit, len(b))]
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return b
}

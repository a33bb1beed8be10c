package guard

import (
	"errors"
	"fmt"

	"nfscope/trace/netns"
)

// held is a change that is not undone yet.
type held struct {
	Entry
	ns *netns.Handle // nil where the entry has no namespace
}

func (h held) close() {
	if h.ns != nil {
		_ = h.ns.Close()
	}
}

// ledger is the list of changes, in the order in which they were made. Both ends keep
// one: the guard to undo them, and its user to hand them to another guard.
type ledger []held

// drop forgets a change.
func (l *ledger) drop(id int) {
	for i, h := range *l {
		if h.ID == id {
			h.close()
			*l = append((*l)[:i], (*l)[i+1:]...)
			return
		}
	}
}

// undo undoes all, last first, and keeps what could not be undone.
func (l *ledger) undo() error {
	var left ledger
	var errs []error
	for i := len(*l) - 1; i >= 0; i-- {
		h := (*l)[i]
		if _, err := undo(h.Entry, h.ns); err != nil {
			left = append(ledger{h}, left...)
			errs = append(errs, fmt.Errorf("%s: %w", h.Entry, err))
			continue
		}
		h.close()
	}
	*l = left
	return errors.Join(errs...)
}

func (l *ledger) close() {
	for _, h := range *l {
		h.close()
	}
	*l = nil
}

package live

import (
	"context"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/trace/rules"
)

// Rules reads the rules once and puts them. A trace needs them to name what it sees.
// It is called before Watch, which has the reader to itself.
func (s *Session) Rules(ctx context.Context) (*model.Ruleset, error) {
	rs, err := s.rules.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	s.put(feed.Item{Time: rs.Taken, Rules: rs})
	return rs, nil
}

// sawRules notes a ruleset that is to be put. It is false for one that is older than what
// was put already and says something else: Watch may have begun to read it before another
// did, and have ended later.
func (s *Session) sawRules(rs *model.Ruleset) bool {
	legacy := false
	for _, t := range rs.Tables {
		legacy = legacy || t.Backend == model.BackendLegacy
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.latest; l != nil && rs.Taken.Before(l.Taken) && rs.Generation != l.Generation {
		return false
	}
	s.legacy, s.latest = legacy, rs
	return true
}

// inForce gives the rules as they are now, and puts them where they are others than the
// latest, which may be a second old. The session's own reader belongs to Watch. Where they
// cannot be read there are none.
func (s *Session) inForce(ctx context.Context) (*model.Ruleset, error) {
	r, err := rules.Open(s.ns)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s.mu.Lock()
	latest := s.latest
	s.mu.Unlock()
	if latest != nil {
		if now, err := r.Generation(ctx); err == nil && now == latest.Generation {
			return latest, nil
		}
	}
	rs, err := r.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	s.put(feed.Item{Time: rs.Taken, Rules: rs})
	return rs, nil
}

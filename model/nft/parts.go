package nft

import (
	"nfscope/model"
)

// Parts says the rule piece by piece, in its order.
func (r *Rule) Parts() []model.Part { return r.PartsIn(nil) }

// PartsIn says it in another language.
func (r *Rule) PartsIn(say model.Say) []model.Part {
	l := make([]model.Part, 0, len(r.Statements)+1)
	ends := false
	for _, s := range r.Statements {
		p := model.Part{Text: s.String()}
		if v, ok := s.(*VerdictMap); ok { // a condition as well: where the map says nothing, the next rule
			p.Words, p.Unknown = askedWords(say, v), inside(s)
			l, ends = append(l, p, model.Part{Words: verdictMapWords(say, v), Does: true}), true
			continue
		}
		if u, ok := s.(*Unknown); ok {
			p.Unknown = u.Why
		} else {
			p.Words, p.Does = statementWords(say, s)
			p.Unknown = inside(s)
		}
		switch s.(type) {
		case *Verdict, *NAT, *Reject, *Queue, *Fwd, *Synproxy, *Unknown:
			ends = true
		}
		l = append(l, p)
	}
	if !ends {
		l = append(l, model.Part{Words: say.Of("then the next rule"), Does: true})
	}
	return l
}

// inside says what is not understood within a statement, as in an element of a set or a
// rule in braces.
func inside(s Statement) (why string) {
	walk(s, func(v any) {
		if u, ok := v.(*Unknown); ok && why == "" {
			why = u.Text + ": " + u.Why
		}
	})
	return why
}

// walk calls fn with a statement or an expression and all that is in it.
func walk(v any, fn func(any)) {
	fn(v)
	all := func(l ...any) {
		for _, v := range l {
			walk(v, fn)
		}
	}
	switch v := v.(type) {
	case *Rule:
		for _, s := range v.Statements {
			walk(s, fn)
		}
	case *Match:
		all(v.Left, v.Right)
	case *VerdictMap:
		all(v.Key, v.In)
	case *Assign:
		all(v.To, v.Value)
	case *Verdict:
		for _, r := range v.Rules {
			walk(r, fn)
		}
	case *Object:
		all(v.Name)
	case *SetUpdate:
		all(v.Elem)
	case *Meter:
		all(v.Elem)
	case *NAT:
		all(v.Addr, v.Port)
	case *TProxy:
		all(v.Addr, v.Port)
	case *Reject:
		all(v.Code)
	case *Queue:
		all(v.To)
	case *Dup:
		all(v.To, v.Device)
	case *Fwd:
		all(v.To, v.Device)
	case *Hash:
		all(v.Of)
	case *Binary:
		all(v.Left, v.Right)
	case *MapLookup:
		all(v.Key, v.In)
	case Range:
		all(v.Lo, v.Hi)
	case Masked:
		all(v.Value, v.Mask)
	case Concat:
		for _, e := range v {
			walk(e, fn)
		}
	case List:
		for _, e := range v {
			walk(e, fn)
		}
	case Set:
		for i := range v {
			walk(v[i], fn)
		}
	case Elem:
		all(v.Key, v.Data)
		for _, o := range v.Options {
			walk(o, fn)
		}
	}
}

// statementWords says a statement; does is true for what acts on the packet.
func statementWords(say model.Say, s Statement) (words string, does bool) {
	switch s := s.(type) {
	case *Match:
		return matchWords(say, s), false
	case *Limit:
		return limitWords(say, s), false
	case *Quota:
		if s.Over {
			return say.Of("once %s have passed here", s.Size), false
		}
		return say.Of("as long as no more than %s have passed here", s.Size), false
	case *ConnLimit:
		if s.Over {
			return say.Of("more than %d connections at once", s.N), false
		}
		return say.Of("at most %d connections at once", s.N), false
	case *Comment:
		return say.Of("a note: %s", s.Text), false
	}
	return actionWords(say, s), true
}

// askedWords says which packets a verdict map has something for.
func askedWords(say model.Say, v *VerdictMap) string {
	key := exprWords(say, v.Key)
	switch in := v.In.(type) {
	case SetRef:
		return say.Of("%s is in the map %s", key, string(in))
	case Set:
		keys := make(Set, len(in))
		for i := range in {
			if _, all := in[i].Key.(Any); all {
				return say.Of("%s, whatever it is", key)
			}
			keys[i].Key = in[i].Key
		}
		return say.Of("%s is %s", key, among(say, keys))
	}
	return say.Of("%s is in %s", key, exprWords(say, v.In))
}

// verdictMapWords says what a verdict map does.
func verdictMapWords(say model.Say, v *VerdictMap) string {
	if n, ok := v.In.(SetRef); ok {
		return say.Of("what the map %s says of it", string(n))
	}
	return say.Of("by it: %s", exprWords(say, v.In))
}

func limitWords(say model.Say, l *Limit) string {
	s := "no more than %s a %s"
	if l.Over {
		s = "what is over %s a %s"
	}
	s = say.Of(s, l.Rate, say.Word(l.Per))
	if l.Burst != nil {
		s = say.Of("%s, at first %s at once", s, l.Burst)
	}
	return s
}

func matchWords(say model.Say, m *Match) string {
	left := exprWords(say, m.Left)
	right := exprWords(say, m.Right)
	if n, ok := m.Right.(Masked); ok { // tcp flags syn / syn,ack
		is := "%s is %s"
		if m.Op == Ne {
			is = "%s is not %s"
		}
		return say.Of(is, say.Of("%s under the mask %s", left, exprWords(say, n.Mask)), exprWords(say, n.Value))
	}
	if sym, ok := m.Right.(Symbol); ok && typeOf(m.Left) == Bool || ok && (sym.Name == "exists" || sym.Name == "missing") {
		there := (sym.Name != "missing") == (m.Op != Ne)
		if there {
			return say.Of("%s is there", left)
		}
		return say.Of("%s is not there", left)
	}
	switch m.Op {
	case Ne:
		if _, ok := m.Right.(Range); ok {
			return say.Of("%s is not in %s", left, right)
		}
		return say.Of("%s is not %s", left, right)
	case Lt:
		return say.Of("%s is below %s", left, right)
	case Gt:
		return say.Of("%s is above %s", left, right)
	case Le:
		return say.Of("%s is at most %s", left, right)
	case Ge:
		return say.Of("%s is at least %s", left, right)
	case In:
		return say.Of("%s is %s", left, among(say, m.Right))
	case NotIn:
		return say.Of("%s is not %s", left, among(say, m.Right))
	case Has, Lacks:
		verb := map[bool]string{true: "%s is %s", false: "%s includes %s"}
		if m.Op == Lacks {
			verb = map[bool]string{true: "%s is not %s", false: "%s does not include %s"}
		}
		return say.Of(verb[typeOf(m.Left) == CTState || typeOf(m.Left) == CTStatus], left, anyOf(say, m.Right))
	}
	if _, ok := m.Right.(Range); ok {
		return say.Of("%s is in %s", left, right)
	}
	return say.Of("%s is %s", left, right)
}

// among says where something is looked for.
func among(say model.Say, e Expr) string {
	switch e := e.(type) {
	case SetRef:
		return say.Of("in the set %s", string(e))
	case Set:
		if len(e) == 1 {
			return exprWords(say, e[0].Key)
		}
	}
	return say.Of("one of %s", exprWords(say, e))
}

// anyOf joins flags with "or".
func anyOf(say model.Say, e Expr) string {
	l, ok := e.(List)
	if !ok {
		return exprWords(say, e)
	}
	w := make([]string, len(l))
	for i := range l {
		w[i] = exprWords(say, l[i])
	}
	return say.Or(w)
}

// manyElements is how many elements of a set without a name are said.
const manyElements = 8

// exprWords says a field or a value.
func exprWords(say model.Say, e Expr) string {
	switch e := e.(type) {
	case nil:
		return say.Of("nothing")
	case Field:
		return fieldWords(say, e)
	case *Binary:
		if e.Op == "&" {
			return say.Of("%s under the mask %s", exprWords(say, e.Left), exprWords(say, e.Right))
		}
		if _, field := e.Left.(Field); e.Op == "|" && !field { // flags
			return say.Of("%s and %s", exprWords(say, e.Left), exprWords(say, e.Right))
		}
		op := map[string]string{"|": "%s with the bits set %s", "^": "%s with the bits turned over %s", "<<": "%s shifted left by %s", ">>": "%s shifted right by %s"}[e.Op]
		return say.Of(op, exprWords(say, e.Left), exprWords(say, e.Right))
	case Concat:
		l := make([]string, len(e))
		for i := range e {
			l[i] = exprWords(say, e[i])
		}
		return say.Between("%s with %s", l)
	case *MapLookup:
		return say.Of("what the map %s has for %s", in(say, e.In), exprWords(say, e.Key))
	case Range:
		return say.Of("%s to %s", exprWords(say, e.Lo), exprWords(say, e.Hi))
	case Quoted:
		if p, ok := e.Prefix(); ok {
			return say.Of("a name that begins with %s", p)
		}
		return string(e)
	case Any:
		return say.Of("anything else")
	case Set:
		l := make([]string, 0, min(len(e), manyElements+1))
		for i := range e {
			if i == manyElements && len(e) > manyElements+1 {
				l = append(l, say.Of("and %d more", len(e)-i))
				break
			}
			l = append(l, elemWords(say, e[i]))
		}
		if len(l) == 0 {
			return say.Of("an empty set")
		}
		return say.List(l)
	case SetRef:
		return say.Of("the set %s", string(e))
	}
	return e.String()
}

// in names a map, or tells what is in one without a name.
func in(say model.Say, e Expr) string {
	if s, ok := e.(SetRef); ok {
		return string(s)
	}
	return "{" + exprWords(say, e) + "}"
}

func elemWords(say model.Say, e Elem) string {
	s := exprWords(say, e.Key)
	for _, o := range e.Options {
		w, _ := statementWords(say, o)
		s += " (" + w + ")"
	}
	if e.Data != nil {
		s += " > " + exprWords(say, e.Data)
	}
	return s
}

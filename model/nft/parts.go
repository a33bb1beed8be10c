package nft

import (
	"strconv"
	"strings"

	"nfscope/model"
)

// Parts says the rule piece by piece, in its order.
func (r *Rule) Parts() []model.Part {
	l := make([]model.Part, 0, len(r.Statements)+1)
	ends := false
	for _, s := range r.Statements {
		p := model.Part{Text: s.String()}
		if v, ok := s.(*VerdictMap); ok { // a condition as well: where the map says nothing, the next rule
			p.Words, p.Unknown = askedWords(v), inside(s)
			l, ends = append(l, p, model.Part{Words: verdictMapWords(v), Does: true}), true
			continue
		}
		if u, ok := s.(*Unknown); ok {
			p.Unknown = u.Why
		} else {
			p.Words, p.Does = statementWords(s)
			p.Unknown = inside(s)
		}
		switch s.(type) {
		case *Verdict, *NAT, *Reject, *Queue, *Fwd, *Synproxy, *Unknown:
			ends = true
		}
		l = append(l, p)
	}
	if !ends {
		l = append(l, model.Part{Words: "then the next rule", Does: true})
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
func statementWords(s Statement) (words string, does bool) {
	switch s := s.(type) {
	case *Match:
		return matchWords(s), false
	case *Limit:
		return limitWords(s), false
	case *Quota:
		if s.Over {
			return "once " + s.Size.String() + " have passed here", false
		}
		return "as long as no more than " + s.Size.String() + " have passed here", false
	case *ConnLimit:
		if s.Over {
			return "more than " + strconv.FormatUint(s.N, 10) + " connections at once", false
		}
		return "at most " + strconv.FormatUint(s.N, 10) + " connections at once", false
	case *Comment:
		return "a note: " + s.Text, false
	}
	return actionWords(s), true
}

// askedWords says which packets a verdict map has something for.
func askedWords(v *VerdictMap) string {
	key := exprWords(v.Key)
	switch in := v.In.(type) {
	case SetRef:
		return key + " is in the map " + string(in)
	case Set:
		keys := make(Set, len(in))
		for i := range in {
			if _, all := in[i].Key.(Any); all {
				return key + ", whatever it is"
			}
			keys[i].Key = in[i].Key
		}
		return key + " is " + among(keys)
	}
	return key + " is in " + exprWords(v.In)
}

// verdictMapWords says what a verdict map does.
func verdictMapWords(v *VerdictMap) string {
	if n, ok := v.In.(SetRef); ok {
		return "what the map " + string(n) + " says of it"
	}
	return "by it: " + exprWords(v.In)
}

func limitWords(l *Limit) string {
	s := "no more than "
	if l.Over {
		s = "what is over "
	}
	s += l.Rate.String() + " a " + l.Per
	if l.Burst != nil {
		s += ", at first " + l.Burst.String() + " at once"
	}
	return s
}

func matchWords(m *Match) string {
	left := exprWords(m.Left)
	right := exprWords(m.Right)
	if n, ok := m.Right.(Masked); ok { // tcp flags syn / syn,ack
		is := " is "
		if m.Op == Ne {
			is = " is not "
		}
		return left + " under the mask " + exprWords(n.Mask) + is + exprWords(n.Value)
	}
	if sym, ok := m.Right.(Symbol); ok && typeOf(m.Left) == Bool || ok && (sym.Name == "exists" || sym.Name == "missing") {
		there := (sym.Name != "missing") == (m.Op != Ne)
		if there {
			return left + " is there"
		}
		return left + " is not there"
	}
	switch m.Op {
	case Ne:
		if _, ok := m.Right.(Range); ok {
			return left + " is not in " + right
		}
		return left + " is not " + right
	case Lt:
		return left + " is below " + right
	case Gt:
		return left + " is above " + right
	case Le:
		return left + " is at most " + right
	case Ge:
		return left + " is at least " + right
	case In:
		return left + " is " + among(m.Right)
	case NotIn:
		return left + " is not " + among(m.Right)
	case Has, Lacks:
		verb := map[bool]string{true: " is ", false: " includes "}
		if m.Op == Lacks {
			verb = map[bool]string{true: " is not ", false: " does not include "}
		}
		return left + verb[typeOf(m.Left) == CTState || typeOf(m.Left) == CTStatus] + anyOf(m.Right)
	}
	if _, ok := m.Right.(Range); ok {
		return left + " is in " + right
	}
	return left + " is " + right
}

// among says where something is looked for.
func among(e Expr) string {
	switch e := e.(type) {
	case SetRef:
		return "in the set " + string(e)
	case Set:
		if len(e) == 1 {
			return exprWords(e[0].Key)
		}
	}
	return "one of " + exprWords(e)
}

// anyOf joins flags with "or".
func anyOf(e Expr) string {
	l, ok := e.(List)
	if !ok {
		return exprWords(e)
	}
	w := make([]string, len(l))
	for i := range l {
		w[i] = exprWords(l[i])
	}
	if len(w) < 2 {
		return strings.Join(w, "")
	}
	return strings.Join(w[:len(w)-1], ", ") + " or " + w[len(w)-1]
}

// manyElements is how many elements of a set without a name are said.
const manyElements = 8

// exprWords says a field or a value.
func exprWords(e Expr) string {
	switch e := e.(type) {
	case nil:
		return "nothing"
	case Field:
		return fieldWords(e)
	case *Binary:
		if e.Op == "&" {
			return exprWords(e.Left) + " under the mask " + exprWords(e.Right)
		}
		if _, field := e.Left.(Field); e.Op == "|" && !field { // flags
			return exprWords(e.Left) + " and " + exprWords(e.Right)
		}
		op := map[string]string{"|": "with the bits set", "^": "with the bits turned over", "<<": "shifted left by", ">>": "shifted right by"}[e.Op]
		return exprWords(e.Left) + " " + op + " " + exprWords(e.Right)
	case Concat:
		l := make([]string, len(e))
		for i := range e {
			l[i] = exprWords(e[i])
		}
		return strings.Join(l, " with ")
	case *MapLookup:
		return "what the map " + in(e.In) + " has for " + exprWords(e.Key)
	case Range:
		return exprWords(e.Lo) + " to " + exprWords(e.Hi)
	case Quoted:
		if p, ok := e.Prefix(); ok {
			return "a name that begins with " + p
		}
		return string(e)
	case Any:
		return "anything else"
	case Set:
		l := make([]string, 0, min(len(e), manyElements+1))
		for i := range e {
			if i == manyElements && len(e) > manyElements+1 {
				l = append(l, "and "+strconv.Itoa(len(e)-i)+" more")
				break
			}
			l = append(l, elemWords(e[i]))
		}
		if len(l) == 0 {
			return "an empty set"
		}
		return strings.Join(l, ", ")
	case SetRef:
		return "the set " + string(e)
	}
	return e.String()
}

// in names a map, or tells what is in one without a name.
func in(e Expr) string {
	if s, ok := e.(SetRef); ok {
		return string(s)
	}
	return "{" + exprWords(e) + "}"
}

func elemWords(e Elem) string {
	s := exprWords(e.Key)
	for _, o := range e.Options {
		w, _ := statementWords(o)
		s += " (" + w + ")"
	}
	if e.Data != nil {
		s += " > " + exprWords(e.Data)
	}
	return s
}

// Package speech holds the sentences that stand around a lesson, in the languages of the
// lessons. The kernel's own words (chains, rules, states, reasons) stay as they are.
package speech

import (
	"fmt"
	"regexp"
	"strings"

	"nfscope/model/drop"
	"nfscope/model/guess"
	"nfscope/model/journey"
	"nfscope/ui/component/ladder"
)

// Speech is a language: "en" or "zh". Anything else is English.
type Speech string

// In gives the sentences of a language.
func In(lang string) Speech { return Speech(lang) }

// pick gives one of two texts.
func (s Speech) pick(en, zh string) string {
	if s == "zh" {
		return zh
	}
	return en
}

// Step is the head of a step: its number of so many.
func (s Speech) Step(n, of int) string {
	return fmt.Sprintf(s.pick("Step %d of %d", "第 %d 步，共 %d 步"), n, of)
}

// Sends says what a step does.
func (s Speech) Sends(from, what, to string, count int) string {
	times := ""
	if count > 1 {
		times = fmt.Sprintf(s.pick(", %d times", "，%d 次"), count)
	}
	return fmt.Sprintf(s.pick("%s sends: %s to %s%s", "%s 发送：%s 到 %s%s"), from, what, to, times)
}

// What asks for the verdict, Which for the rule. Where a step sends several, each may fare
// otherwise: the first is asked about.
func (s Speech) What(count int) string {
	if count > 1 {
		return s.pick("What will happen to the first of them?", "其中第一个会怎样？")
	}
	return s.pick("What will happen to it?", "它会怎样？")
}

// Which asks for who decides.
func (s Speech) Which(v guess.Verdict) string {
	switch v {
	case guess.Accepted:
		return s.pick("Which rule will let it through?", "哪条规则放行？")
	case guess.Rejected:
		return s.pick("Which rule will reject it?", "哪条规则拒绝它？")
	}
	return s.pick("Who will drop it?", "谁会丢弃它？")
}

// Verdict is one of the choices.
func (s Speech) Verdict(v guess.Verdict) string {
	switch v {
	case guess.Accepted:
		return s.pick("accepted: it gets through", "accepted：放行，通过")
	case guess.Dropped:
		return s.pick("dropped: in a hook, or behind one", "dropped：在 hook 中或其后丢弃")
	case guess.Rejected:
		return s.pick("rejected: a rule sends an error back", "rejected：规则拒绝，并回一个错误")
	case guess.Unseen:
		return s.pick("unseen: it is gone before netfilter sees it", "unseen：netfilter 还没见到它，它就没了")
	}
	return s.ShowMe()
}

// ShowMe is the choice of who does not want to guess.
func (s Speech) ShowMe() string { return s.pick("just show me", "直接看结果") }

// AnyRule is the choice of who has a verdict but no rule.
func (s Speech) AnyRule() string { return s.pick("I cannot say which", "说不出是哪条") }

// Place names who may give a verdict, with the rule's own text behind it.
func (s Speech) Place(v guess.Verdict, p guess.Place) string {
	switch p.Kind {
	case guess.Kernel:
		if v == guess.Accepted {
			return s.pick("no rule is asked at all", "根本不问任何规则")
		}
		return s.pick("no rule: the kernel itself (routing, rp_filter ...)", "不是规则，是内核自己（路由、rp_filter 等）")
	case guess.Policy:
		return s.where(p) + " policy " + p.Text
	case guess.Rule:
		return fmt.Sprintf("%s %d  %s", s.where(p), p.Rule, short(p))
	}
	return s.pick("nobody knows", "不清楚")
}

// short is a rule's text without the chain that stands before it.
func short(p guess.Place) string { return strings.TrimPrefix(p.Text, "-A "+p.Chain+" ") }

func (s Speech) where(p guess.Place) string {
	return ladder.Place(p.Backend, p.Family, p.Table, p.Chain)
}

// by names who decided inside of a sentence.
func (s Speech) by(p guess.Place) string {
	switch p.Kind {
	case guess.Rule:
		if p.Rule == 0 {
			return fmt.Sprintf(s.pick("a rule of %s", "%s 的一条规则"), s.where(p))
		}
		return fmt.Sprintf(s.pick("rule %d of %s", "%[2]s 的规则 %[1]d"), p.Rule, s.where(p))
	case guess.Policy:
		return fmt.Sprintf(s.pick("the policy of %s", "%s 的策略"), s.where(p))
	case guess.Kernel:
		return s.pick("the kernel itself", "内核自己")
	}
	return s.pick("nobody that was seen", "看不到的地方")
}

// joined is a sentence without the spaces that stand between Chinese words where a name
// of the kernel's could have stood.
func joined(text string) string {
	for re := regexp.MustCompile(`([\p{Han}，。：；（）]) ([\p{Han}，。：；（）])`); re.MatchString(text); {
		text = re.ReplaceAllString(text, "$1$2")
	}
	return text
}

// Truth is what became of a packet, the first of so many, in a sentence.
func (s Speech) Truth(t *guess.Truth, count int) string {
	text := joined(s.truth(t))
	if count > 1 && t.Journey != nil {
		text = s.pick("The first one: "+strings.ToLower(text[:1])+text[1:], "其中第一个："+text)
	}
	return text
}

func (s Speech) truth(t *guess.Truth) string {
	by := s.by(t.By)
	switch {
	case t.Verdict == guess.Unseen:
		return s.pick("No hook of netfilter ever saw it.", "netfilter 的任何 hook 都没有见到它。")
	case t.Asked && t.Verdict == guess.Unknown:
		return fmt.Sprintf(s.pick("It was queued by %s; what became of it behind the queue is not known.", "%s 把它放进队列；它在队列另一头怎样了，不得而知。"), by)
	case t.Verdict == guess.Unknown:
		return s.pick("What became of it is not known: its end was not seen.", "它怎样了，不得而知：没有看到它的结局。")
	case t.Asked && t.Verdict == guess.Accepted && strings.Contains(t.By.Text, "bypass"):
		return fmt.Sprintf(s.pick("%s is for a queue: what decides behind that let it through, or nobody reads it, and bypass did.", "%s 要把它放进队列：队列另一头放行了它，或没有程序读那个队列，由 bypass 放行。"), s.upper(by))
	case t.Asked && t.Verdict == guess.Accepted:
		return fmt.Sprintf(s.pick("It was queued by %s, and let through by what decides behind the queue.", "%s 把它放进队列，队列另一头放行了它。"), by)
	case t.Asked:
		return fmt.Sprintf(s.pick("It was queued by %s; nothing behind the queue let it through.", "%s 把它放进队列，队列另一头没有放行它。"), by)
	case t.Verdict == guess.Rejected:
		return fmt.Sprintf(s.pick("It was rejected by %s.", "它被 %s 拒绝。"), by)
	case t.Verdict == guess.Dropped && t.By.Kind == guess.Kernel:
		return s.pick("No rule dropped it: the kernel did.", "没有规则丢弃它：是内核丢的。")
	case t.Verdict == guess.Dropped:
		return fmt.Sprintf(s.pick("It was dropped by %s.", "它被 %s 丢弃。"), by)
	case t.By.Kind == guess.Rule || t.By.Kind == guess.Policy:
		return fmt.Sprintf(s.pick("It was accepted by %s.", "它被 %s 放行。"), by)
	}
	if t.Journey == nil {
		return s.pick("It got through, since it was answered; its way was not traced.", "它通过了，因为有应答；它的路径没有被跟踪。")
	}
	return s.pick("It was accepted; no rule and no policy was asked.", "它被放行，没有问过任何规则和策略。")
}

// Marked says whether an answer was right; another sentence may follow at once.
func (s Speech) Marked(verdict, where bool) string {
	switch {
	case verdict && where:
		return s.pick("Right. ", "答对了。")
	case verdict:
		return s.pick("Half right: the verdict, but not who gave it. ", "对了一半：结果对，决定的规则不对。")
	}
	return s.pick("Not so. ", "不对。")
}

// Unmarked stands in the place of Marked where the truth is not known.
func (s Speech) Unmarked() string {
	return s.pick("Neither right nor wrong: nobody knows. ", "不算对，也不算错：结局不得而知。")
}

// Said repeats an answer.
func (s Speech) Said(a guess.Answer) string {
	text := string(a.Verdict)
	if a.Where != nil {
		text += s.pick(", by ", "，由 ") + s.by(*a.Where)
	}
	return s.pick("You said: ", "你的回答：") + joined(text)
}

// About says what the packet had to do with a place that was named in vain; "" where there
// is nothing to say. say is the language's Ladder.
func (s Speech) About(t *guess.Truth, p *guess.Place, say ladder.Say) string {
	if p == nil || p.Kind == guess.Kernel || t.Journey == nil {
		return ""
	}
	switch why, step := t.About(p); why {
	case guess.Matched:
		return fmt.Sprintf(s.pick("It did meet %s, but that was not the last word.", "它确实遇到了 %s，但那不是最后的决定。"), s.by(*p))
	case guess.Missed:
		return s.Missed(step, say)
	case guess.Later:
		return fmt.Sprintf(s.pick("It never came as far as %s: the chain was left before.", "它没有走到 %s：之前就离开了这条链。"), s.by(*p))
	}
	return fmt.Sprintf(s.pick("It never came to %s.", "它没有到过 %s。"), s.where(*p))
}

// Missed says why a rule did not match. say is the language's Ladder.
func (s Speech) Missed(m *journey.Step, say ladder.Say) string {
	p := guess.Place{Kind: guess.Rule, Backend: m.Backend, Family: m.Family, Table: m.Table, Chain: m.Chain, Rule: m.Rule}
	why := m.Conditions()
	if len(why) == 0 {
		return fmt.Sprintf(s.pick("%s did not match.", "%s 不匹配。"), s.upper(s.by(p)))
	}
	if say != nil {
		for i := range why {
			why[i] = say(why[i])
		}
	}
	return fmt.Sprintf(s.pick("%s did not match: %s.", "%s 不匹配：%s。"), s.upper(s.by(p)), strings.Join(why, s.pick(", ", "，")))
}

// upper begins a sentence. In Chinese it begins with a name of the kernel's, which stays.
func (s Speech) upper(text string) string {
	return s.pick(strings.ToUpper(text[:1])+text[1:], text)
}

// Saw says what the sender saw; result is in the lab's words, with what was answered
// behind a colon.
func (s Speech) Saw(result string) string {
	head, answer, more := strings.Cut(result, ": ")
	if more {
		answer = s.pick(": ", "：") + answer
	}
	if s == "zh" {
		head = regexp.MustCompile(`(^|, )(\d+) `).ReplaceAllString(head, "${1}${2} 次")
		head = strings.NewReplacer("connected", "已连接", "answered by ", "已应答，来自 ", "answered", "已应答", "refused", "被拒绝",
			"unreachable", "不可达", "timed out", "超时", "failed", "失败", ", ", "；").Replace(head)
	}
	return s.pick("the sender saw: ", "发送方看到：") + head + answer
}

// Reason is the kernel's own word for a drop, where it was, and what nfscope says of it. say is
// the language's Drop.
func (s Speech) Reason(word, where string, x drop.Explanation, say ladder.Say) string {
	return fmt.Sprintf(s.pick("The kernel says: %s, at %s: %s.", "内核的说法：%s，在 %s：%s。"), word, where, s.Explained(x, say))
}

// Became says what address translation did to a packet, a line for each end; nil where
// there was none.
func (s Speech) Became(n *journey.NAT) (lines []string) {
	if n == nil {
		return nil
	}
	for _, e := range []struct {
		name string
		ends []string
	}{{s.pick("source", "源"), n.Src}, {s.pick("destination", "目的"), n.Dst}} {
		if len(e.ends) == 2 {
			lines = append(lines, fmt.Sprintf(s.pick("%s: %s %s became %s", "%s：%s %s 变成 %s"), strings.Join(n.Class, "+"), e.name, e.ends[0], e.ends[1]))
		}
	}
	return lines
}

// Unasked is said of a packet that met no rule.
func (s Speech) Unasked(state string) string {
	if state == "" {
		return s.pick("no rule is asked", "不问任何规则")
	}
	return fmt.Sprintf(s.pick("no rule is asked; conntrack: %s", "不问任何规则；conntrack：%s"), state)
}

// Packets counts the packets of a step while they are shown, and tells the one under way.
func (s Speech) Packets(n, of int, packet string) string {
	return fmt.Sprintf(s.pick("packet %d of %d: %s", "第 %d 个报文，共 %d 个：%s"), n, of, packet)
}

// Sent is what is said while nothing of the step was seen yet.
func (s Speech) Sent() string { return s.pick("sent ...", "已发送……") }

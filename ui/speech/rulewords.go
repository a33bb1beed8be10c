package speech

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"unicode/utf8"

	"nfscope/model"
	"nfscope/ui/component/line"
)

// Rules is as Ladders is, of a rule in words.
type Rules struct {
	in  Speech
	say model.Say
}

// In gives a language's.
func (r *Rules) In(s Speech) model.Say {
	if r.in != s {
		r.in, r.say = s, s.Rule()
	}
	return r.say
}

// Rule says a rule in words; nil in English. Names, values and texts of the user's are filled in
// as they are.
func (s Speech) Rule() model.Say {
	if s != "zh" {
		return nil
	}
	known := rulePhrases()
	return func(phrase string, with ...any) string {
		said, ok := known[phrase]
		if !ok {
			said = phrase
		}
		if len(with) == 0 {
			return said
		}
		return filledIn(said, with)
	}
}

// place is a verb of a phrase, with the spaces around it.
var place = regexp.MustCompile(` ?%(?:\[(\d)\])?[sd] ?`)

// filledIn fills in a phrase as fmt.Sprintf does, without the spaces that stand between Chinese
// characters where a name could have stood.
func filledIn(phrase string, with []any) string {
	var b strings.Builder
	n, rest := 0, phrase
	for at := place.FindStringSubmatchIndex(rest); at != nil; at = place.FindStringSubmatchIndex(rest) {
		put := strings.ReplaceAll(rest[:at[0]], "%%", "%")
		b.WriteString(put)
		if at[2] >= 0 {
			n = int(rest[at[2]] - '1')
		}
		text := "?"
		if n < len(with) {
			text = fmt.Sprint(with[n])
		}
		n++
		first, _ := utf8.DecodeRuneInString(text)
		last, _ := utf8.DecodeLastRuneInString(text)
		before, _ := utf8.DecodeLastRuneInString(put)
		after, _ := utf8.DecodeRuneInString(rest[at[1]:])
		verb := rest[at[0]:at[1]]
		if strings.HasPrefix(verb, " ") && !(line.Ideographic(first) && line.Ideographic(before)) {
			b.WriteByte(' ')
		}
		b.WriteString(text)
		if strings.HasSuffix(verb, " ") && !(line.Ideographic(last) && line.Ideographic(after)) {
			b.WriteByte(' ')
		}
		rest = rest[at[1]:]
	}
	b.WriteString(strings.ReplaceAll(rest, "%%", "%"))
	return b.String()
}

// rulePhrases are what a rule is put in words with, and their Chinese.
func rulePhrases() map[string]string {
	all := map[string]string{}
	for _, part := range []map[string]string{ruleForms(), ruleConditions(), ruleActions(), ruleOptions(), ruleFields()} {
		maps.Copy(all, part)
	}
	return all
}

// ruleForms are what stands around and between names and values.
func ruleForms() map[string]string {
	return map[string]string{
		", ": "，", "%s, %s": "%s、%s", "%s or %s": "%s 或 %s", "%s and %s": "%s 和 %s", "%s with %s": "%s 与 %s", "%s to %s": "%s 到 %s",
		"%s (%s)": "%s（%s）", "%s (by %s)": "%s（按 %s）", "%s: %s": "%s：%s", "%s's %s": "%s 的 %s", "not %s": "不是 %s", "one of %s": "%s 之一",
		"and %d more": "另有 %d 个", "nothing": "空", "none": "没有一个", "only %s": "只有 %s", "anything else": "其他一切", "an empty set": "空集合",
		"%s or more": "%s 或更多", "%s under the mask %s": "%s 在掩码 %s 下", "%s code %s": "%s 代码 %s",
		"%s is %s": "%s 是 %s", "%s is not %s": "%s 不是 %s", "%s is in %s": "%s 在 %s 之内", "%s is not in %s": "%s 不在 %s 之内",
		"%s is there": "%s 存在", "%s is not there": "%s 不存在", "%s is below %s": "%s 小于 %s", "%s is above %s": "%s 大于 %s",
		"%s is at most %s": "%s 至多为 %s", "%s is at least %s": "%s 至少为 %s", "%s includes %s": "%s 含有 %s", "%s does not include %s": "%s 不含 %s",
		"%s is in the map %s": "%s 在 map %s 中", "%s, whatever it is": "%s，无论是什么", "in the set %s": "在集合 %s 中", "the set %s": "集合 %s",
		"what the map %s says of it": "按 map %s 所说的办", "what the map %s has for %s": "map %s 中 %s 对应的值", "by it: %s": "据此：%s",
		"%s with the bits set %s": "%s 置位 %s", "%s with the bits turned over %s": "%s 翻转位 %s", "%s shifted left by %s": "%s 左移 %s 位", "%s shifted right by %s": "%s 右移 %s 位",
		"an interface that begins with %s": "名字以 %s 开头的接口", "a name that begins with %s": "以 %s 开头的名字",
		"%s; then the next rule": "%s；然后是下一条规则", "then the next rule": "然后是下一条规则", "the next rule": "下一条规则",
		"second": "秒", "minute": "分钟", "hour": "小时", "day": "天", "week": "周",
		"no more than %s a %s": "每%[2]s不超过 %[1]s", "what is over %s a %s": "每%[2]s超过 %[1]s 的部分", "%s, at first %s at once": "%s，起初可连续 %s",
		"more than %d connections at once": "同时多于 %d 个连接", "at most %d connections at once": "同时至多 %d 个连接",
		"once %s have passed here": "这里通过了 %s 之后", "as long as no more than %s have passed here": "这里通过的不超过 %s 时",
		"a note: %s": "注释：%s", "the match %s, with nothing that could say no": "match %s，没有任何条件",
		"any packet": "任何报文", "not known to nfscope: %s; shown as the program prints it": "nfscope 不认识：%s；按程序打印的样子显示",
	}
}

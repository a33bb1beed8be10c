package labs

import (
	"regexp"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"nfscope/model"
	"nfscope/model/snapshot"
	"nfscope/ui/component/line"
	"nfscope/ui/speech"
	"nfscope/ui/theme"
)

// TestQueuesSpeak: what is told of queues, and of one that nobody reads, is in the language of the
// lesson, and the columns stand below each other however wide its characters are.
func TestQueuesSpeak(t *testing.T) {
	t.Parallel()
	rs := &model.Ruleset{Tables: []*model.Table{{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "filter", Chains: []*model.Chain{
		{Name: "INPUT", Rules: []model.Rule{{Index: 1, Text: "-A INPUT -j NFQUEUE --queue-num 9"}}}}}}}
	list := []snapshot.LabQueue{{Number: 50, Given: 12, Waiting: 3, Full: 1, Deaf: 1}, {Number: 51, Given: 7}}
	for lang, want := range map[speech.Speech][]string{
		"en": {" queue       50    51", " given       12     7", " waiting      3     0", " dropped      2     0", " nobody reads queue 9: rule 1 of filter/INPUT drops"},
		"zh": {" 队列        50    51", " 已交付      12     7", " 等待中       3     0", " 已丢弃       2     0", " 没有程序读 9 号队列：filter/INPUT 的规则 1 等于丢弃"},
	} {
		got := queues(theme.New(theme.Options{}), lang, rs, list, 70)
		for i := range got {
			got[i] = ansi.Strip(got[i])
			if w := line.Width(got[i]); i < 4 && w != 21 {
				t.Errorf("%s: %q is %d cells wide", lang, got[i], w)
			}
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s:\n%s", lang, strings.Join(got, "\n"))
		}
		if text := strings.Join(got, " "); lang == "zh" && regexp.MustCompile(`\b(?:queue|given|waiting|dropped|nobody|rule)\b`).MatchString(text) {
			t.Errorf("English is left: %s", text)
		}
	}
}

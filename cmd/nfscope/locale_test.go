package main

import "testing"

// The first variable that names a language chooses it; those of containers name none.
func TestLanguage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ all, messages, lang, want string }{
		{"", "", "", "en"},
		{"", "", "zh_CN.UTF-8", "zh"},
		{"", "", "zh_TW", "zh"},
		{"", "", "de_DE.UTF-8", "en"},
		{"", "zh_CN.UTF-8", "en_US.UTF-8", "zh"},
		{"", "en_US.UTF-8", "zh_CN.UTF-8", "en"},
		{"en_US.UTF-8", "zh_CN.UTF-8", "zh_CN.UTF-8", "en"},
		{"zh_CN.UTF-8", "", "en_US.UTF-8", "zh"},
		{"C.UTF-8", "POSIX", "zh_CN.UTF-8", "zh"},
		{"C", "", "", "en"},
	} {
		env := map[string]string{"LC_ALL": c.all, "LC_MESSAGES": c.messages, "LANG": c.lang}
		if got := language(func(name string) string { return env[name] }); got != c.want {
			t.Errorf("%v: %s", env, got)
		}
	}
}

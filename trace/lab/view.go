package lab

import "nfscope/model/snapshot"

// View is the lab as the screen shows it, in a language ("en" or "zh"): current is
// the step under way, len(Steps) when all are done; results are those known so far.
func (l *Lab) View(lang string, current int, results []Result) *snapshot.Lab {
	v := &snapshot.Lab{Name: l.Name, Title: l.Title.In(lang), Lesson: l.Lesson.In(lang), Current: current,
		Steps: make([]snapshot.LabStep, len(l.Steps))}
	for _, h := range l.Hosts {
		v.Hosts = append(v.Hosts, h.Name)
	}
	for i := range l.Steps {
		v.Steps[i].Title, v.Steps[i].Asks = l.Steps[i].Title.In(lang), l.Steps[i].Asks.In(lang)
	}
	for _, r := range results {
		if r.Step >= 0 && r.Step < len(v.Steps) {
			v.Steps[r.Step].Result = r.String()
			v.Steps[r.Step].Says = l.Steps[r.Step].Says.In(lang)
		}
	}
	return v
}

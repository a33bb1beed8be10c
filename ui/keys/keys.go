// Package keys is the one keymap. What a key does, what the help says and what
// docs/keys.md lists all come from here.
package keys

// Action is what a key asks for.
type Action string

// Binding joins keys, an action and the words of the help.
type Binding struct {
	// Keys as Bubble Tea's KeyPressMsg.String names them.
	Keys   []string
	Action Action
	// Help is a few words, in the imperative.
	Help string
	// Scope is where the binding holds: "everywhere" or a page's name.
	Scope string
}

// The actions.
const (
	Quit      Action = "quit"
	NextPage  Action = "next-page"
	PrevPage  Action = "prev-page"
	Page1     Action = "page-1"
	Page2     Action = "page-2"
	Page3     Action = "page-3"
	Page4     Action = "page-4"
	Page5     Action = "page-5"
	Page6     Action = "page-6"
	Up        Action = "up"
	Down      Action = "down"
	Left      Action = "left"
	Right     Action = "right"
	Top       Action = "top"
	Bottom    Action = "bottom"
	PageUp    Action = "page-up"
	PageDown  Action = "page-down"
	Enter     Action = "open"
	Back      Action = "back"
	Filter    Action = "filter"
	Palette   Action = "palette"
	Help      Action = "help"
	Pause     Action = "pause"
	StepOn    Action = "step"
	StepBack  Action = "step-back"
	Slower    Action = "slower"
	Faster    Action = "faster"
	SkipBack  Action = "skip-back"
	SkipOn    Action = "skip"
	Earlier   Action = "packet-back"
	Later     Action = "packet"
	ToStart   Action = "to-start"
	ToEnd     Action = "to-end"
	Sort      Action = "sort"
	SortBack  Action = "sort-reverse"
	Copy      Action = "copy"
	Zoom      Action = "zoom"
	Mouse     Action = "mouse"
	TraceThis Action = "trace"
	Why       Action = "why"
	Arm       Action = "arm"
	Disarm    Action = "disarm"
	NeverHit  Action = "never-hit"
	Follow    Action = "follow"
	Lesson    Action = "lesson"
	Baseline  Action = "baseline"
	Problems  Action = "problems"
	Hottest   Action = "hottest"
	Callers   Action = "callers"
	Changes   Action = "changes"
	Misses    Action = "misses"
	ScrubBack Action = "time-back"
	ScrubOn   Action = "time-on"
	Mark      Action = "mark"
	Compare   Action = "compare"
	Talk      Action = "connection"
	Export    Action = "export"
	ExportAll Action = "export-all"
	Logs      Action = "logs"
	ToSet     Action = "set"
	Inspect   Action = "inspect"
	CountSet  Action = "count"
	Group     Action = "group"
	GroupBack Action = "group-back"
	Usual     Action = "usual"
	Delete    Action = "delete"
	Pools     Action = "pools"
	ToRule    Action = "rule"
	Packets   Action = "packets"
	Likes     Action = "like"
	Flows     Action = "flows"
	GoOn      Action = "go-on"
)

// Everywhere is the scope of bindings that hold on each page.
const Everywhere = "everywhere"

const all = Everywhere

// Holds reports whether the binding works on a page.
func (b Binding) Holds(page string) bool { return b.Scope == all || b.Scope == page }

// All lists every binding, in the order the help shows them.
func All() []Binding {
	return []Binding{
		{[]string{"1"}, Page1, "the Path page", all},
		{[]string{"2"}, Page2, "the Rules page", all},
		{[]string{"3"}, Page3, "the Connections page", all},
		{[]string{"4"}, Page4, "the Trace page", all},
		{[]string{"5"}, Page5, "the Drops page", all},
		{[]string{"6"}, Page6, "the Labs page", all},
		{[]string{"tab"}, NextPage, "next page", all},
		{[]string{"shift+tab"}, PrevPage, "page before", all},
		{[]string{"j", "down"}, Down, "down", all},
		{[]string{"k", "up"}, Up, "up", all},
		{[]string{"h", "left"}, Left, "left: to the tree, out of a chain", all},
		{[]string{"l", "right"}, Right, "right: to the rules, into a chain", all},
		{[]string{"g", "home"}, Top, "first", all},
		{[]string{"G", "end"}, Bottom, "last", all},
		{[]string{"pgup", "ctrl+b"}, PageUp, "a screen up", all},
		{[]string{"pgdown", "ctrl+f"}, PageDown, "a screen down", all},
		{[]string{"enter"}, Enter, "open, follow a jump", all},
		{[]string{"esc", "backspace"}, Back, "back, close", all},
		{[]string{"/"}, Filter, "filter this page", all},
		{[]string{":"}, Palette, "command palette", all},
		{[]string{"?"}, Help, "this help", all},
		{[]string{"space"}, Pause, "pause or go on", all},
		{[]string{"."}, StepOn, "one step on", all},
		{[]string{","}, StepBack, "one step back", all},
		{[]string{"["}, Slower, "slower", all},
		{[]string{"]"}, Faster, "faster", all},
		{[]string{"<"}, SkipBack, "in a recording: 10 s back", all},
		{[]string{">"}, SkipOn, "in a recording: 10 s on", all},
		{[]string{"{"}, Earlier, "in a recording: to where the packet before begins", all},
		{[]string{"}"}, Later, "in a recording: to where the next packet begins", all},
		{[]string{"^"}, ToStart, "in a recording: to its begin", all},
		{[]string{"$"}, ToEnd, "in a recording: to its end", all},
		{[]string{"f"}, Follow, "follow the newest packet", all},
		{[]string{"a"}, Arm, "arm a trace (ctrl+b: both directions)", all},
		{[]string{"x"}, Disarm, "end the trace", all},
		{[]string{"t"}, TraceThis, "trace what is selected, both ways", all},
		{[]string{"y"}, Copy, "copy what is selected (OSC 52)", all},
		{[]string{"z"}, Zoom, "maximise the panel", all},
		{[]string{"m"}, Mouse, "mouse on or off", all},
		{[]string{"L"}, Lesson, "the lab's lesson", all},
		{[]string{"!"}, Problems, "what does not work here", all},
		{[]string{"q", "ctrl+c"}, Quit, "quit and clean up", all},
		{[]string{"*"}, NeverHit, "only rules that were never hit", "Rules"},
		{[]string{"b"}, Baseline, "count from now (the kernel's counters stay)", "Rules"},
		{[]string{"o"}, Hottest, "hottest first within a chain", "Rules"},
		{[]string{"u"}, Callers, "who jumps to this chain, or names this set", "Rules"},
		{[]string{"D"}, Changes, "what changed in the rules", "Rules"},
		{[]string{"s"}, ToSet, "the set that this rule names", "Rules"},
		{[]string{"i"}, Inspect, "a rule in words; is something in this set?", "Rules"},
		{[]string{"c"}, CountSet, "count this set's members by reading them", "Rules"},
		{[]string{"w"}, Why, "why: what becomes of packets like it, in one sentence", "Trace"},
		{[]string{"n"}, Misses, "rules that did not match, one by one or folded", "Trace"},
		{[]string{")", "shift+right"}, ScrubOn, "on along the timeline", "Trace"},
		{[]string{"(", "shift+left"}, ScrubBack, "back along the timeline", "Trace"},
		{[]string{"M"}, Mark, "mark a packet to compare with", "Trace"},
		{[]string{"c"}, Compare, "compare with the marked, or one of its kind", "Trace"},
		{[]string{"v"}, Talk, "its connection: request beside reply", "Trace"},
		{[]string{"e"}, Export, "write this packet to a file", "Trace"},
		{[]string{"E"}, ExportAll, "write all that are listed to a file", "Trace"},
		{[]string{"N"}, Logs, "what your own rules log: NFLOG, LOG", "Trace"},
		{[]string{"C"}, Flows, "the connections that this rule translates", "Rules"},
		{[]string{"w"}, Why, "why: what becomes of it, in one sentence", "Connections"},
		{[]string{"P"}, Pools, "pools of NAT ports, and how conntrack is doing", "Connections"},
		{[]string{"r"}, ToRule, "the rule that made its translation; again: the other one", "Connections"},
		{[]string{"p"}, Packets, "its packets, where they were traced", "Connections"},
		{[]string{"="}, Likes, "only connections like it: same client, same service", "Connections"},
		{[]string{"e"}, Export, "write this connection to a file", "Connections"},
		{[]string{"E"}, ExportAll, "write all that are listed to a file", "Connections"},
		{[]string{"d"}, Delete, "delete it, after asking (--readonly=false)", "Connections"},
		{[]string{"s"}, Sort, "sort by the next column", "Connections"},
		{[]string{"S"}, SortBack, "turn the order round", "Connections"},
		{[]string{"b"}, Group, "group by source, service, NAT address, ...", "Connections"},
		{[]string{"B"}, GroupBack, "group by the kind before, or not", "Connections"},
		{[]string{"w"}, Why, "why: look for packets like it, say who drops them", "Drops"},
		{[]string{"s"}, Sort, "sort by the next column", "Drops"},
		{[]string{"S"}, SortBack, "turn the order round", "Drops"},
		{[]string{"*"}, Usual, "also what happens on every healthy host", "Drops"},
		{[]string{"space", "enter"}, GoOn, "go on: choose, send the packet, the next step", "Labs"},
		{[]string{"p"}, Pause, "pause the packet, or let it go on", "Labs"},
	}
}

// Lookup tells what a key does on a page; "" where it does nothing. A binding of
// the page goes before one that holds everywhere.
func Lookup(page, key string) Action {
	var found Action
	for _, b := range All() {
		if !b.Holds(page) {
			continue
		}
		for _, k := range b.Keys {
			if k == key && (found == "" || b.Scope == page) {
				found = b.Action
			}
		}
	}
	return found
}

// Keys gives the first key of each of several actions on a page, "" for one that has none.
func Keys(page string, actions ...Action) []string {
	keys := make([]string, len(actions))
	for _, b := range All() {
		for i, a := range actions {
			if b.Action == a && b.Holds(page) && (keys[i] == "" || b.Scope == page) {
				keys[i] = b.Keys[0]
			}
		}
	}
	return keys
}

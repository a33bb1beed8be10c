// Package page says what a page is. The root (package ui) routes keys and frames
// to one page at a time; a page draws from a Frame and keeps nothing of it.
package page

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/snapshot"
	"nfscope/ui/component/player"
	"nfscope/ui/keys"
	"nfscope/ui/theme"
)

// Frame is all a page may draw from, frozen for one frame.
type Frame struct {
	// Snap is never nil.
	Snap *snapshot.Snapshot
	// Player runs the animation of packets; pages read it and never advance it.
	Player *player.Player
	Theme  *theme.Theme
	// Width, Height are the page's own area in cells.
	Width, Height int
	// Now is the time of the frame.
	Now time.Time
	// Filter is what the filter bar holds for this page, "" for none. It is a valid
	// filter for what the page lists (see Filtered), or free text where the page takes that.
	Filter string
	// Zoomed is true while the page shows only its main panel.
	Zoomed bool
	// Lang is the user's language, "en" or "zh".
	Lang string
}

// Language is that of explanations: the lab's where one is shown, else the user's.
func (f *Frame) Language() string {
	if l := f.Snap.Lab; l != nil && l.Lang != "" {
		return l.Lang
	}
	return f.Lang
}

// Page is one screen.
type Page interface {
	// Name is the word in the tab bar, and the scope of the page's key bindings.
	Name() string
	// Do carries out an action of the keymap. Actions that the page has no use for
	// are ignored. Selection is kept by identity, never by index.
	Do(a keys.Action, f *Frame) tea.Cmd
	// View draws exactly f.Height lines, none wider than f.Width cells.
	View(f *Frame) string
}

// Clicker is a page that understands the mouse. x and y count from the page's corner.
type Clicker interface {
	Click(x, y int, f *Frame) tea.Cmd
}

// Filtered is a page that tells what its filter is for. Other pages are filtered as
// lists of journeys.
type Filtered interface {
	// Filters gives the kind of thing that is filtered; free is true where a text that
	// is no filter is looked for as it stands.
	Filters() (kind filter.Kind, free bool)
}

// Deep is a page that Back can lead out of something. While Deep is false, Back
// clears the page's filter first.
type Deep interface{ Deep() bool }

// Worker is a page with work that takes longer than a frame may, such as a search
// through 100,000 rules. The root asks the page that is shown for it after every
// message, runs it beside the screen and brings the answer back.
type Worker interface {
	// Work gives the next piece of work, nil where none is due or one is under way. What
	// it gives runs in another goroutine: it must touch nothing that the page uses meanwhile.
	Work(f *Frame) func() any
	// Done takes the answer. The page throws it away where nobody waits for it any more.
	Done(answer any, f *Frame)
}

// Asker is a page that asks the session for what no snapshot holds, such as the members
// of a set. The root asks it after every message, runs what it gives in another goroutine
// each, where it may block, and brings the answers back, also while another page is shown.
type Asker interface {
	// Ask gives the next question, nil where there is none, or none more now. What it
	// gives must touch nothing that the page uses meanwhile.
	Ask(f *Frame) func() any
	// Answered takes an answer. The page throws it away where nobody waits for it any more.
	Answered(answer any, f *Frame)
}

// Taker is a page that a typed text is brought to; see TypeRequest.
type Taker interface {
	Take(text string, f *Frame) tea.Cmd
}

// Rester is a page that keeps things made of the rules from one frame to the next. The
// root tells it when others came while it is not shown: it lets go of what it can make
// anew, so that the old rules do not stay in memory for a page that nobody sees.
type Rester interface{ Rest() }

// Viewer is a page that shows counters. The root asks the page that is shown after every
// message, so that what is in sight is counted more often than the rest.
type Viewer interface {
	// Visible adds what the page draws counters of to s: of the ruleset of the frame.
	Visible(f *Frame, s *Sight)
}

// Sight is what a page draws counters of, by Chain.ID and Rule.ID; IDs may be there twice.
// Of a chain it is the policy's counter and what all its rules count together.
type Sight struct{ Chains, Rules []int }

// Live is a page that is narrowed while a filter is typed, not only once it is
// accepted: its View never waits for what a filter finds.
type Live interface{ Live() }

// RuleShower is the page that GotoRule leads to.
type RuleShower interface{ ShowRule(id int, f *Frame) }

// JourneyShower is the page that GotoJourney leads to.
type JourneyShower interface{ ShowJourney(number int, f *Frame) }

// Hinter is a page whose actions, those that the line at the bottom names, are others from one
// view of it to the next.
type Hinter interface{ Hints() []keys.Action }

// Stepper is a page that has places to stop at between the player's steps.
type Stepper interface {
	// Step goes on by one, or back where on is false, and reports whether it did; else the
	// player steps.
	Step(on bool, f *Frame) bool
}

// Mover is a page with an animation of its own, beside the player's. The root moves it
// while it is shown.
type Mover interface {
	// Move goes on by d of wall time. Moving reports whether time changes anything.
	Move(d time.Duration, f *Frame)
	Moving(f *Frame) bool
}

// Pauser is a page that pauses its own animation in place of the player's.
type Pauser interface{ Pause(f *Frame) }

// Sayer is a page that says itself what stands on the line above it, in place of what
// became of the packet in focus.
type Sayer interface{ Says(f *Frame) string }

// The requests that pages send to the root as messages.
type (
	// TraceRequest asks for a trace of both directions of this filter.
	TraceRequest struct{ Filter string }
	// WhyRequest asks what becomes of the packets of this filter, which names one direction.
	WhyRequest struct{ Filter string }
	// ArmRequest opens the bar where a trace is armed, with this filter; Why says what
	// kept the page from asking for a trace at once.
	ArmRequest struct {
		Filter, Why string
		// Both is for both directions, until the user says otherwise.
		Both bool
	}
	// TypeRequest opens a bar where a text is typed for the page that asks, a Taker. Prompt
	// stands before it, Hint in it while it is empty, Says above it; Text is there to begin
	// with.
	TypeRequest struct{ Prompt, Hint, Says, Text string }
	// DeleteRequest asks the user whether an entry of conntrack's table shall be deleted.
	DeleteRequest struct{ Flow *flow.Flow }
	// FilterRequest shows a page, by its name, with a filter; Says goes to the status line.
	FilterRequest struct{ Page, Filter, Says string }
	// CopyRequest puts a text on the user's clipboard (OSC 52).
	CopyRequest struct{ Text string }
	// GotoRule shows a rule on the Rules page, by its ID in the ruleset.
	GotoRule struct{ RuleID int }
	// GotoJourney shows a journey on the Trace page, by its number.
	GotoJourney struct{ Number int }
	// Say puts a sentence on the status line; Bad is one about what went wrong.
	Say struct {
		Text string
		Bad  bool
	}
)

// Send makes a command that delivers one message.
func Send(m tea.Msg) tea.Cmd { return func() tea.Msg { return m } }

package trace

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/ui/page"
)

// Exporter writes journeys to files. It runs outside of the screen's goroutine and may
// block.
type Exporter interface {
	// Export writes a file whose name ends in .txt, .json or .pcapng. It never overwrites
	// one. of is the state that the journeys are of: what was lost meanwhile goes with them.
	// said is what it did, in words.
	Export(name string, list []*journey.Journey, of *snapshot.Snapshot) (said string, err error)
}

// request is what a text is being typed for.
type request struct {
	list []*journey.Journey // to be written
	of   *snapshot.Snapshot // that they are of
	logs bool               // to be read
}

// askFile asks for the name of the file that the packet that is shown is written to, or all
// that are listed.
func (pg *Page) askFile(f *page.Frame, all bool) tea.Cmd {
	if pg.export == nil {
		return page.Send(page.Say{Text: "nothing can be written from here", Bad: true})
	}
	list, name := pg.list, "nfscope-packets.txt"
	if !all {
		j, _ := pg.shown(f)
		if j == nil {
			list = nil
		} else {
			list, name = []*journey.Journey{j}, "nfscope-packet-"+itoa(j.Number)+".txt"
		}
	}
	if len(list) == 0 {
		return page.Send(page.Say{Text: "there is no packet to write"})
	}
	pg.asked = request{list: list, of: f.Snap}
	return page.Send(page.TypeRequest{Prompt: "write to ", Hint: name, Text: name,
		Says: "text (.txt), JSON (.json) or packets for Wireshark (.pcapng), by the name's end"})
}

// Take takes the name of a file, or what is to be read.
func (pg *Page) Take(text string, _ *page.Frame) tea.Cmd {
	asked, to := pg.asked, pg.export
	pg.asked = request{}
	if asked.logs {
		return pg.takeSources(text)
	}
	list := asked.list
	if name := strings.TrimSpace(text); len(list) > 0 && to != nil && name != "" {
		return func() tea.Msg {
			said, err := to.Export(name, list, asked.of)
			if err != nil {
				return page.Say{Text: err.Error(), Bad: true}
			}
			return page.Say{Text: said}
		}
	}
	return nil
}

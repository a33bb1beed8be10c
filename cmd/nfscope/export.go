package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/ui/component/ladder"
)

// exporter writes packets of the TUI to files.
type exporter struct{}

// Export writes a new file, in the form that its name ends in.
func (exporter) Export(name string, list []*journey.Journey, of *snapshot.Snapshot) (said string, err error) {
	var write func(io.Writer, []*journey.Journey) error
	switch ext := strings.ToLower(filepath.Ext(name)); ext {
	case ".txt":
		write = exportText
	case ".json", ".ndjson", ".jsonl":
		write = func(w io.Writer, list []*journey.Journey) error { return exportJSON(w, list, of) }
	case ".pcapng":
		write = func(w io.Writer, list []*journey.Journey) error { return writeCapture(w, list, false) }
	default:
		return "", fmt.Errorf("%s: expected a name that ends in .txt, .json or .pcapng", name)
	}
	if err := writeNew(name, func(w io.Writer) error { return write(w, list) }); err != nil {
		return "", err
	}
	return fmt.Sprintf("wrote %s to %s", plural(uint64(len(list)), "packet"), name), nil
}

// writeNew writes a file that is not there yet.
func writeNew(name string, write func(io.Writer) error) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already and was left as it is: choose another name", name)
	}
	if err != nil {
		return fmt.Errorf("nothing was written: %w", err)
	}
	out := bufio.NewWriter(file)
	if err = errors.Join(write(out), out.Flush(), file.Close()); err != nil {
		_ = os.Remove(name) // half a file is none
		return fmt.Errorf("nothing was written: %w", err)
	}
	return nil
}

func exportText(w io.Writer, list []*journey.Journey) error {
	for i, j := range list {
		if i > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		for _, l := range ladder.Text(j, 0) {
			if _, err := fmt.Fprintln(w, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// exportJSON writes what `trace --json` prints, the closing stats too: how many events came
// and were lost until then, of packets that are not written too.
func exportJSON(w io.Writer, list []*journey.Journey, of *snapshot.Snapshot) error {
	e := json.NewEncoder(w)
	for _, j := range list {
		if err := e.Encode(j); err != nil {
			return err
		}
	}
	s := stats{events: of.Events, journeys: uint64(len(list)), lost: of.Loss.Trace + of.Loss.Dropped, gaps: of.Loss.Gaps, start: time.Now()}
	return s.print(w)
}

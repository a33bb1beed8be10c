package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"nfscope/model/flow"
)

// ExportFlows writes connections to a new file, in the form that its name ends in.
func (exporter) ExportFlows(name string, list []*flow.Flow) (said string, err error) {
	var write func(io.Writer, []*flow.Flow) error
	switch ext := strings.ToLower(filepath.Ext(name)); ext {
	case ".txt":
		write = flowsText
	case ".json", ".ndjson", ".jsonl":
		write = flowsJSON
	default:
		return "", fmt.Errorf("%s: expected a name that ends in .txt or .json", name)
	}
	if err := writeNew(name, func(w io.Writer) error { return write(w, list) }); err != nil {
		return "", err
	}
	return fmt.Sprintf("wrote %s to %s", plural(uint64(len(list)), "connection"), name), nil
}

// flowsText writes each connection as `conns` does, and how its packets go.
func flowsText(w io.Writer, list []*flow.Flow) error {
	for _, f := range list {
		if _, err := fmt.Fprintf(w, "%s %s  %s  %s\n", f.Orig.Tuple.Proto, f.Line(), f.State, f.NAT); err != nil {
			return err
		}
		for _, s := range f.Explain() {
			if _, err := fmt.Fprintf(w, "    %s\n", s); err != nil {
				return err
			}
		}
	}
	return nil
}

// flowsJSON writes what `conns --json` prints, the closing stats too.
func flowsJSON(w io.Writer, list []*flow.Flow) error {
	e := json.NewEncoder(w)
	s := stats{start: time.Now(), events: uint64(len(list))}
	for _, f := range list {
		if err := e.Encode(flow.Event{Type: flow.EventDump, Time: f.Seen, Flow: f}); err != nil {
			return err
		}
	}
	return s.print(w)
}

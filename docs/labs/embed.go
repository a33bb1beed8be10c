// Package labs holds the labs that come with nfscope: for each a folder with its
// network and traffic (lab.yaml), its rules in the form of their own save command,
// its lesson in English and Chinese, and a recording of a live run where one was made.
// trace/lab reads them.
package labs

import (
	"embed"
	"io/fs"
)

// FS holds one folder per lab.
//
//go:embed */*
var FS embed.FS

// Names lists the labs in the order of their names.
func Names() []string {
	entries, err := fs.ReadDir(FS, ".")
	if err != nil { // cannot be: the root of an embed.FS is there
		return nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

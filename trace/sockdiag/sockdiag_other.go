//go:build !linux

package sockdiag

import (
	"nfscope/model"
	"nfscope/trace/netns"
)

// Families has nobody to ask.
func Families(model.Family) []uint8 { return nil }

// Waiting fails.
func Waiting(*netns.Handle, uint8, model.Proto) ([]Socket, error) { return nil, ErrUnsupported }

// Devices are not known.
func Devices(*netns.Handle, string) []int { return nil }

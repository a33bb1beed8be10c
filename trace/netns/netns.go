// Package netns opens, makes and enters network namespaces. Everything nfscope
// does in a namespace goes through a Handle.
package netns

import "errors"

// ErrUnsupported is what every call returns where there are no network namespaces.
var ErrUnsupported = errors.New("network namespaces need Linux")

//go:build !linux

package main

import "fmt"

func needAdmin(what string) error {
	return lacking(fmt.Errorf("%s needs Linux; here `nfscope replay FILE` and `nfscope demo --recorded` work", what))
}

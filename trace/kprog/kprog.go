//go:build !linux

// Package kprog holds what our eBPF programs share. There are none but on Linux.
package kprog

// Package nettest builds private networks for kernel tests.
package nettest

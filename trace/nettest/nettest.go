// Package nettest builds private networks for kernel tests, and sends and listens in them.
package nettest

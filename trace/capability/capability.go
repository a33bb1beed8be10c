// Package capability tells which of Linux's capabilities the process has.
package capability

//go:build !linux || !(amd64 || arm64)

package process

import "syscall"

// noteSenders does nothing: who sends signals is not known on this machine.
func noteSenders() bool { return false }

func senderOf(n syscall.Signal) Signal { return Signal{Signal: n} }

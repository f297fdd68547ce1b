package prefetch

import "unsafe"

//go:noescape
func line(p unsafe.Pointer)

//go:noescape
func five(p unsafe.Pointer)

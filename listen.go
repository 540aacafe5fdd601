package leat

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// listen opens an address; a busy port is named, with what to do about it.
func listen(addr, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		_, port, _ := net.SplitHostPort(addr)
		return nil, fmt.Errorf("port %s is in use (%s): stop what listens there, or choose another with %s HOST:PORT", port, addr, flag)
	}
	return l, err
}

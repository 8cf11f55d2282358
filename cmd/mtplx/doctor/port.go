package doctor

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"
	"time"

	"mtplx/cmd/mtplx/remote"
	"mtplx/cmd/mtplx/runtime"
)

// Listener is who has a port.
type Listener struct {
	Free  bool
	MTPLX bool
	Model string // that an mtplx serves; empty when it does not say
}

// port is where mtplx serve listens.
type port struct{}

func (port) Run(ctx context.Context, m *Machine) Finding {
	l, err := m.Listener(ctx, m.Port)
	another := "mtplx serve --port " + strconv.Itoa(m.Port+1)
	switch {
	case errors.Is(err, syscall.EACCES):
		return warn(another, "port %d is for the administrator alone", m.Port)
	case err != nil:
		return skip("port %d could not be looked at: %v", m.Port, err)
	case l.Free:
		return ok("port %d is free", m.Port)
	case l.MTPLX && l.Model != "":
		return ok("an mtplx serves %s on port %d", l.Model, m.Port)
	case l.MTPLX:
		return ok("an mtplx that wants an API key serves on port %d", m.Port)
	}
	return warn(another, "another program listens on port %d", m.Port)
}

// whoListens tries to listen, and asks who does where that fails.
func whoListens(ctx context.Context, port int) (Listener, error) {
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err == nil {
		return Listener{Free: true}, ln.Close()
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return Listener{}, err
	}
	server, err := (&remote.Flags{URL: "http://" + addr, Timeout: 2 * time.Second}).Server()
	if err != nil {
		return Listener{}, err
	}
	defer server.Close()
	snapshot, err := server.Snapshot(ctx)
	if err == nil {
		return Listener{MTPLX: true, Model: snapshot.Server.Model}, nil
	}
	f, _ := errors.AsType[*runtime.Failure](err)
	return Listener{MTPLX: f != nil && f.Kind == runtime.UsageProblem}, nil // it wants a key, as an mtplx says it
}

package leat

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/leatdev/leat/internal/inspect"
	"github.com/leatdev/leat/internal/service/iam"
	"github.com/leatdev/leat/internal/wire"
)

// rooms are the services, and what has to be told to stop.
type rooms struct {
	iam *iam.Service

	// stops end the rooms' goroutines, in reverse order of their start.
	stops []func() error
}

// openRooms makes every room and wires them to each other.
func (p *Platform) openRooms(ctx context.Context) (*rooms, error) {
	r := &rooms{}
	r.iam = iam.New(iam.Options{Store: p.store, Clock: p.opts.Clock, Logger: p.log})
	return r, nil
}

// services are the APIs behind the front door.
func (r *rooms) services() []wire.Service {
	return []wire.Service{
		r.iam.API(), r.iam.STS(),
	}
}

// drain waits for the work the rooms have taken on.
func (r *rooms) drain(context.Context) error { return nil }

// endStreams ends the pushes that would otherwise outlast the draining.
func (r *rooms) endStreams() {}

// close ends the rooms' goroutines.
func (r *rooms) close() error {
	var errs []error
	for i := len(r.stops) - 1; i >= 0; i-- {
		errs = append(errs, r.stops[i]())
	}
	r.stops = nil
	return errors.Join(errs...)
}

// openFront builds the front door and the registry's server.
func (p *Platform) openFront() (err error) {
	p.front, err = wire.NewServer(wire.Options{
		Services: p.rooms.services(),
		Verify:   len(p.opts.AccessKeys) > 0,
		Credentials: credentials{
			configured: p.opts.AccessKeys, account: p.opts.Account, iam: p.iam,
		},
		Account: p.opts.Account, Region: p.opts.Region,
		Authorize: p.authorize, Observe: p.metrics.observe,
		Logger: p.log, Now: p.opts.Clock.Now,
	})
	if err != nil {
		return err
	}
	p.front.HandleHTTP(func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/_leat/") }, p.inspection())
	p.registry = &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: wire.HeaderTimeout, IdleTimeout: wire.IdleTimeout}
	return nil
}

// inspection is everything below /_leat/. Health and metrics are open to all who reach
// the port; the rest asks for a key where keys are configured.
func (p *Platform) inspection() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_leat/health", p.health)
	mux.Handle("GET /_leat/metrics", guard(p.opts.AccessKeys, p.metrics.handler()))
	mux.Handle(inspect.Prefix, guard(p.opts.AccessKeys, inspect.New(p.opts.Version, p.questions())))
	return mux
}

// questions are what the inspection API answers.
func (p *Platform) questions() []inspect.Question {
	return nil
}

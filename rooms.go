package leat

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/leatdev/leat/internal/inspect"
	"github.com/leatdev/leat/internal/service/iam"
	"github.com/leatdev/leat/internal/service/kinesis"
	"github.com/leatdev/leat/internal/service/logs"
	"github.com/leatdev/leat/internal/service/sqs"
	"github.com/leatdev/leat/internal/shardlog"
	"github.com/leatdev/leat/internal/wire"
)

// rooms are the services, and what has to be told to stop.
type rooms struct {
	iam     *iam.Service
	logs    *logs.Service
	kinesis *kinesis.Service
	sqs     *sqs.Service

	// stops end the rooms' goroutines, in reverse order of their start.
	stops []func() error
}

// openRooms makes every room and wires them to each other. On an error the
// rooms that were opened are returned too, to be closed.
func (p *Platform) openRooms(ctx context.Context) (r *rooms, err error) {
	r = &rooms{}
	log := shardlog.New(p.store, shardlog.Options{Now: p.opts.Clock.Now})
	r.iam = iam.New(iam.Options{Store: p.store, Clock: p.opts.Clock, Logger: p.log})

	r.logs = logs.New(logs.Options{Store: p.store, Clock: p.opts.Clock, Logger: p.log})
	r.logs.Start()
	r.stops = append(r.stops, r.logs.Close)

	r.kinesis, err = kinesis.New(kinesis.Options{
		Store: p.store, Log: log, Clock: p.opts.Clock, Logger: p.log, Limits: p.opts.Limits, Policies: policies{r.iam},
	})
	if err != nil {
		return r, err
	}
	r.kinesis.Start()
	r.stops = append(r.stops, r.kinesis.Close)

	r.sqs, err = sqs.Open(ctx, sqs.Options{
		Store: p.store, Clock: p.opts.Clock, Endpoint: p.URL(), Logger: p.log,
		Authorize: policies{r.iam}.authorize, NameReuseDelay: p.nameReuseDelay(),
	})
	if err != nil {
		return r, err
	}
	r.stops = append(r.stops, r.sqs.Close)
	return r, nil
}

// nameReuseDelay: AWS keeps a deleted queue's name for a minute. A template that
// is taken down and put up again should not wait for that.
func (p *Platform) nameReuseDelay() time.Duration {
	if p.opts.Limits {
		return sqs.NameReuseDelay
	}
	return -1
}

// policies judges callers of other accounts by a resource's own policy.
type policies struct{ iam *iam.Service }

// Allows implements kinesis.Policies.
func (p policies) Allows(ctx context.Context, policy, action, resourceARN string) bool {
	return p.authorize(ctx, action, resourceARN, policy) == nil
}

func (p policies) authorize(ctx context.Context, action, resourceARN, policy string) error {
	return p.iam.CheckResource(ctx, iam.Access{Action: action, Resource: resourceARN, ResourcePolicy: policy})
}

// services are the APIs behind the front door.
func (r *rooms) services() []wire.Service {
	return []wire.Service{
		r.iam.API(), r.iam.STS(), r.logs.API(), r.kinesis.API(), r.sqs.API(),
	}
}

// drain waits for the work the rooms have taken on.
func (r *rooms) drain(context.Context) error { return nil }

// endStreams ends the pushes that would otherwise outlast the draining.
func (r *rooms) endStreams() { r.kinesis.EndSubscriptions() }

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
	return []inspect.Question{
		{Path: "streams", Summary: "All streams with their shards, rates, readers and consumers.", Answer: func(ctx context.Context, _ url.Values) (any, error) {
			return p.kinesis.Inspect(ctx)
		}},
	}
}

// Package apigateway is API Gateway: REST APIs (v1) and HTTP APIs (v2), the
// APIs that define them, and the door through which their callers come.
//
// A definition is one record; a deployment is a copy of it. The data plane
// compiles what a stage serves once and keeps it until the API changes:
//
//	(APIGateway, "api", id)                   where an API lives: account, region, kind
//	(APIGateway, account, region, "rest", id) a REST API: resources, methods, stages, authorizers …
//	(APIGateway, account, region, "http", id) an HTTP API: routes, integrations, stages …
//	(APIGateway, "deployment", id, n)         a copy of the definition as it was deployed
//	(APIGateway, account, region, "account")  account settings
//
// A value is a version byte and JSON. Callers come by a path,
// /_aws/execute-api/API/STAGE/…, or by a host, API.execute-api[.REGION].localhost.
package apigateway

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
)

// Options configure the room.
type Options struct {
	Store   kv.Store
	Clock   clock.Clock // nil: the system's
	Logger  *slog.Logger
	Invoker Invoker
	// Endpoint is the platform's URL, for the endpoints that HTTP APIs report.
	Endpoint string
	// Transport reaches HTTP integrations; nil is http.DefaultTransport.
	Transport http.RoundTripper
}

// Service is both APIs and the data plane. It is safe for concurrent use.
type Service struct {
	store     kv.Store
	clock     clock.Clock
	log       *slog.Logger
	invoker   Invoker
	endpoint  string
	transport http.RoundTripper

	mu       sync.RWMutex
	compiled map[stageKey]*front // what stages serve; an API's entries go when it changes
	changes  uint64              // counts the changes of all APIs
	auth     authCache
}

// New makes the room. It starts nothing in the background.
func New(o Options) *Service {
	s := &Service{
		store: o.Store, clock: o.Clock, log: o.Logger, invoker: o.Invoker, endpoint: o.Endpoint, transport: o.Transport,
		compiled: map[stageKey]*front{},
	}
	if s.clock == nil {
		s.clock = clock.System()
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.transport == nil {
		s.transport = http.DefaultTransport
	}
	s.auth.entries = map[string]authEntry{}
	return s
}

// Limits ("Amazon API Gateway quotas").
const (
	maxAPIs       = 600
	maxResources  = 300
	maxRoutes     = 300
	maxStages     = 10
	maxTags       = 50
	maxBodyBytes  = 10 << 20
	maxImportSize = 6 << 20
)

func notFound(format string, args ...any) error {
	return aws.StatusErrorf(http.StatusNotFound, "NotFoundException", format, args...)
}

func badRequest(format string, args ...any) error {
	return aws.StatusErrorf(http.StatusBadRequest, "BadRequestException", format, args...)
}

func conflict(format string, args ...any) error {
	return aws.StatusErrorf(http.StatusConflict, "ConflictException", format, args...)
}

func tooMany(format string, args ...any) error {
	return aws.StatusErrorf(http.StatusTooManyRequests, "LimitExceededException", format, args...)
}

type place struct{ account, region string }

func placeOf(ctx context.Context) place {
	r := aws.RequestFrom(ctx)
	return place{r.Account(), r.Region}
}

func (p place) key(elems ...any) []byte {
	return kv.Append(kv.Key(kv.SpaceAPIGateway, p.account, p.region), elems...)
}

// home says where an API lives: its callers name no account and no region.
type home struct{ Account, Region, Kind string }

func homeKey(id string) []byte { return kv.Key(kv.SpaceAPIGateway, "api", id) }

func deploymentKey(id, deployment string) []byte {
	return kv.Key(kv.SpaceAPIGateway, "deployment", id, deployment)
}

// update commits a change of one API and forgets what was compiled of it.
func (s *Service) update(ctx context.Context, id string, fn func(kv.Txn) error) error {
	err := s.store.Update(ctx, fn)
	if err == nil {
		s.forget(id)
	}
	switch {
	case errors.Is(err, kv.ErrFull):
		return aws.StorageFull(err)
	case errors.Is(err, kv.ErrClosed):
		return aws.StorageFailed(err)
	}
	return err
}

func (s *Service) now() time.Time { return s.clock.Now().UTC().Truncate(time.Second) }

// newID makes an identifier as API Gateway's are: lower case letters and digits.
func newID(length int) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, length)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b)
}

const (
	apiIDLength  = 10
	partIDLength = 6
)

func ptr[T any](v T) *T { return &v }

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

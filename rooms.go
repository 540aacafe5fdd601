package leat

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/console"
	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/resources"
	"github.com/leatdev/leat/internal/inspect"
	"github.com/leatdev/leat/internal/service/apigateway"
	"github.com/leatdev/leat/internal/service/cloudformation"
	"github.com/leatdev/leat/internal/service/cloudwatch"
	"github.com/leatdev/leat/internal/service/confluent"
	"github.com/leatdev/leat/internal/service/dynamodb"
	"github.com/leatdev/leat/internal/service/eventsource"
	"github.com/leatdev/leat/internal/service/glue"
	"github.com/leatdev/leat/internal/service/iam"
	"github.com/leatdev/leat/internal/service/kinesis"
	"github.com/leatdev/leat/internal/service/lambda"
	"github.com/leatdev/leat/internal/service/lambda/runtime"
	"github.com/leatdev/leat/internal/service/logs"
	"github.com/leatdev/leat/internal/service/s3"
	"github.com/leatdev/leat/internal/service/sns"
	"github.com/leatdev/leat/internal/service/sqs"
	"github.com/leatdev/leat/internal/shardlog"
	"github.com/leatdev/leat/internal/subjects"
	"github.com/leatdev/leat/internal/trace"
	"github.com/leatdev/leat/internal/wire"
)

// rooms are the services, and what has to be told to stop.
type rooms struct {
	iam        *iam.Service
	logs       *logs.Service
	cloudwatch *cloudwatch.Service
	measures   *measures
	kinesis    *kinesis.Service
	dynamodb   *dynamodb.Service
	sqs        *sqs.Service
	sns        *sns.Service
	s3         *s3.Service
	lambda     *lambda.Service
	mappings   *eventsource.Service
	subjects   *subjects.Store
	glue       *glue.Service
	apigateway *apigateway.Service
	stacks     *cloudformation.Service
	lineage    *lineage

	// ready is closed once the functions are there: topics and buckets deliver what an
	// earlier run left as soon as they are open.
	ready chan struct{}
	// stops end the rooms' goroutines, in reverse order of their start.
	stops []func() error
}

// stop notes how to end what has just been started.
func (r *rooms) stop(f func() error) { r.stops = append(r.stops, f) }

// openRooms makes every room and wires them to each other. On an error the
// rooms that were opened are returned too, to be closed.
func (p *Platform) openRooms(ctx context.Context) (r *rooms, err error) {
	r = &rooms{ready: make(chan struct{})}
	clk := p.opts.Clock
	r.iam = iam.New(iam.Options{Store: p.store, Clock: clk, Logger: p.log, ResourceTags: r.tagsOf})

	r.logs = logs.New(logs.Options{Store: p.store, Clock: clk, Logger: p.log})
	r.logs.Start()
	r.stop(r.logs.Close)
	r.cloudwatch = cloudwatch.New(cloudwatch.Options{Store: p.store, Clock: clk, Logger: p.log})
	r.cloudwatch.Start()
	r.stop(r.cloudwatch.Close)
	r.measures = newMeasures(r.cloudwatch, p.metrics.registry)

	if err = p.openStreams(r); err != nil {
		return r, err
	}
	r.subjects = subjects.New(p.store, clk)
	r.glue = glue.New(r.subjects)

	lineageLog, err := trace.Open(ctx, trace.Options{Store: p.store, Clock: clk, Logger: p.log})
	if err != nil {
		return r, err
	}
	r.stop(func() error { lineageLog.Close(); return nil })
	r.lineage = &lineage{log: lineageLog, tables: r.dynamodb, now: clk.Now, handling: map[string]trace.Ref{}, changed: map[string]string{}}

	if err = p.openMessaging(ctx, r); err != nil {
		return r, err
	}
	if err = p.openFunctions(r); err != nil {
		return r, err
	}
	r.apigateway = apigateway.New(apigateway.Options{Store: p.store, Clock: clk, Logger: p.log, Invoker: gatewayInvoker{r}, Endpoint: p.URL()})
	r.stacks = cloudformation.New(cloudformation.Options{
		Store: p.store, Clock: clk, Logger: p.log, Engine: p.engine(), Objects: objects{r.s3}, Settle: settle,
	})
	return r, nil
}

// openStreams opens what lives on the shard log: streams and tables.
func (p *Platform) openStreams(r *rooms) (err error) {
	log := shardlog.New(p.store, shardlog.Options{Now: p.opts.Clock.Now})
	r.kinesis, err = kinesis.New(kinesis.Options{
		Store: p.store, Log: log, Clock: p.opts.Clock, Logger: p.log, Limits: p.opts.Limits, Policies: policies{r.iam},
	})
	if err != nil {
		return err
	}
	r.kinesis.Start()
	r.stop(r.kinesis.Close)
	r.measures.streamOf = r.kinesis.StreamOf
	r.dynamodb = dynamodb.New(dynamodb.Options{
		Store: p.store, Log: log, Clock: p.opts.Clock, Logger: p.log, EnforceLimits: p.opts.Limits, Sink: tableSink{r.kinesis},
		ShardPeriod: p.opts.TableShardPeriod, Spent: r.measures.spent,
	})
	r.dynamodb.Start()
	r.stop(func() error { r.dynamodb.Close(); return nil })
	return nil
}

// openMessaging opens queues, objects and topics. What they deliver to functions
// waits until the functions are there (functions).
func (p *Platform) openMessaging(ctx context.Context, r *rooms) (err error) {
	r.sqs, err = sqs.Open(ctx, sqs.Options{
		Store: p.store, Clock: p.opts.Clock, Endpoint: p.URL(), Logger: p.log,
		Authorize: policies{r.iam}.authorize, NameReuseDelay: p.nameReuseDelay(),
	})
	if err != nil {
		return err
	}
	r.stop(r.sqs.Close)
	d := deliverer{r}
	r.s3, err = s3.New(ctx, s3.Options{
		Store: p.store, Clock: p.opts.Clock, Logger: p.log, Dir: p.objectsDir(), FS: p.opts.FS,
		Authenticate: p.authenticateObjects, Authorize: p.authorizeObjects,
		Invoke: func(ctx context.Context, arn string, event []byte) error {
			return d.send(ctx, arn, text{body: string(event)})
		},
		MayInvoke: func(ctx context.Context, arn, bucket, owner string) error {
			return d.mayInvoke(ctx, arn, "s3.amazonaws.com", bucket, owner)
		},
		SendToQueue: func(ctx context.Context, arn string, event []byte) error {
			return d.send(ctx, arn, text{body: string(event)})
		},
		Publish: func(ctx context.Context, arn string, event []byte) error {
			return d.send(ctx, arn, text{body: string(event)})
		},
	})
	if err != nil {
		return err
	}
	r.stop(r.s3.Close)
	r.sns, err = sns.Open(ctx, sns.Options{
		Store: p.store, Clock: p.opts.Clock, Endpoint: p.URL(), Logger: p.log,
		Invoker: topicFunctions{d}, Queues: topicQueues{d}, Authorize: policies{r.iam}.authorize,
	})
	if err != nil {
		return err
	}
	r.stop(r.sns.Close)
	return nil
}

// openFunctions opens functions and their event source mappings.
func (p *Platform) openFunctions(r *rooms) (err error) {
	r.lambda, err = lambda.New(lambda.Options{
		Store: p.store, Clock: p.opts.Clock, Log: p.log, Dir: p.filesDir("functions"), CacheDir: p.cacheDir(), Endpoint: p.URL(),
		Sandbox: runtime.Sandbox(p.opts.Sandbox), NoFreeze: p.opts.NoFreeze,
		Credentials: instanceKeys{r.iam, r.lineage}, Observer: r.lineage, Logs: p.functionLogs(r.logs),
		Objects: objects{r.s3}, Deliverer: functionDeliverer{deliverer{r}}, Door: door{p}, Measure: r.measures.invocation, MappingTags: mappingTags{r},
		Assumable: func(ctx context.Context, role string) (bool, error) {
			return r.iam.Trusts(ctx, role, "lambda.amazonaws.com")
		},
		MayDo: rolePermissions{r.iam}.MayDo,
	})
	if err != nil {
		return err
	}
	r.stop(r.lambda.Close)
	r.mappings = eventsource.New(eventsource.Options{
		Store: p.store, Clock: p.opts.Clock, Logger: p.log,
		Kinesis: kinesisSource{r.kinesis.Feed()}, DynamoDB: tableSource{r.dynamodb.Feed(), r.lineage}, Queue: queueSource{r.sqs},
		Invoker: mappingInvoker{r}, Deliverer: deliverer{r}, Decoder: &decoder{glue: r.glue}, Permissions: rolePermissions{r.iam}, Meter: r.measures,
	})
	r.stop(func() error { r.mappings.Close(); return nil })
	p.metrics.registry.MustRegister(newMappingCollector(r.mappings.InspectAll))
	close(r.ready)
	return nil
}

// functions gives the functions' room once it, and so every room that messages go to, is open.
func (r *rooms) functions(ctx context.Context) (*lambda.Service, error) {
	select {
	case <-r.ready:
		return r.lambda, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// settle is how long a call that changes a stack waits for the stack: most are done by then, and
// tools that poll every half minute need not.
const settle = 2 * time.Second

// engine makes the engines that deploy into an account and region through the
// platform's own endpoint, one for each.
func (p *Platform) engine() func(account, region string) cloudformation.Engine {
	type place struct{ account, region string }
	var mu sync.Mutex
	engines := map[place]cloudformation.Engine{}
	return func(account, region string) cloudformation.Engine {
		mu.Lock()
		defer mu.Unlock()
		at := place{account, region}
		if engines[at] == nil {
			engines[at] = &deploy.Engine{Now: p.opts.Clock.Now, Providers: resources.New(resources.Options{
				Endpoint: p.URL(), Region: region, Account: account, Credentials: p.ownCredentials(account),
			})}
		}
		return engines[at]
	}
}

// startRooms sets to work what needs the front door to serve.
func (p *Platform) startRooms(ctx context.Context) error {
	if err := p.mappings.Start(ctx); err != nil {
		return err
	}
	if err := p.stacks.Start(ctx); err != nil {
		return err
	}
	p.rooms.stop(p.stacks.Close)
	return nil
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
	functions := r.functionsAPI()
	return []wire.Service{
		r.iam.API(), r.iam.STS(), r.logs.API(), r.cloudwatch.API(), r.kinesis.API(), r.dynamodb.API(), r.dynamodb.StreamsAPI(), r.sqs.API(), r.sns.API(),
		r.glue.API(), functions, r.apigateway.API(), r.apigateway.APIv2(), r.stacks.API(),
	}
}

// drain waits for the invocations that mappings have begun, and lets them begin no more.
func (r *rooms) drain(ctx context.Context) error { return r.mappings.Drain(ctx) }

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
	var fault func(ctx context.Context, service, operation string) (bool, error)
	if p.opts.Faults != nil {
		fault = p.fault
	}
	p.front, err = wire.NewServer(wire.Options{
		Services: p.rooms.services(),
		Verify:   len(p.opts.AccessKeys) > 0,
		Credentials: credentials{
			configured: p.opts.AccessKeys, account: p.opts.Account, iam: p.iam,
		},
		IssuedPrefix: iam.IssuedPrefix,
		Account:      p.opts.Account, Region: p.opts.Region,
		Authorize: p.authorize, Fault: fault, Observe: func(ctx context.Context, c wire.Call) {
			p.metrics.observe(ctx, c)
			p.measures.observe(ctx, c)
			p.lineage.observe(ctx, c)
		},
		Logger: p.log, Now: p.opts.Clock.Now,
	})
	if err != nil {
		return err
	}
	p.front.HandleHTTP(func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/_leat/") }, p.inspection())
	p.front.HandleHTTP(apigateway.Matches, p.apigateway)
	p.front.HandleHTTP(p.lambda.Handles, p.lambda)
	p.front.HandleHTTP(sns.Matches, p.sns.Handler())
	p.front.HandleHTTP(asksForContainers, http.HandlerFunc(noContainers))
	p.front.HandleHTTP(p.s3.Matches, p.s3.Handler())
	registry := confluent.New(confluent.Options{Subjects: p.subjects, Logger: p.log})
	p.registry = &http.Server{Handler: guard(p.opts.AccessKeys, registry), ReadHeaderTimeout: wire.HeaderTimeout, IdleTimeout: wire.IdleTimeout}
	return nil
}

// inspection is everything below /_leat/. Health and metrics are open to all who reach
// the port; the rest asks for a key where keys are configured.
func (p *Platform) inspection() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_leat/health", p.health)
	mux.Handle("GET /_leat/metrics", guard(p.opts.AccessKeys, p.metrics.handler()))
	mux.Handle(inspect.Prefix, guard(p.opts.AccessKeys, inspect.New(p.opts.Version, p.questions())))
	mux.Handle(console.Prefix, guard(p.opts.AccessKeys, console.Handler()))
	return mux
}

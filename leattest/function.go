package leattest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Event is what a function of a test is invoked with.
type Event struct {
	// Payload is the event, as JSON.
	Payload   []byte
	RequestID string
	// Config signs calls with the credentials of the function's instance: what is done
	// with it may do what the role allows, and is traced to this invocation.
	Config aws.Config
}

// Handler is a function of a test. What it returns is the reply, as JSON; an error is a failed invocation.
type Handler func(ctx context.Context, e Event) (any, error)

// What the functions have that Function makes; the timeout is in seconds.
const (
	functionTimeout = 60
	functionMemory  = 512 // megabytes
)

// Function makes a function whose code is a closure of the test, and gives its ARN. The platform
// runs it as it runs every function, in processes that take one event after the other: they are
// the test's own binary, started again, which hands each event to h and its answer back. Handlers run beside each other
// when events do. The function's role may do everything; opts may change that and all else.
func (p *Platform) Function(name string, h Handler, opts ...func(*lambda.CreateFunctionInput)) (arn string) {
	p.tb.Helper()
	if err := p.relay.start(p, name, h); err != nil {
		p.tb.Fatalf("leattest: function %s: %v", name, err)
	}
	in := &lambda.CreateFunctionInput{
		FunctionName: &name, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Timeout: aws.Int32(functionTimeout), MemorySize: aws.Int32(functionMemory),
		Role:        aws.String(p.relay.role),
		Code:        &types.FunctionCode{S3Bucket: aws.String("leat-folder"), S3Key: &p.relay.folder},
		Environment: &types.Environment{Variables: map[string]string{relayVariable: p.relay.server.Listener.Addr().String()}},
	}
	for _, opt := range opts {
		opt(in)
	}
	out, err := lambda.NewFromConfig(p.Config()).CreateFunction(p.tb.Context(), in)
	if err != nil {
		p.tb.Fatalf("leattest: function %s: %v", name, err)
	}
	return *out.FunctionArn
}

// relay hands events of function processes to the handlers of a test.
type relay struct {
	server       *httptest.Server
	folder, role string

	mu       sync.Mutex
	handlers map[string]Handler
}

func (r *relay) start(p *Platform, name string, h Handler) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server == nil {
		if err := r.open(p); err != nil {
			return err
		}
	}
	r.handlers[name] = h
	return nil
}

func (r *relay) open(p *Platform) error {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	// The binary lies in the function's folder, under the name that the runtime starts: instances may be
	// shut out of where it was built.
	r.folder, r.handlers = p.tb.TempDir(), map[string]Handler{}
	if err := linkOrCopy(binary, filepath.Join(r.folder, "bootstrap")); err != nil {
		return err
	}
	if r.role, err = mightyRole(p.tb.Context(), iam.NewFromConfig(p.Config())); err != nil {
		return err
	}
	endpoint, region := p.URL(), p.Region()
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.answer(w, req, endpoint, region) }))
	p.tb.Cleanup(func() {
		p.Stop() // else instances would ask a server that is gone
		r.server.Close()
	})
	return nil
}

// linkOrCopy gives an executable a second name; on another file system that takes a copy.
func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o755) //nolint:gosec // it is to be executed
}

// mightyRole makes a role that may do everything, and gives its ARN.
func mightyRole(ctx context.Context, c *iam.Client) (string, error) {
	const (
		trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
		all   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	)
	name := aws.String("leattest-functions")
	out, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trust)})
	if err != nil {
		return "", err
	}
	_, err = c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("everything"), PolicyDocument: aws.String(all)})
	return *out.Role.Arn, err
}

// Headers between a function's process and the test.
const (
	headerFunction = "Leattest-Function"
	headerRequest  = "Leattest-Request-Id"
	headerKey      = "Leattest-Key" // access key id, secret and token, separated by spaces
)

// answer lets the handler of a function answer an event.
func (r *relay) answer(w http.ResponseWriter, req *http.Request, endpoint, region string) {
	payload, err := io.ReadAll(req.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	h := r.handlers[req.Header.Get(headerFunction)]
	r.mu.Unlock()
	if h == nil {
		http.Error(w, "the test has no such function", http.StatusNotFound)
		return
	}
	key := append(strings.SplitN(req.Header.Get(headerKey), " ", 3), "", "", "")
	v, err := h(req.Context(), Event{
		Payload: payload, RequestID: req.Header.Get(headerRequest),
		Config: aws.Config{Region: region, BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider(key[0], key[1], key[2])},
	})
	var reply []byte
	if err == nil {
		reply, err = json.Marshal(v)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(reply) // who has gone needs no answer
}

// relayVariable makes a process of the test's binary a function's: it names who has the handlers.
const relayVariable = "LEATTEST_RELAY"

func init() {
	host, api := os.Getenv(relayVariable), os.Getenv("AWS_LAMBDA_RUNTIME_API")
	if host == "" || api == "" {
		return
	}
	fmt.Fprintln(os.Stderr, "leattest:", serve("http://"+host, "http://"+api+"/2018-06-01/runtime/invocation/"))
	os.Exit(1)
}

// serve takes events from the Runtime API until one end is gone.
func serve(test, events string) error {
	for {
		next, err := http.Get(events + "next")
		if err != nil {
			return err
		}
		id := next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		reply, failed, err := ask(test, id, next.Body)
		_ = next.Body.Close()
		if err != nil {
			return err
		}
		path := events + id + "/response"
		if failed {
			path = events + id + "/error"
			if reply, err = json.Marshal(map[string]string{"errorType": "Error", "errorMessage": strings.TrimSpace(string(reply))}); err != nil {
				return err
			}
		}
		done, err := http.Post(path, "application/json", strings.NewReader(string(reply)))
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, done.Body)
		if err = errors.Join(err, done.Body.Close()); err != nil {
			return err
		}
	}
}

// ask lets the test answer an event.
func ask(test, id string, payload io.Reader) (reply []byte, failed bool, err error) {
	req, err := http.NewRequest(http.MethodPost, test, payload)
	if err != nil {
		return nil, false, err
	}
	req.Header.Set(headerFunction, os.Getenv("AWS_LAMBDA_FUNCTION_NAME"))
	req.Header.Set(headerRequest, id)
	req.Header.Set(headerKey, strings.Join([]string{os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")}, " "))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, false, err
	}
	defer resp.Body.Close()
	reply, err = io.ReadAll(resp.Body)
	return reply, resp.StatusCode != http.StatusOK, err
}

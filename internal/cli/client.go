package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/leatdev/leat/internal/sdkhttp"
)

const (
	defaultAddr         = "127.0.0.1:4566"
	defaultRegistryAddr = "127.0.0.1:8081"
	defaultRegion       = "us-east-1"
	// maxReplyBytes bounds what a command reads of one inspection reply.
	maxReplyBytes = 64 << 20
	// inspectTimeout bounds one question to the inspection API.
	inspectTimeout = 30 * time.Second
)

// baseURL is where the platform listens, from --addr, LEAT_ADDR or the default.
func (a *app) baseURL() string {
	addr := a.addr
	if addr == "" {
		addr = a.io.Getenv("LEAT_ADDR")
	}
	if addr == "" {
		addr = defaultAddr
	}
	if strings.Contains(addr, "://") {
		return strings.TrimSuffix(addr, "/")
	}
	return "http://" + addr
}

// region is the one AWS tools would use here.
func (a *app) region() string {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if r := a.io.Getenv(name); r != "" {
			return r
		}
	}
	return defaultRegion
}

// awsConfig is an SDK configuration that points at the platform. Credentials
// come from the environment; a loopback platform accepts any.
func (a *app) awsConfig() aws.Config {
	id, secret := a.io.Getenv("AWS_ACCESS_KEY_ID"), a.io.Getenv("AWS_SECRET_ACCESS_KEY")
	if id == "" || secret == "" {
		id, secret = "leat", "leat"
	}
	return aws.Config{
		Region:       a.region(),
		HTTPClient:   sdkhttp.Client(),
		BaseEndpoint: aws.String(a.baseURL()),
		Credentials:  credentials.NewStaticCredentialsProvider(id, secret, a.io.Getenv("AWS_SESSION_TOKEN")),
	}
}

// inspect asks the inspection API for path below /_leat/ and decodes the answer.
func (a *app) inspect(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.baseURL()+"/_leat/"+path, nil)
	if err != nil {
		return err
	}
	a.authorize(req)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return a.unreachable(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReplyBytes))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return refusal(req, resp.Status, body)
	}
	return json.Unmarshal(body, into)
}

// refusal is the platform's own words where it gives any, else the whole reply.
func refusal(req *http.Request, status string, body []byte) error {
	var said struct{ Message string }
	if json.Unmarshal(body, &said) == nil && said.Message != "" {
		return errors.New(said.Message)
	}
	return fmt.Errorf("%s answered %s: %s", req.URL, status, strings.TrimSpace(string(body)))
}

// authorize adds the access key where one is set: /_leat/ asks for it when the
// platform has configured keys.
func (a *app) authorize(req *http.Request) {
	id, secret := a.io.Getenv("AWS_ACCESS_KEY_ID"), a.io.Getenv("AWS_SECRET_ACCESS_KEY")
	if id != "" && secret != "" {
		req.SetBasicAuth(id, secret)
	}
}

// unreachable says where we looked and what to do.
func (a *app) unreachable(err error) error {
	return fmt.Errorf("no platform answers at %s (%w); start one with `leat up`, or say where it is with --addr or LEAT_ADDR", a.baseURL(), err)
}

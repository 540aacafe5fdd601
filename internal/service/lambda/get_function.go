package lambda

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// GetFunction shows a function or version: settings, tags, reserved concurrency and a link to
// its code that is good for ten minutes.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: functions made of a folder of this machine have a file:// link.
func (s *Service) getFunction(ctx context.Context, in *lambda.GetFunctionInput) (*lambda.GetFunctionOutput, error) {
	ref, err := refer(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	out := &lambda.GetFunctionOutput{}
	err = s.view(ctx, ref, func(r kv.Reader, f *function, c *config) (err error) {
		if out.Configuration, err = s.describe(r, c, ref.functionKey, ref.qualifier); err != nil {
			return err
		}
		out.Code = &types.FunctionCodeLocation{RepositoryType: ptr("S3"), Location: ptr(s.link(ctx, c.Code))}
		if len(f.Tags) > 0 {
			out.Tags = maps.Clone(f.Tags)
		}
		if f.Reserved != nil {
			out.Concurrency = &types.Concurrency{ReservedConcurrentExecutions: f.Reserved}
		}
		return nil
	})
	return out, err
}

// GetFunctionConfiguration shows the settings of a function or version.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) getFunctionConfiguration(ctx context.Context, in *lambda.GetFunctionConfigurationInput) (*types.FunctionConfiguration, error) {
	ref, err := refer(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	var out *types.FunctionConfiguration
	err = s.view(ctx, ref, func(r kv.Reader, _ *function, c *config) (err error) {
		out, err = s.describe(r, c, ref.functionKey, ref.qualifier)
		return err
	})
	return out, err
}

// CodePath is where ServeHTTP serves the links to code.
const CodePath = "/lambda-code/"

// linkLife is how long a link to code is good.
const linkLife = 10 * time.Minute

// link is a URL for a package, on the host that the client knows us by.
func (s *Service) link(ctx context.Context, c code) string {
	if c.Folder != "" {
		return "file://" + c.Folder
	}
	until := strconv.FormatInt(s.clock.Now().Add(linkLife).Unix(), 10)
	return fmt.Sprintf("%s%s%s.zip?until=%s&mac=%s", s.base(ctx), CodePath, c.SHA256, until, s.mac(c.SHA256, until))
}

// base is our own URL as the client knows it.
func (s *Service) base(ctx context.Context) string {
	r := aws.RequestFrom(ctx)
	if r.Host == "" {
		return strings.TrimSuffix(s.opt.Endpoint, "/")
	}
	if r.TLS {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func (s *Service) mac(parts ...string) string {
	h := hmac.New(sha256.New, s.secret)
	fmt.Fprintf(h, "%q", parts)
	return hex.EncodeToString(h.Sum(nil))
}

// serveCode serves a package to who has a link.
func (s *Service) serveCode(w http.ResponseWriter, r *http.Request) {
	sha := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, CodePath), ".zip")
	until := r.URL.Query().Get("until")
	at, err := strconv.ParseInt(until, 10, 64)
	if err != nil || !hmac.Equal([]byte(r.URL.Query().Get("mac")), []byte(s.mac(sha, until))) || s.clock.Now().Unix() > at {
		http.Error(w, "the link is not valid any more", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	http.ServeFile(w, r, s.zipPath(code{SHA256: sha}))
}

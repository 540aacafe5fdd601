package lambda

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
)

// functionURL is a URL of a function as it is stored.
type functionURL struct {
	ID                string
	AuthType          types.FunctionUrlAuthType
	Cors              *types.Cors
	Created, Modified string
}

// urlOwner is the record behind a URL's id.
type urlOwner struct{ Account, Region, Name, Qualifier string }

func keyOfURL(id string) []byte { return kv.Key(kv.SpaceLambda, "u", id) }

// newURLID makes the 32 lower-case letters and digits that a URL begins with.
func newURLID() string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	var b [32]byte
	_, _ = rand.Read(b[:])
	for i := range b {
		b[i] = alphabet[b[i]&31]
	}
	return string(b[:])
}

// urlRef parses what a URL is for: the function or an alias.
func urlRef(ctx context.Context, name, qualifier *string) (reference, error) {
	ref, err := refer(ctx, name, qualifier)
	if ref.qualifier == latest {
		ref.qualifier = ""
	}
	if err == nil && versionRE.MatchString(ref.qualifier) {
		err = invalidParameter("Function URLs are only supported on $LATEST and aliases, not on version %s", ref.qualifier)
	}
	return ref, err
}

func noURL() error { return resourceNotFound("The resource you requested does not exist.") }

// URLPath is where ServeHTTP serves function URLs: URLPath + id + the path for the function.
const URLPath = "/lambda-url/"

func (s *Service) urlText(ctx context.Context, u *functionURL) *string {
	return ptr(s.base(ctx) + URLPath + u.ID + "/")
}

// CreateFunctionUrlConfig gives a function or alias a URL of its own.
//
// Errors: ResourceNotFoundException, ResourceConflictException, InvalidParameterValueException.
// Differs: the URL is a path of this server, http://HOST/lambda-url/ID/; the host ID.lambda-url.REGION.ANYTHING
// serves it too. InvokeMode RESPONSE_STREAM is refused.
func (s *Service) createFunctionURLConfig(ctx context.Context, in *lambda.CreateFunctionUrlConfigInput) (*lambda.CreateFunctionUrlConfigOutput, error) {
	ref, err := urlRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if in.InvokeMode == types.InvokeModeResponseStream {
		return nil, unsupported("InvokeMode RESPONSE_STREAM")
	}
	u := &functionURL{ID: newURLID(), AuthType: in.AuthType, Cors: in.Cors, Created: s.now()}
	u.Modified = u.Created
	err = s.change(ctx, ref, func(t kv.Txn, f *function) error {
		if _, _, err := readVersion(t, ref); err != nil {
			return err
		}
		if f.URLs[ref.qualifier] != nil {
			return resourceConflict("Failed to create function url config for [functionArn = %s]. Error message:  FunctionUrlConfig exists for this Lambda function", ref.arn())
		}
		if f.URLs == nil {
			f.URLs = map[string]*functionURL{}
		}
		f.URLs[ref.qualifier] = u
		return record.Save(t, keyOfURL(u.ID), urlOwner{ref.account, ref.region, ref.name, ref.qualifier})
	})
	if err != nil {
		return nil, err
	}
	return &lambda.CreateFunctionUrlConfigOutput{
		AuthType: u.AuthType, Cors: u.Cors, CreationTime: &u.Created, FunctionArn: ptr(ref.arn()), FunctionUrl: s.urlText(ctx, u), InvokeMode: types.InvokeModeBuffered,
	}, nil
}

func (s *Service) showURL(ctx context.Context, ref reference, u *functionURL) types.FunctionUrlConfig {
	return types.FunctionUrlConfig{
		AuthType: u.AuthType, Cors: u.Cors, CreationTime: &u.Created, LastModifiedTime: &u.Modified, FunctionArn: ptr(ref.arn()),
		FunctionUrl: s.urlText(ctx, u), InvokeMode: types.InvokeModeBuffered,
	}
}

// GetFunctionUrlConfig shows a function's URL.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) getFunctionURLConfig(ctx context.Context, in *lambda.GetFunctionUrlConfigInput) (*types.FunctionUrlConfig, error) {
	ref, err := urlRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	f, err := s.load(ctx, ref)
	if err != nil {
		return nil, err
	}
	if f.URLs[ref.qualifier] == nil {
		return nil, noURL()
	}
	return ptr(s.showURL(ctx, ref, f.URLs[ref.qualifier])), nil
}

// UpdateFunctionUrlConfig changes a URL's authorisation and CORS settings; what is not given stays.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: InvokeMode RESPONSE_STREAM is refused.
func (s *Service) updateFunctionURLConfig(ctx context.Context, in *lambda.UpdateFunctionUrlConfigInput) (*types.FunctionUrlConfig, error) {
	ref, err := urlRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if in.InvokeMode == types.InvokeModeResponseStream {
		return nil, unsupported("InvokeMode RESPONSE_STREAM")
	}
	var out types.FunctionUrlConfig
	err = s.change(ctx, ref, func(_ kv.Txn, f *function) error {
		u := f.URLs[ref.qualifier]
		if u == nil {
			return noURL()
		}
		if in.AuthType != "" {
			u.AuthType = in.AuthType
		}
		if in.Cors != nil {
			u.Cors = in.Cors
		}
		u.Modified = s.now()
		out = s.showURL(ctx, ref, u)
		return nil
	})
	return &out, err
}

// DeleteFunctionUrlConfig takes a function's URL away.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) deleteFunctionURLConfig(ctx context.Context, in *lambda.DeleteFunctionUrlConfigInput) (*lambda.DeleteFunctionUrlConfigOutput, error) {
	ref, err := urlRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return nil, s.change(ctx, ref, func(t kv.Txn, f *function) error {
		u := f.URLs[ref.qualifier]
		if u == nil {
			return noURL()
		}
		delete(f.URLs, ref.qualifier)
		return t.Delete(keyOfURL(u.ID))
	})
}

// ListFunctionUrlConfigs lists the URLs of a function and its aliases.
//
// Limits: 50 in a page.
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) listFunctionURLConfigs(ctx context.Context, in *lambda.ListFunctionUrlConfigsInput) (*lambda.ListFunctionUrlConfigsOutput, error) {
	ref, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	f, err := s.load(ctx, ref)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(f.URLs))
	for q := range f.URLs {
		names = append(names, or(q, latest)) // "$" sorts first
	}
	slices.Sort(names)
	out := &lambda.ListFunctionUrlConfigsOutput{FunctionUrlConfigs: []types.FunctionUrlConfig{}}
	names, out.NextMarker, err = paged(names, in.Marker, in.MaxItems)
	for _, n := range names {
		q := strings.TrimPrefix(n, latest)
		out.FunctionUrlConfigs = append(out.FunctionUrlConfigs, s.showURL(ctx, reference{ref.functionKey, q}, f.URLs[q]))
	}
	return out, err
}

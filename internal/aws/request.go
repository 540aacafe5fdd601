package aws

import (
	"context"
	"time"
)

// Caller is who signed a request.
type Caller struct {
	Account     string // 12 digits
	AccessKeyID string
	// ARN names the principal: arn:aws:iam::ACCOUNT:root, …:user/NAME, or
	// arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION.
	ARN    string
	UserID string
	// RoleARN is set when the caller is a role session (a function's
	// credentials are); its policies then bound what it may do.
	RoleARN string
	// Admin callers are not held to policies: loopback callers without
	// configured access keys, and the account's root.
	Admin bool
}

// Request is what a handler may know of the call it serves. Handlers never see
// HTTP; this travels in the context.
type Request struct {
	ID        string // x-amzn-RequestId
	Service   string // model id, "kinesis"
	Operation string // "PutRecords"
	Region    string
	Caller    Caller
	SourceIP  string
	UserAgent string
	Host      string // host:port as the client addressed us, for URLs in replies
	TLS       bool
	Time      time.Time
	// Asked is what the decision on the caller's permissions was about, for whoever looks at the call once it is served: nil where none was taken.
	Asked any
}

// Account is the caller's account.
func (r *Request) Account() string { return r.Caller.Account }

// ARN makes an ARN of the caller's account and the request's region.
func (r *Request) ARN(service, resource string) ARN {
	return NewARN(service, r.Region, r.Caller.Account, resource)
}

type requestKey struct{}

// WithRequest returns a context that carries r.
func WithRequest(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// RequestFrom gives the request a context carries. A context without one (work
// the platform does on its own behalf) answers as the default account's
// administrator in the default region; the result is never nil.
func RequestFrom(ctx context.Context) *Request {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		return r
	}
	return &Request{
		Region: DefaultRegion,
		Caller: Caller{Account: DefaultAccount, ARN: "arn:aws:iam::" + DefaultAccount + ":root", UserID: DefaultAccount, Admin: true},
	}
}

// Internal returns a context for work the platform does on behalf of account in region.
func Internal(ctx context.Context, account, region string) context.Context {
	r := *RequestFrom(context.Background())
	r.Region = region
	r.Caller.Account = account
	r.Caller.ARN = "arn:" + Partition(region) + ":iam::" + account + ":root"
	r.Caller.UserID = account
	return WithRequest(ctx, &r)
}

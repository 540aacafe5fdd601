package leat

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sdkcredentials "github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/dynamodb"
	"github.com/leatdev/leat/internal/service/iam"
	"github.com/leatdev/leat/internal/service/s3"
	"github.com/leatdev/leat/internal/wire"
)

// guard asks for one of the access keys by HTTP basic authentication; without
// keys it lets everyone in, because only loopback addresses are bound then.
func guard(keys map[string]string, next http.Handler) http.Handler {
	if len(keys) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, ok := r.BasicAuth()
		want, known := keys[id]
		// Hashes, so that the comparison takes as long for any length.
		a, b := sha256.Sum256([]byte(secret)), sha256.Sum256([]byte(want))
		if !ok || !known || subtle.ConstantTimeCompare(a[:], b[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="leat"`)
			http.Error(w, "an access key is required", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// credentials finds access keys: the configured ones, then those that IAM and STS made.
type credentials struct {
	configured map[string]string
	account    string
	iam        *iam.Service
}

// Lookup implements wire.Credentials.
func (c credentials) Lookup(ctx context.Context, id string) (wire.Key, bool) {
	if secret, ok := c.configured[id]; ok {
		return wire.Key{Secret: secret, Caller: aws.Caller{
			Account: c.account, ARN: "arn:aws:iam::" + c.account + ":root", UserID: c.account, Admin: true,
		}}, true
	}
	known, err := c.iam.Lookup(ctx, id)
	if err != nil || known == nil {
		return wire.Key{}, false
	}
	return wire.Key{Secret: known.Secret, SessionToken: known.Token, Expires: known.Expires, Caller: known.Caller}, true
}

// authorize holds a caller to its policies.
func (p *Platform) authorize(ctx context.Context, service, operation string, in any) error {
	req := aws.RequestFrom(ctx)
	if req.Caller.Admin {
		return nil
	}
	asks := iam.Asks(ctx, service, operation, in)
	req.Asked = asks
	if service == "dynamodb" {
		p.nameLeadingKeys(ctx, asks, in)
	}
	return p.iam.Check(ctx, asks...)
}

// nameLeadingKeys tells which partition keys a request names, so that policies can keep
// callers to their own items (dynamodb:LeadingKeys).
func (p *Platform) nameLeadingKeys(ctx context.Context, asks []iam.Access, in any) {
	keys := dynamodb.LeadingKeys(in, func(table string) (string, bool) {
		k, ok := p.lineage.tableKey(ctx, table)
		if !ok {
			return "", false
		}
		return k.names[0], true
	})
	for table, values := range keys {
		suffix := ":table/" + table[strings.LastIndexByte(table, '/')+1:]
		for i := range asks {
			if resource, _, _ := strings.Cut(asks[i].Resource, "/index/"); strings.HasSuffix(resource, suffix) {
				asks[i].Context = map[string][]string{"dynamodb:leadingkeys": values}
			}
		}
	}
}

// ownCredentials sign the platform's calls to itself: one of the configured keys, or,
// where any credentials are accepted, the account's id, which front door takes for its administrator.
func (p *Platform) ownCredentials(account string) awssdk.CredentialsProvider {
	for id, secret := range p.opts.AccessKeys {
		return sdkcredentials.NewStaticCredentialsProvider(id, secret, "")
	}
	return sdkcredentials.NewStaticCredentialsProvider(account, account, "")
}

// authenticateObjects tells S3 who sent a request.
func (p *Platform) authenticateObjects(r *http.Request) (context.Context, *wire.Visit, error) {
	return p.front.Authenticate(r, "s3")
}

// authorizeObjects decides on buckets and objects.
func (p *Platform) authorizeObjects(ctx context.Context, q s3.Question) error {
	ask := iam.Access{Action: q.Action, Resource: q.Resource, ResourcePolicy: q.Policy}
	caller := aws.RequestFrom(ctx).Caller
	if !q.Signed || caller.Account != q.Owner {
		return p.iam.CheckResource(ctx, ask)
	}
	return p.iam.Check(ctx, ask)
}

package wire

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/wire/sigv4"
)

// authenticate tells who signed. A key that Credentials knows is verified and
// attributed in every mode; an unknown one is refused when Verify is set, or
// when it looks like one that this platform issued and has forgotten.
func (x *exchange) authenticate(ctx context.Context) (aws.Caller, error) {
	if x.signed && x.s.opts.Credentials != nil {
		if key, ok := x.s.opts.Credentials.Lookup(ctx, x.scope.AccessKeyID); ok {
			return x.verify(key)
		}
	}
	switch {
	case x.signed && x.s.issued(x.scope.AccessKeyID):
		return aws.Caller{}, x.signatureError(errUnknownKey)
	case !x.s.opts.Verify, !x.signed && x.plan.op.Unauth:
		return x.s.anonymous(x.scope.AccessKeyID, x.req.Region), nil
	}
	return aws.Caller{}, x.refuseUnknown()
}

// issued tells whether a key is of the temporary kind that this platform makes.
func (s *Server) issued(accessKeyID string) bool {
	p := s.opts.IssuedPrefix
	return p != "" && strings.HasPrefix(accessKeyID, p)
}

// anonymous is the caller of a front door that accepts anything. A key id that
// is twelve digits names its account, so that tests can be several accounts.
func (s *Server) anonymous(accessKeyID, region string) aws.Caller {
	account := s.opts.Account
	if isAccount(accessKeyID) {
		account = accessKeyID
	}
	arn := s.rootARN
	if account != s.opts.Account || region != s.opts.Region {
		arn = rootARN(account, region)
	}
	return aws.Caller{Account: account, AccessKeyID: accessKeyID, UserID: account, Admin: true, ARN: arn}
}

func rootARN(account, region string) string {
	return "arn:" + aws.Partition(region) + ":iam::" + account + ":root"
}

func isAccount(key string) bool {
	if len(key) != 12 {
		return false
	}
	for _, c := range []byte(key) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func (x *exchange) verify(key Key) (aws.Caller, error) {
	sig, err := sigv4.Parse(x.r)
	if err != nil {
		return aws.Caller{}, x.signatureError(err)
	}
	err = x.s.verifier.Verify(x.r, sig, sigv4.HashPayload(x.body), key.secret(), sigv4.Rules{Service: x.svc.info.SigningName, Now: x.req.Time})
	if err != nil {
		return aws.Caller{}, x.signatureError(err)
	}
	return key.caller(sig.AccessKeyID), nil
}

func (k *Key) secret() sigv4.Secret {
	return sigv4.Secret{Key: k.Secret, Token: k.SessionToken, Expires: k.Expires}
}

func (k *Key) caller(accessKeyID string) aws.Caller {
	c := k.Caller
	c.AccessKeyID = accessKeyID
	return c
}

// refuseUnknown tells what is wrong with a request whose key is not known.
func (x *exchange) refuseUnknown() error {
	if _, err := sigv4.Parse(x.r); err != nil {
		return x.signatureError(err)
	}
	return x.signatureError(errUnknownKey)
}

var errUnknownKey = &sigv4.Error{Code: "UnrecognizedClientException", Message: "The security token included in the request is invalid."}

// jsonSpelling are the codes of refusals outside the query protocol.
var jsonSpelling = map[string]string{
	"SignatureDoesNotMatch":      "InvalidSignatureException",
	"MissingAuthenticationToken": "MissingAuthenticationTokenException",
	"IncompleteSignature":        "IncompleteSignatureException",
	"ExpiredToken":               "ExpiredTokenException",
}

// signatureError gives a refusal the spelling and status of the protocol.
func (x *exchange) signatureError(err error) error {
	var refused *sigv4.Error
	if !errors.As(err, &refused) {
		return err
	}
	e := aws.Errorf(refused.Code, "%s", refused.Message)
	if x.proto == protoQuery {
		if e.Code == "UnrecognizedClientException" {
			e.Code = "InvalidClientTokenId"
		}
	} else if spelled, ok := jsonSpelling[e.Code]; ok {
		e.Code = spelled
	}
	if (x.proto == protoQuery || x.proto == protoREST) && refused.Code != "IncompleteSignature" {
		e.Status = http.StatusForbidden
	}
	return e
}

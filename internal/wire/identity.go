package wire

import (
	"context"
	"errors"
	"net/http"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/wire/sigv4"
)

// authenticate tells who signed. A key that Credentials knows is verified and
// attributed in every mode; an unknown one is refused only when Verify is set.
func (x *exchange) authenticate(ctx context.Context) (aws.Caller, error) {
	if !x.signed && x.plan.op.Unauth {
		return x.anonymous(), nil
	}
	if x.s.opts.Credentials != nil && x.signed {
		if key, ok := x.s.opts.Credentials.Lookup(ctx, x.scope.AccessKeyID); ok {
			return x.verify(key)
		}
	}
	if !x.s.opts.Verify {
		return x.anonymous(), nil
	}
	return aws.Caller{}, x.refuseUnknown()
}

// anonymous is the caller of a front door that accepts anything. A key id that
// is twelve digits names its account, so that tests can be several accounts.
func (x *exchange) anonymous() aws.Caller {
	account := x.s.opts.Account
	if isAccount(x.scope.AccessKeyID) {
		account = x.scope.AccessKeyID
	}
	return aws.Caller{
		Account: account, AccessKeyID: x.scope.AccessKeyID, UserID: account, Admin: true,
		ARN: "arn:" + aws.Partition(x.req.Region) + ":iam::" + account + ":root",
	}
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
	err := x.s.verifier.Verify(x.r, x.body, sigv4.Secret{Key: key.Secret, Token: key.SessionToken, Expires: key.Expires}, x.svc.info.SigningName, x.s.now())
	if err != nil {
		return aws.Caller{}, x.signatureError(err)
	}
	caller := key.Caller
	caller.AccessKeyID = x.scope.AccessKeyID
	return caller, nil
}

func (x *exchange) refuseUnknown() error {
	if _, err := sigv4.Parse(x.r); err != nil {
		return x.signatureError(err)
	}
	return x.signatureError(&sigv4.Error{Code: "UnrecognizedClientException", Message: "The security token included in the request is invalid."})
}

// signatureError gives a refusal the spelling and status of the protocol.
func (x *exchange) signatureError(err error) error {
	var refused *sigv4.Error
	if !errors.As(err, &refused) {
		return err
	}
	e := aws.Errorf(refused.Code, "%s", refused.Message)
	json := x.proto != protoQuery && x.proto != protoREST
	switch refused.Code {
	case "SignatureDoesNotMatch":
		if x.proto != protoQuery {
			e.Code = "InvalidSignatureException"
		}
	case "MissingAuthenticationToken":
		if x.proto != protoQuery {
			e.Code = "MissingAuthenticationTokenException"
		}
	case "IncompleteSignature":
		if x.proto != protoQuery {
			e.Code = "IncompleteSignatureException"
		}
	case "UnrecognizedClientException":
		if x.proto == protoQuery {
			e.Code = "InvalidClientTokenId"
		}
	case "ExpiredToken":
		if x.proto != protoQuery {
			e.Code = "ExpiredTokenException"
		}
	}
	if !json {
		e.Status = http.StatusForbidden
	}
	return e
}

package wire_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/wire"
	"github.com/leatdev/leat/internal/wire/sigv4"
)

// keyring is a fixed set of keys.
type keyring map[string]wire.Key

func (k keyring) Lookup(_ context.Context, id string) (wire.Key, bool) {
	key, ok := k[id]
	return key, ok
}

var role = aws.Caller{Account: "111111111111", ARN: "arn:aws:sts::111111111111:assumed-role/fn/i-1", RoleARN: "arn:aws:iam::111111111111:role/fn"}

func keys() keyring {
	return keyring{
		"AKIDUSER":   {Secret: "user-secret", Caller: aws.Caller{Account: "222222222222", ARN: "arn:aws:iam::222222222222:user/u"}},
		"ASIALEAT01": {Secret: "temp-secret", SessionToken: "the-token", Expires: time.Now().Add(time.Hour), Caller: role},
		"ASIALEAT02": {Secret: "temp-secret", SessionToken: "the-token", Expires: time.Now().Add(-time.Hour), Caller: role},
	}
}

// doors answers one operation of each protocol with who asked.
func doors(verify bool) wire.Options {
	return wire.Options{Verify: verify, Credentials: keys(), IssuedPrefix: "ASIALEAT", Services: []wire.Service{
		{Model: "kinesis", Operations: []wire.Operation{wire.Op("ListStreams", func(ctx context.Context, _ *kinesis.ListStreamsInput) (*kinesis.ListStreamsOutput, error) {
			return &kinesis.ListStreamsOutput{StreamNames: []string{aws.RequestFrom(ctx).Caller.ARN}}, nil
		})}},
		{Model: "sns", Operations: []wire.Operation{wire.Op("ListTopics", func(ctx context.Context, _ *sns.ListTopicsInput) (*sns.ListTopicsOutput, error) {
			return &sns.ListTopicsOutput{NextToken: awssdk.String(aws.RequestFrom(ctx).Caller.ARN)}, nil
		})}},
		{Model: "lambda", Operations: []wire.Operation{wire.Op("ListFunctions", func(ctx context.Context, _ *lambda.ListFunctionsInput) (*lambda.ListFunctionsOutput, error) {
			return &lambda.ListFunctionsOutput{NextMarker: awssdk.String(aws.RequestFrom(ctx).Caller.ARN)}, nil
		})}},
		{Model: "dynamodb", Operations: []wire.Operation{wire.Op("ListTables", func(ctx context.Context, _ *dynamodb.ListTablesInput) (*dynamodb.ListTablesOutput, error) {
			return &dynamodb.ListTablesOutput{TableNames: []string{aws.RequestFrom(ctx).Caller.ARN}}, nil
		})}},
		{Model: "sts", Operations: []wire.Operation{wire.Op("AssumeRoleWithWebIdentity", func(ctx context.Context, _ *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
			return &sts.AssumeRoleWithWebIdentityOutput{Provider: awssdk.String(aws.RequestFrom(ctx).Caller.ARN)}, nil
		})}},
	}}
}

// ask calls one operation by each protocol and gives who was seen.
func ask(t *testing.T, url string, key awssdk.CredentialsProvider) map[string]func() (string, error) {
	t.Helper()
	once := awssdk.NopRetryer{}
	k := kinesis.New(kinesis.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: key, Retryer: once})
	n := sns.New(sns.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: key, Retryer: once})
	l := lambda.New(lambda.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: key, Retryer: once})
	d := dynamodb.New(dynamodb.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: key, Retryer: once})
	return map[string]func() (string, error){
		"kinesis": func() (string, error) {
			out, err := k.ListStreams(t.Context(), &kinesis.ListStreamsInput{})
			if err != nil {
				return "", err
			}
			return out.StreamNames[0], nil
		},
		"sns": func() (string, error) {
			out, err := n.ListTopics(t.Context(), &sns.ListTopicsInput{})
			if err != nil {
				return "", err
			}
			return *out.NextToken, nil
		},
		"lambda": func() (string, error) {
			out, err := l.ListFunctions(t.Context(), &lambda.ListFunctionsInput{})
			if err != nil {
				return "", err
			}
			return *out.NextMarker, nil
		},
		"dynamodb": func() (string, error) {
			out, err := d.ListTables(t.Context(), &dynamodb.ListTablesInput{})
			if err != nil {
				return "", err
			}
			return out.TableNames[0], nil
		},
	}
}

func TestKnownKeysAreVerifiedAndAttributedInEveryMode(t *testing.T) {
	t.Parallel()
	for _, verify := range []bool{false, true} {
		url := start(t, doors(verify))
		for name, c := range map[string]struct {
			id, secret, token string
			want              string            // the caller
			codes             map[string]string // by service, of the refusal
		}{
			"a user":              {"AKIDUSER", "user-secret", "", "arn:aws:iam::222222222222:user/u", nil},
			"a role":              {"ASIALEAT01", "temp-secret", "the-token", role.ARN, nil},
			"a wrong secret":      {"AKIDUSER", "wrong", "", "", map[string]string{"kinesis": "InvalidSignatureException", "sns": "SignatureDoesNotMatch", "lambda": "InvalidSignatureException", "dynamodb": "InvalidSignatureException"}},
			"a role's wrong key":  {"ASIALEAT01", "wrong", "the-token", "", map[string]string{"kinesis": "InvalidSignatureException", "sns": "SignatureDoesNotMatch", "lambda": "InvalidSignatureException", "dynamodb": "InvalidSignatureException"}},
			"another token":       {"ASIALEAT01", "temp-secret", "other", "", map[string]string{"kinesis": "UnrecognizedClientException", "sns": "InvalidClientTokenId", "lambda": "UnrecognizedClientException", "dynamodb": "UnrecognizedClientException"}},
			"no token":            {"ASIALEAT01", "temp-secret", "", "", map[string]string{"kinesis": "UnrecognizedClientException", "sns": "InvalidClientTokenId", "lambda": "UnrecognizedClientException", "dynamodb": "UnrecognizedClientException"}},
			"an expired key":      {"ASIALEAT02", "temp-secret", "the-token", "", map[string]string{"kinesis": "ExpiredTokenException", "sns": "ExpiredToken", "lambda": "ExpiredTokenException", "dynamodb": "ExpiredTokenException"}},
			"a forgotten key":     {"ASIALEAT99", "temp-secret", "the-token", "", map[string]string{"kinesis": "UnrecognizedClientException", "sns": "InvalidClientTokenId", "lambda": "UnrecognizedClientException", "dynamodb": "UnrecognizedClientException"}},
			"a key of nobody":     {"AKIDOTHER", "x", "", "arn:aws:iam::000000000000:root", map[string]string{"kinesis": "UnrecognizedClientException", "sns": "InvalidClientTokenId", "lambda": "UnrecognizedClientException", "dynamodb": "UnrecognizedClientException"}},
			"an account as a key": {"333333333333", "x", "", "arn:aws:iam::333333333333:root", map[string]string{"kinesis": "UnrecognizedClientException", "sns": "InvalidClientTokenId", "lambda": "UnrecognizedClientException", "dynamodb": "UnrecognizedClientException"}},
		} {
			want := c.want
			if verify && c.codes != nil {
				want = ""
			}
			for service, f := range ask(t, url, credentials.NewStaticCredentialsProvider(c.id, c.secret, c.token)) {
				who, err := f()
				var api smithy.APIError
				switch {
				case want != "" && who != want:
					t.Errorf("verify %v, %s, %s: seen as %q, %v", verify, name, service, who, err)
				case want == "" && (!errors.As(err, &api) || api.ErrorCode() != c.codes[service]):
					t.Errorf("verify %v, %s, %s: got %v, want %s", verify, name, service, err, c.codes[service])
				}
			}
		}
	}
}

func TestSignaturesHoldOverHTTP2(t *testing.T) {
	t.Parallel()
	url := start(t, doors(true))
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: &p}
	defer tr.CloseIdleConnections()
	for secret, want := range map[string]bool{"user-secret": true, "wrong": false} {
		k := kinesis.New(kinesis.Options{Region: "us-east-1", BaseEndpoint: &url, HTTPClient: &http.Client{Transport: tr}, Credentials: credentials.NewStaticCredentialsProvider("AKIDUSER", secret, "")})
		if _, err := k.ListStreams(t.Context(), &kinesis.ListStreamsInput{}); (err == nil) != want {
			t.Errorf("%s: %v", secret, err)
		}
	}
}

func TestUnsignedCallsNeedAnOpenDoor(t *testing.T) {
	t.Parallel()
	c := jsonCall("Kinesis_20131202.ListStreams", "{}")
	open, closed := newServer(t, doors(false)), newServer(t, doors(true))
	if w := c.do(t, open); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := c.do(t, closed); w.Code != 400 || !strings.Contains(w.Body.String(), `{"__type":"MissingAuthenticationTokenException","message":"Request is missing Authentication Token"}`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	c.header["Authorization"] = "AWS4-HMAC-SHA256 Credential=AKIDOTHER/20260101/us-east-1/kinesis/aws4_request"
	if w := c.do(t, closed); w.Code != 400 || !strings.Contains(w.Body.String(), "IncompleteSignatureException") || !strings.Contains(w.Body.String(), "requires 'Signature' parameter") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	web := call{method: "POST", target: "/", body: "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn:aws:iam::000000000000:role/rr&RoleSessionName=ss&WebIdentityToken=tttt",
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}
	if w := web.do(t, closed); w.Code != 200 {
		t.Errorf("an operation that AWS takes unsigned: %d %s", w.Code, w.Body)
	}
}

func TestASignatureForOneServiceOpensNoOther(t *testing.T) {
	t.Parallel()
	s := newServer(t, doors(true))
	r := httptest.NewRequest("POST", "http://localhost/", strings.NewReader("{}"))
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810.ListTables")
	user := awssdk.Credentials{AccessKeyID: "AKIDUSER", SecretAccessKey: "user-secret"}
	if err := v4.NewSigner().SignHTTP(t.Context(), user, r, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "kinesis", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "Credential should be scoped to correct service: 'dynamodb'.") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// objects is a room that keeps what is put into it.
type objects struct {
	s    *wire.Server
	body []byte
	err  error
	v    *wire.Visit
	arn  string
}

func (o *objects) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, v, err := o.s.Authenticate(r, "s3")
	o.v, o.err, o.body = v, err, nil
	if err == nil {
		o.arn = aws.RequestFrom(ctx).Caller.ARN
		o.body, o.err = io.ReadAll(v.Body)
	}
	if e, ok := aws.AsError(o.err); ok {
		w.WriteHeader(e.HTTPStatus())
	}
}

func TestRoomsAuthenticateObjectsAndDecodeTheirBodies(t *testing.T) {
	t.Parallel()
	for _, verify := range []bool{false, true} {
		s := newServer(t, doors(verify))
		room := &objects{s: s}
		s.HandleHTTP(func(*http.Request) bool { return true }, room)
		hs := httptest.NewServer(s)
		put := func(id, secret string, body io.Reader) {
			c := s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &hs.URL, UsePathStyle: true, Retryer: awssdk.NopRetryer{}, Credentials: credentials.NewStaticCredentialsProvider(id, secret, "")})
			_, _ = c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: awssdk.String("b"), Key: awssdk.String("a key/é+*.txt"), Body: body})
		}
		payload := bytes.Repeat([]byte("0123456789"), 20000)
		put("AKIDUSER", "user-secret", bytes.NewReader(payload))
		if !bytes.Equal(room.body, payload) || room.err != nil || room.arn != "arn:aws:iam::222222222222:user/u" {
			t.Errorf("verify %v: %d bytes, %v, %s", verify, len(room.body), room.err, room.arn)
		}
		put("AKIDUSER", "wrong", bytes.NewReader(payload))
		if !aws.IsCode(room.err, "SignatureDoesNotMatch") {
			t.Errorf("verify %v: %v", verify, room.err)
		}
		put("ASIALEAT99", "x", bytes.NewReader(payload))
		if !aws.IsCode(room.err, "InvalidAccessKeyId") {
			t.Errorf("verify %v: %v", verify, room.err)
		}
		put("AKIDOTHER", "x", bytes.NewReader(payload))
		if verify != aws.IsCode(room.err, "InvalidAccessKeyId") || verify != (room.body == nil) {
			t.Errorf("verify %v: %d bytes, %v", verify, len(room.body), room.err)
		}
		res, err := http.Get(hs.URL + "/b/k")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if verify != errors.Is(room.err, wire.ErrUnsigned) || room.v == nil || room.v.Signed {
			t.Errorf("verify %v, unsigned: %v", verify, room.err)
		}
		hs.Close()
	}
}

func TestRoomsOfOtherServicesHoldTheWholeBodyToItsSignature(t *testing.T) {
	t.Parallel()
	s := newServer(t, doors(true))
	user := awssdk.Credentials{AccessKeyID: "AKIDUSER", SecretAccessKey: "user-secret"}
	for _, sent := range []string{"payload", "another"} {
		r := httptest.NewRequest("POST", "http://fn.localhost/path", strings.NewReader(sent))
		if err := v4.NewSigner().SignHTTP(t.Context(), user, r, sigv4.HashPayload([]byte("payload")), "lambda", "us-east-1", time.Now()); err != nil {
			t.Fatal(err)
		}
		_, v, err := s.Authenticate(r, "lambda")
		if sent == "another" {
			if !aws.IsCode(err, "SignatureDoesNotMatch") {
				t.Error(err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(v.Body); string(got) != sent || err != nil || v.Trailer() != nil || v.Request.Caller.Account != "222222222222" {
			t.Errorf("%q %v %+v", got, err, v.Request)
		}
	}
}

func TestPresignedObjectsAreReadUntilTheyExpire(t *testing.T) {
	t.Parallel()
	at := time.Now()
	opts := doors(true)
	opts.Now = func() time.Time { return at }
	s := newServer(t, opts)
	room := &objects{s: s}
	s.HandleHTTP(func(*http.Request) bool { return true }, room)
	hs := httptest.NewServer(s)
	defer hs.Close()
	c := s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &hs.URL, UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider("ASIALEAT01", "temp-secret", "the-token")})
	signed, err := s3.NewPresignClient(c).PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: awssdk.String("b"), Key: awssdk.String("a key/é+.txt")}, s3.WithPresignExpires(10*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	get := func(url string) error {
		res, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return room.err
	}
	if err := get(signed.URL); err != nil || room.arn != role.ARN {
		t.Error(err, room.arn)
	}
	if err := get(strings.Replace(signed.URL, "a%20key", "b%20key", 1)); !aws.IsCode(err, "SignatureDoesNotMatch") {
		t.Error(err)
	}
	if err := get(signed.URL + "&acl="); !aws.IsCode(err, "SignatureDoesNotMatch") {
		t.Error(err)
	}
	at = at.Add(11 * time.Minute)
	if err := get(signed.URL); !aws.IsCode(err, "AccessDenied") || !strings.Contains(err.Error(), "Request has expired") {
		t.Error(err)
	}
}

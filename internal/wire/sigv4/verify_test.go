package sigv4_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/leatdev/leat/internal/wire/sigv4"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

const (
	keyID  = "AKIDEXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// arrive turns a client's request into what a server's net/http makes of it.
func arrive(t testing.TB, r *http.Request, body []byte) *http.Request {
	t.Helper()
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatalf("%v in %q", err, wire.String())
	}
	return got
}

func check(r *http.Request, body []byte, rules sigv4.Rules, sec sigv4.Secret) error {
	s, err := sigv4.Parse(r)
	if err != nil {
		return err
	}
	if s.AccessKeyID != keyID {
		return errors.New("unknown key")
	}
	if rules.Now.IsZero() {
		rules.Now = now
	}
	if rules.Service == "" {
		rules.Service = "kinesis"
	}
	return sigv4.NewVerifier(5*time.Minute).Verify(r, s, sigv4.HashPayload(body), sec, rules)
}

var creds = aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}

func sign(t testing.TB, r *http.Request, body []byte, c aws.Credentials, at time.Time, opts ...func(*v4.SignerOptions)) {
	t.Helper()
	err := v4.NewSigner().SignHTTP(context.Background(), c, r, sigv4.HashPayload(body), "kinesis", "eu-west-1", at, opts...)
	if err != nil {
		t.Fatal(err)
	}
}

// alphabet holds what clients put in paths, queries and headers, and what
// trips encoders.
const alphabet = "abzAZ019-_.~ !*'()/:;,?&=+%@$#\"<>[]{}|\\^`\té€😀"

func text(r *rand.Rand, n int) string {
	runes := []rune(alphabet)
	var b strings.Builder
	for range r.IntN(n + 1) {
		b.WriteRune(runes[r.IntN(len(runes))])
	}
	return b.String()
}

func randomRequest(t testing.TB, r *rand.Rand) (*http.Request, []byte) {
	t.Helper()
	u := url.URL{Scheme: "http", Host: "127.0.0.1:" + strconv.Itoa(1+r.IntN(60000)), Path: "/" + text(r, 8)}
	u.RawPath = "/" + url.PathEscape(u.Path[1:])
	if r.IntN(2) == 0 {
		u.RawPath = ""
	}
	q := url.Values{}
	for range r.IntN(4) {
		q.Add(text(r, 5), text(r, 8))
	}
	u.RawQuery = q.Encode()
	body := []byte(text(r, 40))
	method := []string{"GET", "POST", "PUT", "DELETE", "PATCH"}[r.IntN(5)]
	req, err := http.NewRequest(method, u.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = int64(len(body))
	for range r.IntN(5) {
		name := []string{"X-Amz-Target", "Content-Type", "X-Amz-Foo", "Amz-Sdk-Request", "X-Custom"}[r.IntN(5)]
		value := strings.Map(func(c rune) rune {
			if c == '\t' || c > 126 {
				return ' '
			}
			return c
		}, text(r, 12))
		req.Header.Add(name, strings.TrimSpace(value))
	}
	return req, body
}

func TestVerifierAgreesWithTheSDKsSigner(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 7))
		req, body := randomRequest(t, r)
		raw := r.IntN(2) == 0
		c := creds
		if r.IntN(2) == 0 {
			c.SessionToken = "token/+=" + strconv.Itoa(r.IntN(99))
		}
		at := now.Add(time.Duration(r.IntN(599)-299) * time.Second)
		sign(t, req, body, c, at, func(o *v4.SignerOptions) { o.DisableURIPathEscaping = raw })
		got := arrive(t, req, body)
		if err := check(got, body, sigv4.Rules{RawPath: raw}, sigv4.Secret{Key: secret, Token: c.SessionToken}); err != nil {
			t.Fatalf("seed %d: %v\n%s %s\n%v", seed, err, got.Method, got.RequestURI, got.Header)
		}
		if err := check(got, append(body, '!'), sigv4.Rules{RawPath: raw}, sigv4.Secret{Key: secret, Token: c.SessionToken}); err == nil {
			t.Fatalf("seed %d: another body was accepted", seed)
		}
	}
}

func TestVerifierAgreesWithTheSDKsPresigner(t *testing.T) {
	t.Parallel()
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 9))
		req, _ := randomRequest(t, r)
		req.Header = http.Header{}
		req.ContentLength = 0
		q := req.URL.Query()
		q.Set("X-Amz-Expires", "900")
		req.URL.RawQuery = q.Encode()
		c := creds
		if r.IntN(2) == 0 {
			c.SessionToken = "to ken/+="
		}
		signed, _, err := v4.NewSigner().PresignHTTP(context.Background(), c, req, sigv4.HashPayload(nil), "kinesis", "eu-west-1", now)
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := http.NewRequest(req.Method, signed, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := arrive(t, fresh, nil)
		for _, later := range []time.Duration{0, 14 * time.Minute} {
			if err := check(got, nil, sigv4.Rules{Now: now.Add(later)}, sigv4.Secret{Key: secret, Token: c.SessionToken}); err != nil {
				t.Fatalf("seed %d, %v later: %v\n%s", seed, later, err, got.RequestURI)
			}
		}
		if err := check(got, nil, sigv4.Rules{Now: now.Add(16 * time.Minute)}, sigv4.Secret{Key: secret, Token: c.SessionToken}); err == nil {
			t.Fatalf("seed %d: accepted after it expired", seed)
		}
	}
}

// kinesisCall is an ordinary call, signed.
func kinesisCall(t testing.TB, c aws.Credentials) (*http.Request, []byte) {
	t.Helper()
	body := []byte(`{"StreamName":"orders","PartitionKey":"k","Data":"aGVsbG8="}`)
	req, err := http.NewRequest("POST", "http://localhost:4567/some/path?b=2&a=1&a=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = int64(len(body))
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecord")
	req.Header.Set("X-Amz-Content-Sha256", sigv4.HashPayload(body))
	req.Header.Set("Amz-Sdk-Invocation-Id", "11111111-2222-3333-4444-555555555555")
	sign(t, req, body, c, now)
	return arrive(t, req, body), body
}

type attempt struct {
	name string
	do   func(r *http.Request, body *[]byte, rules *sigv4.Rules, sec *sigv4.Secret)
}

func edit(name string, f func(r *http.Request)) attempt {
	return attempt{name, func(r *http.Request, _ *[]byte, _ *sigv4.Rules, _ *sigv4.Secret) { f(r) }}
}

func auth(from, to string) attempt {
	return edit("authorization "+from+" becomes "+to, func(r *http.Request) {
		old := r.Header.Get("Authorization")
		altered := strings.Replace(old, from, to, 1)
		if altered == old {
			panic("the attempt changes nothing: " + from)
		}
		r.Header.Set("Authorization", altered)
	})
}

func target(uri string) attempt {
	return edit("request target "+uri, func(r *http.Request) {
		r.RequestURI = uri
		u, err := url.ParseRequestURI(uri)
		if err != nil {
			panic(err)
		}
		r.URL = u
	})
}

func attempts() []attempt {
	all := []attempt{
		{"another body", func(_ *http.Request, b *[]byte, _ *sigv4.Rules, _ *sigv4.Secret) { *b = append(*b, ' ') }},
		{"an empty body", func(_ *http.Request, b *[]byte, _ *sigv4.Rules, _ *sigv4.Secret) { *b = nil }},
		{"one bit of the body", func(_ *http.Request, b *[]byte, _ *sigv4.Rules, _ *sigv4.Secret) { (*b)[3] ^= 1 }},
		{"another secret", func(_ *http.Request, _ *[]byte, _ *sigv4.Rules, s *sigv4.Secret) { s.Key += "x" }},
		{"an empty secret", func(_ *http.Request, _ *[]byte, _ *sigv4.Rules, s *sigv4.Secret) { s.Key = "" }},
		{"a key that wants a token", func(_ *http.Request, _ *[]byte, _ *sigv4.Rules, s *sigv4.Secret) { s.Token = "t" }},
		{"a key that has expired", func(_ *http.Request, _ *[]byte, _ *sigv4.Rules, s *sigv4.Secret) { s.Expires = now.Add(-time.Second) }},
		{"a key that expires now", func(_ *http.Request, _ *[]byte, _ *sigv4.Rules, s *sigv4.Secret) { s.Expires = now }},
		{"another service's door", func(_ *http.Request, _ *[]byte, u *sigv4.Rules, _ *sigv4.Secret) { u.Service = "dynamodb" }},
		{"no service's door", func(_ *http.Request, _ *[]byte, u *sigv4.Rules, _ *sigv4.Secret) { u.Service = "kinesi" }},
	}
	for _, d := range []time.Duration{5*time.Minute + time.Second, time.Hour, 24 * time.Hour, 365 * 24 * time.Hour} {
		all = append(all,
			attempt{fmt.Sprint("replayed ", d, " later"), func(_ *http.Request, _ *[]byte, u *sigv4.Rules, _ *sigv4.Secret) { u.Now = now.Add(d) }},
			attempt{fmt.Sprint("sent ", d, " early"), func(_ *http.Request, _ *[]byte, u *sigv4.Rules, _ *sigv4.Secret) { u.Now = now.Add(-d) }})
	}
	for _, m := range []string{"GET", "PUT", "DELETE", "post", "OPTIONS"} {
		all = append(all, edit("method "+m, func(r *http.Request) { r.Method = m }))
	}
	for _, uri := range []string{
		"/", "/some", "/some/path", "/some/path/?b=2&a=1&a=0", "//some/path?b=2&a=1&a=0", "/some/../some/path?b=2&a=1&a=0", "/some/./path?b=2&a=1&a=0",
		"/some%2Fpath?b=2&a=1&a=0", "/some/pat%68?b=2&a=1&a=0", "/Some/path?b=2&a=1&a=0", "/some/path?b=2&a=1", "/some/path?b=2&a=1&a=0&a=0", "/some/path?b=2&a=1&a=0&c=",
		"/some/path?b=2&a=1&a=00", "/some/path?B=2&a=1&a=0", "/some/path?a=2&b=1&a=0", "/some/path?b=2&a=1&a=0&X-Amz-Signature=00", "/some/path?b=2&a=1&a=%30%30",
		"/some/path?b=%zz&a=1&a=0", "/some/path?b=2%&a=1&a=0",
	} {
		all = append(all, target(uri))
	}
	all = append(all, edit("host", func(r *http.Request) { r.Host = "localhost:4568" }), edit("host without its port", func(r *http.Request) { r.Host = "localhost" }),
		edit("no host", func(r *http.Request) { r.Host = "" }))
	for _, h := range []string{"Content-Type", "X-Amz-Target", "X-Amz-Content-Sha256", "X-Amz-Date", "Amz-Sdk-Invocation-Id", "Content-Length"} {
		all = append(all,
			edit(h+" altered", func(r *http.Request) { r.Header.Set(h, r.Header.Get(h)+"1") }),
			edit(h+" emptied", func(r *http.Request) { r.Header[h] = []string{""} }),
			edit(h+" sent twice", func(r *http.Request) { r.Header[h] = []string{r.Header.Get(h), r.Header.Get(h)} }),
			edit(h+" sent twice, first another", func(r *http.Request) { r.Header[h] = []string{"evil", r.Header.Get(h)} }))
		if h != "Content-Length" {
			all = append(all, edit(h+" removed", func(r *http.Request) { r.Header.Del(h) }))
		}
	}
	for _, h := range []string{"X-Amz-Security-Token", "X-Amz-Extra", "X-Amz-Acl", "X-Amz-Meta-A"} {
		all = append(all, edit(h+" added unsigned", func(r *http.Request) { r.Header.Set(h, "v") }), edit(h+" added unsigned and empty", func(r *http.Request) { r.Header[h] = []string{""} }))
	}
	all = append(all,
		edit("no authorization", func(r *http.Request) { r.Header.Del("Authorization") }),
		edit("an empty authorization", func(r *http.Request) { r.Header.Set("Authorization", "") }),
		edit("two authorizations", func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }),
		edit("only the algorithm", func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256") }),
		edit("another scheme", func(r *http.Request) { r.Header.Set("Authorization", "Bearer abc") }),
		edit("basic", func(r *http.Request) { r.Header.Set("Authorization", "Basic QUtJRDpTRUNSRVQ=") }),
		edit("version 2", func(r *http.Request) { r.Header.Set("Authorization", "AWS AKIDEXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=") }),
		edit("an endless header", func(r *http.Request) {
			r.Header.Set("Authorization", r.Header.Get("Authorization")+strings.Repeat(",a=b", 9000))
		}),
		auth("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), auth("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), auth("AWS4-HMAC-SHA256", "aws4-hmac-sha256"),
		auth("Credential=", "credential="), auth("Credential=AKIDEXAMPLE", "Credential="), auth("AKIDEXAMPLE", "AKIDEXAMPLE/x"), auth("AKIDEXAMPLE", "AKIDEXAMPLF"),
		auth("20260304", "20260305"), auth("20260304", "20260303"), auth("20260304", ""), auth("20260304", "2026-03-04"),
		auth("eu-west-1", "us-east-1"), auth("eu-west-1", ""), auth("eu-west-1", "EU-WEST-1"), auth("kinesis", "dynamodb"), auth("kinesis", ""), auth("kinesis", "Kinesis"),
		auth("aws4_request", "aws4"), auth("/aws4_request", ""), auth("aws4_request", "aws4_request/"),
		auth("SignedHeaders=", "signedheaders="), auth("SignedHeaders=", "SignedHeaders=a;"), auth(";host", ""), auth("host;x-amz-content-sha256", "x-amz-content-sha256;host"),
		auth(";x-amz-date", ""), auth(";x-amz-target", ""), auth(";x-amz-content-sha256", ""), auth("content-type;", ""), auth("content-length;", ""),
		auth("host", "Host"), auth("host", "host;host"), auth("x-amz-target", "x-amz-target;"), auth("x-amz-target", "x-amz-target;zzz"), auth("amz-sdk-invocation-id;", "amz-sdk-invocation-id;aaa;"),
		auth("Signature=", "signature="), auth("Signature=", "Signature=0"), auth("Signature=", "Signature=,X="), auth("Signature=", "Signature="+strings.Repeat("0", 64)+",Signature="),
		edit("a truncated signature", func(r *http.Request) {
			a := r.Header.Get("Authorization")
			r.Header.Set("Authorization", a[:len(a)-1])
		}),
		edit("a longer signature", func(r *http.Request) { r.Header.Set("Authorization", r.Header.Get("Authorization")+"0") }),
		edit("an upper-case signature", func(r *http.Request) {
			a := r.Header.Get("Authorization")
			i := strings.Index(a, "Signature=") + len("Signature=")
			r.Header.Set("Authorization", a[:i]+strings.ToUpper(a[i:]))
		}),
		edit("no date at all", func(r *http.Request) { r.Header.Del("X-Amz-Date"); r.Header.Del("Date") }),
		edit("a date in another format", func(r *http.Request) { r.Header.Set("X-Amz-Date", "2026-03-04T05:06:07Z") }),
		edit("a date without its zone", func(r *http.Request) { r.Header.Set("X-Amz-Date", "20260304T050607") }),
		edit("an impossible date", func(r *http.Request) { r.Header.Set("X-Amz-Date", "20261304T050607Z") }),
		edit("the date header instead", func(r *http.Request) {
			r.Header.Del("X-Amz-Date")
			r.Header.Set("Date", now.Format(http.TimeFormat))
		}),
	)
	for i := range signatureDigits {
		all = append(all, edit(fmt.Sprintf("digit %d of the signature", i), func(r *http.Request) {
			a := []byte(r.Header.Get("Authorization"))
			at := len(a) - signatureDigits + i
			if a[at] == '0' {
				a[at] = '1'
			} else {
				a[at] = '0'
			}
			r.Header.Set("Authorization", string(a))
		}))
	}
	return all
}

const signatureDigits = 64

func TestNoAlteredRequestIsAccepted(t *testing.T) {
	t.Parallel()
	list := attempts()
	if len(list) < 100 {
		t.Fatalf("only %d attempts", len(list))
	}
	for _, a := range list {
		r, body := kinesisCall(t, creds)
		if err := check(r, body, sigv4.Rules{}, sigv4.Secret{Key: secret}); err != nil {
			t.Fatalf("the unaltered request is refused: %v", err)
		}
		rules, sec := sigv4.Rules{}, sigv4.Secret{Key: secret}
		a.do(r, &body, &rules, &sec)
		err := check(r, body, rules, sec)
		if err == nil {
			t.Errorf("accepted: %s", a.name)
			continue
		}
		var refused *sigv4.Error
		if !errors.As(err, &refused) && !strings.Contains(err.Error(), "unknown key") {
			t.Errorf("%s: error %v is no refusal", a.name, err)
		}
	}
}

func TestTemporaryKeysNeedTheirToken(t *testing.T) {
	t.Parallel()
	c := creds
	c.SessionToken = "the-token"
	right := sigv4.Secret{Key: secret, Token: "the-token"}
	r, body := kinesisCall(t, c)
	if err := check(r, body, sigv4.Rules{}, right); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(){
		"another token":   func() { r.Header.Set("X-Amz-Security-Token", "the-tokem") },
		"no token":        func() { r.Header.Del("X-Amz-Security-Token") },
		"a doubled token": func() { r.Header.Add("X-Amz-Security-Token", "the-token") },
	} {
		r, body = kinesisCall(t, c)
		change()
		if err := check(r, body, sigv4.Rules{}, right); err == nil {
			t.Errorf("accepted with %s", name)
		}
	}
	r, body = kinesisCall(t, creds)
	if err := check(r, body, sigv4.Rules{}, right); err == nil {
		t.Error("accepted when signed without the token")
	}
}

func TestRefusalsCarryAWSsTexts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		do         attempt
		code, text string
	}{
		{edit("", func(r *http.Request) { r.Header.Del("Authorization") }), "MissingAuthenticationToken", "Request is missing Authentication Token"},
		{edit("", func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=a") }), "IncompleteSignature",
			"Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization=AWS4-HMAC-SHA256 Credential=a"},
		{auth("kinesis", "sns"), "SignatureDoesNotMatch", "Credential should be scoped to correct service: 'kinesis'."},
		{attempt{"", func(_ *http.Request, _ *[]byte, u *sigv4.Rules, _ *sigv4.Secret) { u.Now = now.Add(10 * time.Minute) }}, "SignatureDoesNotMatch",
			"Signature expired: 20260304T050607Z is now earlier than 20260304T051107Z (20260304T051607Z - 5 min.)"},
		{attempt{"", func(_ *http.Request, _ *[]byte, u *sigv4.Rules, _ *sigv4.Secret) { u.Now = now.Add(-10 * time.Minute) }}, "SignatureDoesNotMatch",
			"Signature not yet current: 20260304T050607Z is still later than 20260304T050107Z (20260304T045607Z + 5 min.)"},
		{attempt{"", func(_ *http.Request, _ *[]byte, _ *sigv4.Rules, s *sigv4.Secret) { s.Expires = now }}, "ExpiredToken", "The security token included in the request is expired"},
	} {
		r, body := kinesisCall(t, creds)
		rules, sec := sigv4.Rules{}, sigv4.Secret{Key: secret}
		c.do.do(r, &body, &rules, &sec)
		var refused *sigv4.Error
		if err := check(r, body, rules, sec); !errors.As(err, &refused) || refused.Code != c.code || refused.Message != c.text {
			t.Errorf("got %v, want %s: %s", err, c.code, c.text)
		}
	}
}

func FuzzParse(f *testing.F) {
	r, _ := kinesisCall(f, creds)
	f.Add(r.Header.Get("Authorization"), r.Header.Get("X-Amz-Date"), "a=b")
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=00", "20260304T050607Z", "")
	f.Add("", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2Fb%2Fc%2Fd%2Faws4_request&X-Amz-Date=20260304T050607Z&X-Amz-Expires=9&X-Amz-SignedHeaders=host&X-Amz-Signature=0")
	f.Fuzz(func(t *testing.T, authorization, date, query string) {
		r := &http.Request{Method: "POST", Host: "h", URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{"Authorization": {authorization}, "X-Amz-Date": {date}}}
		if authorization == "" {
			r.Header.Del("Authorization")
		}
		sigv4.ParseScope(r)
		if err := check(r, nil, sigv4.Rules{}, sigv4.Secret{Key: secret}); err == nil {
			t.Errorf("accepted %q %q %q", authorization, date, query)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	r, body := kinesisCall(b, creds)
	body = append(body, make([]byte, 1400)...)
	r.Header.Set("X-Amz-Content-Sha256", sigv4.HashPayload(body))
	req, _ := http.NewRequest("POST", "http://localhost:4567/", nil)
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecord")
	req.ContentLength = int64(len(body))
	sign(b, req, body, creds, now)
	r = arrive(b, req, body)
	v := sigv4.NewVerifier(5 * time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		s, err := sigv4.Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := v.Verify(r, s, sigv4.HashPayload(body), sigv4.Secret{Key: secret}, sigv4.Rules{Service: "kinesis", Now: now}); err != nil {
			b.Fatal(err)
		}
	}
}

package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/policy"
)

const (
	table  = "arn:aws:dynamodb:us-east-1:000000000000:table/payments"
	queue  = "arn:aws:sqs:us-east-1:000000000000:orders"
	role   = "arn:aws:iam::000000000000:role/app"
	caller = "arn:aws:sts::000000000000:assumed-role/app/i-1"
)

func parse(t *testing.T, text string) *policy.Document {
	t.Helper()
	doc, err := policy.Parse(text)
	if err != nil {
		t.Fatalf("Parse(%s): %v", text, err)
	}
	return doc
}

// statements makes a document of statements written without their braces.
func statements(list ...string) string {
	return `{"Version":"2012-10-17","Statement":[{` + strings.Join(list, "},{") + `}]}`
}

func TestIdentityPolicies(t *testing.T) {
	t.Parallel()
	const (
		allowPut = `"Effect":"Allow","Action":"dynamodb:PutItem","Resource":"` + table + `"`
		denyPut  = `"Effect":"Deny","Action":"dynamodb:PutItem","Resource":"*"`
	)
	cases := []struct {
		name, doc, action, resource string
		want                        policy.Decision
	}{
		{"an allowed action on the named resource is allowed", statements(allowPut), "dynamodb:PutItem", table, policy.Allow},
		{"another action is denied", statements(allowPut), "dynamodb:GetItem", table, policy.ImplicitDeny},
		{"another resource is denied", statements(allowPut), "dynamodb:PutItem", table + "2", policy.ImplicitDeny},
		{"actions are matched without regard to case", statements(allowPut), "DynamoDB:putitem", table, policy.Allow},
		{"resources are matched with regard to case", statements(allowPut), "dynamodb:PutItem", strings.ToUpper(table), policy.ImplicitDeny},
		{"an explicit deny wins over an allow before it", statements(allowPut, denyPut), "dynamodb:PutItem", table, policy.ExplicitDeny},
		{"an explicit deny wins over an allow behind it", statements(denyPut, allowPut), "dynamodb:PutItem", table, policy.ExplicitDeny},
		{"a star allows every action", statements(`"Effect":"Allow","Action":"*","Resource":"*"`), "sqs:SendMessage", queue, policy.Allow},
		{"a service star allows the service's actions", statements(`"Effect":"Allow","Action":"sqs:*","Resource":"*"`), "sqs:SendMessage", queue, policy.Allow},
		{"a service star allows no other service", statements(`"Effect":"Allow","Action":"sqs:*","Resource":"*"`), "sns:Publish", queue, policy.ImplicitDeny},
		{"a prefix star matches", statements(`"Effect":"Allow","Action":"sqs:Send*","Resource":"*"`), "sqs:SendMessage", queue, policy.Allow},
		{"a prefix star does not match a shorter name", statements(`"Effect":"Allow","Action":"sqs:SendMessageX*","Resource":"*"`), "sqs:SendMessage", queue, policy.ImplicitDeny},
		{"a question mark stands for one character", statements(`"Effect":"Allow","Action":"sqs:SendMessag?","Resource":"*"`), "sqs:SendMessage", queue, policy.Allow},
		{"a question mark does not stand for none", statements(`"Effect":"Allow","Action":"sqs:SendMessage?","Resource":"*"`), "sqs:SendMessage", queue, policy.ImplicitDeny},
		{"a list of actions allows each", statements(`"Effect":"Allow","Action":["a:B","sqs:SendMessage"],"Resource":"*"`), "sqs:SendMessage", queue, policy.Allow},
		{"a list of resources allows each", statements(`"Effect":"Allow","Action":"sqs:SendMessage","Resource":["x","` + queue + `"]`), "sqs:SendMessage", queue, policy.Allow},
		{"a resource star crosses colons and slashes", statements(`"Effect":"Allow","Action":"*","Resource":"arn:aws:dynamodb:*"`), "dynamodb:GetItem", table, policy.Allow},
		{"an index is not its table", statements(allowPut), "dynamodb:PutItem", table + "/index/x", policy.ImplicitDeny},
		{"NotAction allows all others", statements(`"Effect":"Allow","NotAction":"iam:*","Resource":"*"`), "sqs:SendMessage", queue, policy.Allow},
		{"NotAction does not allow what it names", statements(`"Effect":"Allow","NotAction":"iam:*","Resource":"*"`), "iam:CreateUser", "*", policy.ImplicitDeny},
		{"NotResource allows all others", statements(`"Effect":"Allow","Action":"*","NotResource":"` + queue + `"`), "dynamodb:GetItem", table, policy.Allow},
		{"NotResource does not allow what it names", statements(`"Effect":"Allow","Action":"*","NotResource":"` + queue + `"`), "sqs:SendMessage", queue, policy.ImplicitDeny},
		{"Deny with NotAction denies all others", statements(`"Effect":"Allow","Action":"*","Resource":"*"`, `"Effect":"Deny","NotAction":"sqs:*","Resource":"*"`), "sns:Publish", queue, policy.ExplicitDeny},
		{"a policy variable is replaced", statements(`"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::home/${aws:username}/*"`), "s3:GetObject", "arn:aws:s3:::home/ann/x", policy.Allow},
		{"a policy variable is replaced by the caller's value only", statements(`"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::home/${aws:username}/*"`), "s3:GetObject", "arn:aws:s3:::home/bob/x", policy.ImplicitDeny},
		{"an unknown variable matches nothing", statements(`"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:nothing}*"`), "s3:GetObject", "arn:aws:s3:::x", policy.ImplicitDeny},
		{"a quoted star is a star", statements(`"Effect":"Allow","Action":"*","Resource":"a${*}"`), "s3:GetObject", "a*", policy.Allow},
		{"one statement may stand without a list", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, "a:b", "*", policy.Allow},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			req := &policy.Request{Action: c.action, Resource: c.resource, Principal: caller, RoleARN: role, Account: "000000000000",
				Context: map[string][]string{"aws:username": {"ann"}}}
			if got := policy.Identity(req, parse(t, c.doc)); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	context := map[string][]string{
		"aws:sourceip": {"10.1.2.3"}, "aws:username": {"ann"}, "aws:securetransport": {"true"}, "s3:max-keys": {"10"},
		"aws:currenttime": {"2026-06-01T12:00:00Z"}, "aws:tagkeys": {"team", "cost"}, "aws:sourcearn": {"arn:aws:sns:us-east-1:000000000000:topic"},
		"aws:epochtime": {"1780315200"}, "x:bin": {"aGVsbG8="},
	}
	cases := []struct {
		operator, key, value string
		want                 bool
	}{
		{"StringEquals", "aws:username", `"ann"`, true},
		{"StringEquals", "AWS:UserName", `"ann"`, true},
		{"StringEquals", "aws:username", `"Ann"`, false},
		{"StringEquals", "aws:username", `["bob","ann"]`, true},
		{"StringEquals", "aws:username", `["bob","eve"]`, false},
		{"StringEquals", "aws:missing", `"ann"`, false},
		{"StringEqualsIfExists", "aws:missing", `"ann"`, true},
		{"StringEqualsIfExists", "aws:username", `"bob"`, false},
		{"StringNotEquals", "aws:username", `"bob"`, true},
		{"StringNotEquals", "aws:username", `["bob","ann"]`, false},
		{"StringNotEquals", "aws:missing", `"bob"`, true},
		{"StringEqualsIgnoreCase", "aws:username", `"ANN"`, true},
		{"StringNotEqualsIgnoreCase", "aws:username", `"ANN"`, false},
		{"StringLike", "aws:username", `"a*"`, true},
		{"StringLike", "aws:username", `"?nn"`, true},
		{"StringLike", "aws:username", `"b*"`, false},
		{"StringNotLike", "aws:username", `"b*"`, true},
		{"StringNotLike", "aws:username", `"a*"`, false},
		{"NumericEquals", "s3:max-keys", `10`, true},
		{"NumericEquals", "s3:max-keys", `"10.0"`, true},
		{"NumericNotEquals", "s3:max-keys", `10`, false},
		{"NumericLessThan", "s3:max-keys", `"11"`, true},
		{"NumericLessThan", "s3:max-keys", `"10"`, false},
		{"NumericLessThanEquals", "s3:max-keys", `"10"`, true},
		{"NumericGreaterThan", "s3:max-keys", `"9"`, true},
		{"NumericGreaterThan", "s3:max-keys", `"10"`, false},
		{"NumericGreaterThanEquals", "s3:max-keys", `"10"`, true},
		{"NumericEquals", "aws:username", `"10"`, false},
		{"DateLessThan", "aws:currenttime", `"2026-06-02"`, true},
		{"DateLessThan", "aws:currenttime", `"2026-05-31T00:00:00Z"`, false},
		{"DateGreaterThan", "aws:currenttime", `"2026-05-31T00:00:00Z"`, true},
		{"DateGreaterThanEquals", "aws:currenttime", `"2026-06-01T12:00:00Z"`, true},
		{"DateLessThanEquals", "aws:currenttime", `"2026-06-01T12:00:00Z"`, true},
		{"DateEquals", "aws:epochtime", `"2026-06-01T12:00:00Z"`, true},
		{"DateNotEquals", "aws:currenttime", `"2026-06-01T12:00:00Z"`, false},
		{"DateEquals", "aws:username", `"2026-06-01T12:00:00Z"`, false},
		{"Bool", "aws:securetransport", `"true"`, true},
		{"Bool", "aws:securetransport", `true`, true},
		{"Bool", "aws:securetransport", `"false"`, false},
		{"BoolIfExists", "aws:missing", `"true"`, true},
		{"IpAddress", "aws:sourceip", `"10.0.0.0/8"`, true},
		{"IpAddress", "aws:sourceip", `"10.1.2.3"`, true},
		{"IpAddress", "aws:sourceip", `"192.168.0.0/16"`, false},
		{"IpAddress", "aws:sourceip", `"nonsense"`, false},
		{"NotIpAddress", "aws:sourceip", `"10.0.0.0/8"`, false},
		{"NotIpAddress", "aws:sourceip", `"192.168.0.0/16"`, true},
		{"ArnEquals", "aws:sourcearn", `"arn:aws:sns:us-east-1:000000000000:topic"`, true},
		{"ArnLike", "aws:sourcearn", `"arn:aws:sns:*:000000000000:*"`, true},
		{"ArnLike", "aws:sourcearn", `"arn:aws:sns:*:topic"`, false},
		{"ArnLike", "aws:sourcearn", `"arn:aws:sqs:*:*:*"`, false},
		{"ArnNotLike", "aws:sourcearn", `"arn:aws:sqs:*:*:*"`, true},
		{"ArnNotEquals", "aws:sourcearn", `"arn:aws:sns:us-east-1:000000000000:topic"`, false},
		{"BinaryEquals", "x:bin", `"aGVsbG8="`, true},
		{"BinaryEquals", "x:bin", `"aGVsbA=="`, false},
		{"Null", "aws:missing", `"true"`, true},
		{"Null", "aws:missing", `"false"`, false},
		{"Null", "aws:username", `"false"`, true},
		{"Null", "aws:username", `true`, false},
		{"ForAllValues:StringEquals", "aws:tagkeys", `["team","cost","x"]`, true},
		{"ForAllValues:StringEquals", "aws:tagkeys", `["team"]`, false},
		{"ForAllValues:StringEquals", "aws:missing", `["team"]`, true},
		{"ForAnyValue:StringEquals", "aws:tagkeys", `["team"]`, true},
		{"ForAnyValue:StringEquals", "aws:tagkeys", `["x"]`, false},
		{"ForAnyValue:StringEquals", "aws:missing", `["x"]`, false},
		{"ForAnyValue:StringNotEquals", "aws:tagkeys", `["team"]`, true},
		{"ForAllValues:StringNotEquals", "aws:tagkeys", `["x"]`, true},
		{"ForAllValues:StringNotEquals", "aws:tagkeys", `["team"]`, false},
		{"StringLike", "aws:username", `"${aws:username}"`, true},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s %s %s", c.operator, c.key, c.value), func(t *testing.T) {
			t.Parallel()
			doc := parse(t, statements(fmt.Sprintf(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{%q:{%q:%s}}`, c.operator, c.key, c.value)))
			got := policy.Identity(&policy.Request{Action: "a:b", Resource: "*", Context: context}, doc)
			if (got == policy.Allow) != c.want {
				t.Errorf("got %v, want allowed: %v", got, c.want)
			}
		})
	}
}

func TestAllConditionsMustHold(t *testing.T) {
	t.Parallel()
	doc := parse(t, statements(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"a":"1","b":"2"},"Bool":{"c":"true"}}`))
	all := map[string][]string{"a": {"1"}, "b": {"2"}, "c": {"true"}}
	if got := policy.Identity(&policy.Request{Action: "x:y", Resource: "*", Context: all}, doc); got != policy.Allow {
		t.Errorf("all hold: %v", got)
	}
	for _, missing := range []string{"a", "b", "c"} {
		some := map[string][]string{}
		for k, v := range all {
			if k != missing {
				some[k] = v
			}
		}
		if got := policy.Identity(&policy.Request{Action: "x:y", Resource: "*", Context: some}, doc); got != policy.ImplicitDeny {
			t.Errorf("without %s: %v", missing, got)
		}
	}
}

func TestResourcePoliciesNameTheirPrincipal(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, principal, service string
		want                     policy.Decision
	}{
		{"anyone", `"*"`, "", policy.Allow},
		{"any AWS principal", `{"AWS":"*"}`, "", policy.Allow},
		{"the role behind the session", `{"AWS":"` + role + `"}`, "", policy.Allow},
		{"the session itself", `{"AWS":"` + caller + `"}`, "", policy.Allow},
		{"the account", `{"AWS":"000000000000"}`, "", policy.Allow},
		{"the account's root", `{"AWS":"arn:aws:iam::000000000000:root"}`, "", policy.Allow},
		{"another role", `{"AWS":"arn:aws:iam::000000000000:role/other"}`, "", policy.ImplicitDeny},
		{"another account", `{"AWS":"111111111111"}`, "", policy.ImplicitDeny},
		{"a service, asked by a role", `{"Service":"sns.amazonaws.com"}`, "", policy.ImplicitDeny},
		{"a service, asked by it", `{"Service":"sns.amazonaws.com"}`, "sns.amazonaws.com", policy.Allow},
		{"a service, asked by another", `{"Service":"sns.amazonaws.com"}`, "events.amazonaws.com", policy.ImplicitDeny},
		{"an account, asked by a service", `{"AWS":"000000000000"}`, "sns.amazonaws.com", policy.ImplicitDeny},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			doc := parse(t, statements(`"Effect":"Allow","Principal":`+c.principal+`,"Action":"sqs:SendMessage","Resource":"`+queue+`"`))
			req := &policy.Request{Action: "sqs:SendMessage", Resource: queue, Principal: caller, RoleARN: role, Account: "000000000000", Service: c.service}
			if got := policy.Resource(req, doc); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	t.Run("a statement without a principal speaks of nobody", func(t *testing.T) {
		t.Parallel()
		doc := parse(t, statements(`"Effect":"Allow","Action":"*","Resource":"*"`))
		if got := policy.Resource(&policy.Request{Action: "a:b", Resource: "*"}, doc); got != policy.ImplicitDeny {
			t.Errorf("got %v", got)
		}
	})
	t.Run("NotPrincipal denies everyone else", func(t *testing.T) {
		t.Parallel()
		doc := parse(t, statements(`"Effect":"Deny","NotPrincipal":{"AWS":"`+role+`"},"Action":"*","Resource":"*"`))
		req := &policy.Request{Action: "a:b", Resource: "*", Principal: "arn:aws:iam::000000000000:user/x", Account: "000000000000"}
		if got := policy.Resource(req, doc); got != policy.ExplicitDeny {
			t.Errorf("got %v", got)
		}
	})
}

func TestMalformedDocumentsAreRefused(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		``, `{}`, `[]`, `nonsense`, `{"Statement":[]}`, `{"Statement":"x"}`,
		`{"Version":"2020-01-01","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`,
		`{"Statement":{"Effect":"Maybe","Action":"*","Resource":"*"}}`,
		`{"Statement":{"Action":"*","Resource":"*"}}`,
		`{"Statement":{"Effect":"Allow","Resource":"*"}}`,
		`{"Statement":{"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"}}`,
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","NotResource":"*"}}`,
		`{"Statement":{"Effect":"Allow","Action":"PutItem","Resource":"*"}}`,
		`{"Statement":{"Effect":"Allow","Action":5,"Resource":"*"}}`,
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Unknown":1}}`,
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":"bob"}}`,
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":{"Robot":"bob"}}}`,
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringWhatever":{"a":"b"}}}}`,
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"a":{}}}}}`,
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}} trailing`,
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"` + strings.Repeat("x", policy.MaxDocumentBytes) + `"}}`,
	} {
		if _, err := policy.Parse(doc); err == nil {
			t.Errorf("accepted %.100s", doc)
		}
	}
}

func TestWildcardTakesNoExponentialTime(t *testing.T) {
	t.Parallel()
	if policy.Wildcard(strings.Repeat("*a", 200)+"b", strings.Repeat("a", 5000)) {
		t.Error("matched")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(statements(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"a":["b",1,true]}}`))
	f.Add(`{"Statement":{"Effect":"Deny","NotAction":["a:b"],"NotResource":"x","Principal":{"AWS":["*"]}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := policy.Parse(text)
		if err != nil {
			return
		}
		req := &policy.Request{Action: "a:b", Resource: "arn:aws:x", Principal: caller, Account: "000000000000", Context: map[string][]string{"a": {"b"}}}
		policy.Identity(req, doc)
		policy.Resource(req, doc)
	})
}

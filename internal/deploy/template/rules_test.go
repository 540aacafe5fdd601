package template_test

import (
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/deploy/template"
)

// ruled checks parameters against rules.
func ruled(t *testing.T, rules string, given map[string]string) error {
	t.Helper()
	root, err := template.Load("t.yaml", []byte("Parameters: {Env: {Type: String, Default: dev}, Zones: {Type: CommaDelimitedList, Default: 'a, b'}, Size: {Type: Number, Default: 1}}\nResources: {A: {Type: T}}\nRules:\n"+rules))
	if err != nil {
		t.Fatal(err)
	}
	tpl, err := template.New(root)
	if err != nil {
		t.Fatal(err)
	}
	values, err := tpl.ResolveParameters(given)
	if err != nil {
		t.Fatal(err)
	}
	return (&template.Scope{Template: tpl, Parameters: values, Region: "eu-west-1"}).CheckRules()
}

func TestRulesHoldOfParametersOrSayWhichDoesNot(t *testing.T) {
	t.Parallel()
	const size = "  Big: {RuleCondition: !Equals [!Ref Env, prod], Assertions: [{Assert: {'Fn::Contains': [['2', '3'], !Ref Size]}, AssertDescription: prod is big}]}\n"
	const zones = "  Z: {Assertions: [{Assert: {'Fn::EachMemberIn': [!Ref Zones, [a, b, c]]}, AssertDescription: zones are a to c}, {Assert: !Not [{'Fn::EachMemberEquals': [!Ref Zones, a]}]}]}\n"
	for _, c := range []struct {
		rules string
		given map[string]string
		want  string
	}{
		{size, nil, ""},
		{size, map[string]string{"Env": "prod"}, "Rule Big: assertion failed: prod is big"},
		{size, map[string]string{"Env": "prod", "Size": "3"}, ""},
		{zones, nil, ""},
		{zones, map[string]string{"Zones": "a,d"}, "Rule Z: assertion failed: zones are a to c"},
		{zones, map[string]string{"Zones": "a,a"}, "Rule Z: assertion failed"},
		{"  R: {Assertions: [{Assert: !Or [!Equals [!Ref AWS::Region, us-east-1], !And [!Equals [!Ref Env, dev], !Equals [!Ref Size, 1]]]}]}\n", nil, ""},
		{"  R: {Assertions: [{Assert: !Or [!Equals [!Ref AWS::Region, us-east-1], !And [!Equals [!Ref Env, dev], !Equals [!Ref Size, 1]]]}]}\n", map[string]string{"Size": "2"}, "Rule R: assertion failed"},
	} {
		err := ruled(t, c.rules, c.given)
		if got := ""; err != nil && err.Error() != c.want || err == nil && c.want != got {
			t.Errorf("%v: %v, want %q", c.given, err, c.want)
		}
	}
}

func TestTheParameterStoreKnowsThatCDKHasItsBucketAndNothingElse(t *testing.T) {
	t.Parallel()
	root, err := template.Load("t.yaml", []byte("Parameters: {V: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /cdk-bootstrap/hnb659fds/version}}\nResources: {A: {Type: T}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	tpl, err := template.New(root)
	if err != nil {
		t.Fatal(err)
	}
	values, err := tpl.ResolveParameters(nil)
	if err != nil || values["V"].Text() != "30" {
		t.Errorf("%v %v", values, err)
	}
	_, err = tpl.ResolveParameters(map[string]string{"V": "/other"})
	if err == nil || !strings.Contains(err.Error(), "Unable to fetch parameters [/other] from parameter store for this account.") {
		t.Errorf("%v", err)
	}
}

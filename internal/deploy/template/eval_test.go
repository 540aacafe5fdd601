package template_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/deploy/template"
)

// scope parses a template and gives a scope in which Stream exists and Table does not yet.
func scope(t *testing.T, src string, params map[string]string) *template.Scope {
	t.Helper()
	tm := parse(t, src)
	values, err := tm.ResolveParameters(params)
	if err != nil {
		t.Fatal(err)
	}
	return &template.Scope{
		Template: tm, Parameters: values, Account: "000000000000", Region: "eu-west-1", StackID: "arn:stack", StackName: "shop",
		Resource: func(id string) *template.ResourceState {
			if id != "Stream" {
				return nil
			}
			return &template.ResourceState{Ref: "stream-1", Attrs: map[string]string{"Arn": "arn:aws:kinesis:::stream-1"}}
		},
		Import: func(name string) (string, error) {
			if name == "net-Vpc" {
				return "vpc-7", nil
			}
			return "", errors.New("No export named " + name + " found.")
		},
	}
}

func parse(t *testing.T, src string) *template.Template {
	t.Helper()
	root, err := template.Load("t.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	tm, err := template.New(root)
	if err != nil {
		t.Fatal(err)
	}
	return tm
}

const functionsTemplate = `
Parameters:
  Env: {Type: String, Default: prod}
  Ports: {Type: CommaDelimitedList, Default: "80, 443"}
Mappings:
  Sizes: {prod: {shards: 4, zones: [a, b]}, dev: {shards: 1}}
Conditions:
  Prod: !Equals [!Ref Env, prod]
  NotProd: !Not [{Condition: Prod}]
  Both: !And [{Condition: Prod}, !Or [!Equals [a, b], !Condition Prod]]
Resources:
  Stream: {Type: 'AWS::Kinesis::Stream'}
  Table: {Type: 'AWS::DynamoDB::Table'}
  X:
    Type: T
    Properties:
      V: `

func TestEveryIntrinsicFunctionEvaluates(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]string{
		`!Ref Env`:                                   `"prod"`,
		`!Ref Ports`:                                 `["80","443"]`,
		`!Ref Stream`:                                `"stream-1"`,
		`!GetAtt Stream.Arn`:                         `"arn:aws:kinesis:::stream-1"`,
		`!Ref Table`:                                 `"(known after apply)"`,
		`!Sub "${Env}-${AWS::Region}-${!lit}"`:       `"prod-eu-west-1-${lit}"`,
		`!Sub ["${a}/${Stream.Arn}", {a: 1}]`:        `"1/arn:aws:kinesis:::stream-1"`,
		`!Sub "${Table.Arn}"`:                        `"(known after apply)"`,
		`!Join ["-", [a, !Ref Env]]`:                 `"a-prod"`,
		`!Split [",", "a,b"]`:                        `["a","b"]`,
		`!Select [1, !Split [",", "a,b"]]`:           `"b"`,
		`!Select ["0", !GetAZs ""]`:                  `"eu-west-1a"`,
		`!FindInMap [Sizes, !Ref Env, shards]`:       `4`,
		`!FindInMap [Sizes, prod, zones]`:            `["a","b"]`,
		`!If [Prod, 1, 2]`:                           `1`,
		`!If [NotProd, 1, !Ref "AWS::NoValue"]`:      `null`,
		`[a, !If [NotProd, b, !Ref "AWS::NoValue"]]`: `["a"]`,
		`!If [Both, yes-both, no]`:                   `"yes-both"`,
		`!ImportValue net-Vpc`:                       `"vpc-7"`,
		`!ImportValue {"Fn::Sub": "net-Vpc"}`:        `"vpc-7"`,
		`!Base64 abc`:                                `"YWJj"`,
		`!Cidr ["10.0.0.0/22", 3, 8]`:                `["10.0.0.0/24","10.0.1.0/24","10.0.2.0/24"]`,
		`!Cidr ["2001:db8::/56", 2, 64]`:             `["2001:db8::/64","2001:db8:0:1::/64"]`,
		`!Ref "AWS::AccountId"`:                      `"000000000000"`,
		`!Ref "AWS::URLSuffix"`:                      `"amazonaws.com"`,
		`{"Fn::GetAtt": [Stream, Arn]}`:              `"arn:aws:kinesis:::stream-1"`,
		`{"Fn::GetAtt": "Stream.Arn"}`:               `"arn:aws:kinesis:::stream-1"`,
		`2010-09-09`:                                 `"2010-09-09"`,
		`{Ref: Env, other: 1}`:                       `{"Ref":"Env","other":1}`,
	} {
		s := scope(t, functionsTemplate+expr+"\n", nil)
		got, err := s.Eval(s.Template.Resource("X").Properties.Get("V"))
		if err != nil {
			t.Errorf("%s: %v", expr, err)
		} else if string(got.JSON()) != want {
			t.Errorf("%s = %s, want %s", expr, got.JSON(), want)
		}
	}
}

func TestEvaluationFailsAtItsPlace(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]string{
		`!GetAtt Stream.Nope`:              "t.yaml:17:10: Stream.Nope — Template error: resource Stream does not support attribute type Nope in Fn::GetAtt",
		`!Select [5, [a]]`:                 "Template error: Fn::Select cannot select nonexistent value at index 5 — the list has 1 items",
		`!FindInMap [Sizes, test, shards]`: "Unable to get mapping for Sizes::test::shards",
		`!ImportValue other`:               "No export named other found.",
		`!Cidr ["10.0.0.0/24", 300, 1]`:    "the count must be 1 to 256",
		`!Cidr ["10.0.0.0/24", 2, 8]`:      "too small",
		`!Cidr ["nonsense", 2, 8]`:         "not a block of addresses",
		`!Sub "${Ports}"`:                  "Fn::Sub can only put strings into a string",
		`!Join [",", a]`:                   "every Fn::Join object requires two parameters",
	} {
		s := scope(t, functionsTemplate+expr+"\n", nil)
		_, err := s.Eval(s.Template.Resource("X").Properties.Get("V"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", expr, err, want)
		}
	}
}

func TestParametersAreCheckedInAWSsWords(t *testing.T) {
	t.Parallel()
	const src = `
Parameters:
  Size: {Type: Number, MinValue: 1, MaxValue: 10, Default: 2}
  Name: {Type: String, AllowedPattern: "[a-z]+", MinLength: 2, MaxLength: 4, Default: abc}
  Env: {Type: String, AllowedValues: [dev, prod], Default: dev}
  Mail: {Type: String, AllowedPattern: ".+@.+", ConstraintDescription: must be an address, Default: a@b}
  Ids: {Type: List<Number>, Default: "1,2"}
  Must: {Type: String}
Resources: {A: {Type: T}}
`
	tm := parse(t, src)
	for in, want := range map[string]string{
		"Size=0":     "Parameter 'Size' must be a number not less than 1",
		"Size=11":    "Parameter 'Size' must be a number not greater than 10",
		"Size=x":     "Parameter 'Size' must be a number",
		"Name=A":     "Parameter 'Name' must match pattern [a-z]+",
		"Name=a":     "Parameter 'Name' must contain at least 2 characters",
		"Name=abcde": "Parameter 'Name' must contain at most 4 characters",
		"Env=test":   "Parameter 'Env' must be one of AllowedValues",
		"Mail=x":     "Parameter 'Mail' failed to satisfy constraint: must be an address",
		"Ids=1,x":    "Parameter 'Ids' must be a number",
		"Nope=1":     "Parameters: [Nope] do not exist in the template",
		"Size=3":     "Parameters: [Must] must have values",
		"Env=" + strings.Repeat("x", template.MaxParameterValue+1): "Parameter 'Env' must contain at most 4096 characters",
	} {
		k, v, _ := strings.Cut(in, "=")
		_, err := tm.ResolveParameters(map[string]string{k: v})
		if err == nil || err.Error() != want {
			t.Errorf("%.20s: %v, want %s", in, err, want)
		}
	}
	got, err := tm.ResolveParameters(map[string]string{"Must": "x", "Ids": "4, 5"})
	if err != nil || string(got["Ids"].JSON()) != `["4","5"]` || string(got["Size"].JSON()) != "2" {
		t.Errorf("resolved %v, %v", got["Ids"], err)
	}
}

func TestOrderPutsDependenciesFirstAndFollowsOnlyTheBranchThatHolds(t *testing.T) {
	t.Parallel()
	src := `
Conditions: {Yes: !Equals [a, a]}
Resources:
  A: {Type: T, Properties: {X: !If [Yes, !Ref B, !GetAtt C.Arn]}}
  B: {Type: T, DependsOn: D}
  C: {Type: T}
  D: {Type: T}
`
	tm := parse(t, src)
	s := &template.Scope{Template: tm}
	order, err := template.Order(tm, s.Branch)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range order {
		ids = append(ids, r.ID)
	}
	if got := strings.Join(ids, ""); got != "DBAC" {
		t.Errorf("order %s, want DBAC", got)
	}
	if d := template.Dependencies(tm, tm.Resource("A"), nil); len(d) != 2 {
		t.Errorf("without a branch both sides count, got %v", d)
	}
}

package template_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/deploy/template"
)

const ok = "Resources: {A: {Type: T}}\n"

// broken holds templates and what is said of each: where, what stands there, why, and what to do.
var broken = map[string]struct{ src, want string }{
	"empty file":         {"  \n", "t.yaml:1:1: Template format error: the file is empty — write a template with a Resources section"},
	"bad yaml":           {"Resources:\n  A: [1\n", "t.yaml:3:1: Template format error: YAML not well-formed"},
	"bad json":           {"{\"Resources\":\n {\"A\" 1}}", "t.yaml:2:7: "},
	"no resources":       {"Description: x\n", "At least one Resources member must be defined."},
	"unknown tag":        {"Resources:\n  A:\n    Type: T\n    Properties: {X: !Reff B}\n", "t.yaml:4:21: !Reff — Template format error: unknown tag — use one of"},
	"unknown section":    {ok + "Resorces: {}\n", "t.yaml:2:1: Resorces — Template format error: Invalid template property or properties [Resorces]"},
	"rule without any":   {ok + "Rules: {R: {}}\n", "t.yaml:2:9: R — Template format error: a rule needs a list of 1 to 100 Assertions"},
	"rule on resources":  {ok + "Rules: {R: {Assertions: [{Assert: {'Fn::EachMemberIn': [{Ref: A}, [x]]}}]}}\n", "Cannot reference resources in the Rules block"},
	"rule function":      {ok + "Rules: {R: {Assertions: [{Assert: {'Fn::Join': [a, [b]]}}]}}\n", "a rule is made of Fn::And, Fn::Or"},
	"rule of values":     {ok + "Rules: {R: {Assertions: [{Assert: {'Fn::ValueOf': [P, a]}}]}}\n", "rules that look at resources of the account are not evaluated here"},
	"unknown reference":  {"Resources:\n  Stream: {Type: T}\n  B:\n    Type: T\n    Properties:\n      X: !Ref Strem\n", "t.yaml:6:10: Strem — Template format error: Unresolved resource dependencies [Strem] in the Resources block of the template — did you mean Stream?"},
	"reference in sub":   {"Resources:\n  A: {Type: T, Properties: {X: !Sub '${Nope}'}}\n", "${Nope} — Template format error: Unresolved resource dependencies [Nope]"},
	"unknown getatt":     {"Resources:\n  A: {Type: T, Properties: {X: !GetAtt Q.Arn}}\n", "Template error: instance of Fn::GetAtt references undefined resource Q"},
	"unknown depends":    {"Resources:\n  A: {Type: T, DependsOn: Q}\n", "Unresolved resource dependencies [Q]"},
	"unknown condition":  {"Resources:\n  A: {Type: T, Condition: Q}\n", "t.yaml:2:27: Q — Template format error: Unresolved condition dependency Q — define it under Conditions"},
	"unknown map":        {"Resources:\n  A: {Type: T, Properties: {X: !FindInMap [M, a, b]}}\n", "Mapping named 'M' is not present"},
	"cycle":              {"Resources:\n  A: {Type: T, Properties: {X: !Ref B}}\n  B: {Type: T, DependsOn: C}\n  C: {Type: T, Properties: {X: !Sub '${A.Arn}'}}\n", "t.yaml:2:3: A → B → C → A — Circular dependency between resources: [A, B, C] — break the circle"},
	"self reference":     {"Resources:\n  A: {Type: T, Properties: {X: !Ref A}}\n", "Circular dependency between resources: [A]"},
	"arity":              {"Resources:\n  A: {Type: T, Properties: {X: !Join [a]}}\n", "every Fn::Join object must have a list of 2 items"},
	"no type":            {"Resources:\n  A: {Properties: {}}\n", "Every Resources object must contain a Type member"},
	"misplaced property": {"Resources:\n  A: {Type: T, ShardCount: 1}\n", "Invalid template resource property 'ShardCount' — did you mean to put it under Properties?"},
	"snapshot":           {"Resources:\n  A: {Type: T, DeletionPolicy: Snapshot}\n", "deletion policy Snapshot — use Retain"},
	"dynamic reference":  {"Resources:\n  A: {Type: T, Properties: {X: '{{resolve:ssm:a}}'}}\n", "dynamic references are not resolved here — pass the value as a parameter"},
	"transform fn":       {"Resources:\n  A: {Type: T, Properties: {X: {'Fn::Transform': {Name: 'AWS::Include'}}}}\n", "macros and AWS::Include are not run here"},
	"macro":              {ok + "Transform: MyMacro\n", "t.yaml:2:12: MyMacro — this macro is not run here"},
	"unknown function":   {"Resources:\n  A: {Type: T, Properties: {X: {'Fn::Nope': 1}}}\n", "Unrecognized intrinsic function: Fn::Nope"},
	"duplicate key":      {"Resources:\n  A: {Type: T}\n  A: {Type: T}\n", "t.yaml:3:3: A — Template format error: duplicate key — keep one of the two"},
	"resource condition": {ok + "Conditions: {C: !Equals [!Ref A, 1]}\n", "Cannot reference resources in the Conditions block"},
	"bad default":        {ok + "Parameters: {P: {Type: Number, Default: x}}\n", "t.yaml:2:41: x — Parameter 'P' must be a number"},
	"ssm parameter":      {ok + "Parameters: {P: {Type: 'AWS::SSM::Parameter::Nope'}}\n", "Unrecognized parameter type: AWS::SSM::Parameter::Nope"},
	"two documents":      {ok + "---\na: 1\n", "a second document"},
	"recursive anchor":   {"Resources: &x\n  A: {Type: T, Properties: {X: *x}}\n", ""},
	"id":                 {"Resources: {A-b: {Type: T}}\n", "Resource name A-b is non alphanumeric."},
}

func TestBrokenTemplatesAreRefusedWithPlaceReasonAndNextStep(t *testing.T) {
	t.Parallel()
	for name, c := range broken {
		root, err := template.Load("t.yaml", []byte(c.src))
		if err == nil {
			_, err = template.New(root)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
		}
	}
}

func TestYAMLAndJSONGiveTheSameTree(t *testing.T) {
	t.Parallel()
	y, err := template.Load("a.yaml", []byte("A: [1, 'b', true, null]\nB: {C: !GetAtt X.Y.Z}\nD: &d {e: 1}\nF: {<<: *d, g: *d}\n"))
	if err != nil {
		t.Fatal(err)
	}
	j, err := template.Load("a.json", y.JSON())
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"A":[1,"b",true,null],"B":{"C":{"Fn::GetAtt":["X","Y.Z"]}},"D":{"e":1},"F":{"g":{"e":1},"e":1}}`
	if string(y.JSON()) != want || string(j.JSON()) != want {
		t.Errorf("yaml %s\njson %s\nwant %s", y.JSON(), j.JSON(), want)
	}
	if p := j.At("B", "C").Pos.String(); p != fmt.Sprintf("a.json:1:%d", strings.Index(want, `{"Fn`)+1) {
		t.Errorf("position of B.C: %s", p)
	}
}

func TestLimitsHoldAtTheirValueAndRefuseOnePast(t *testing.T) {
	t.Parallel()
	resources := func(n int) string {
		var b strings.Builder
		b.WriteString("Resources:\n")
		for i := range n {
			fmt.Fprintf(&b, "  R%d: {Type: T}\n", i)
		}
		return b.String()
	}
	section := func(name, entry string, n int) string {
		var b strings.Builder
		b.WriteString(ok + name + ":\n")
		for i := range n {
			fmt.Fprintf(&b, "  P%d: %s\n", i, entry)
		}
		return b.String()
	}
	pad := func(n int) string { return ok + "#" + strings.Repeat("x", n-len(ok)-1) }
	deep := func(n int) string { // the root and Metadata's value are levels 0 and 1
		return "{\"Resources\":{\"A\":{\"Type\":\"T\"}},\"Metadata\":" + strings.Repeat("[", n) + strings.Repeat("]", n) + "}"
	}
	for name, c := range map[string]struct {
		at, past string
		want     string
	}{
		"resources":  {resources(template.MaxResources), resources(template.MaxResources + 1), "greater than maximum allowed, 500"},
		"parameters": {section("Parameters", "{Type: String}", template.MaxParameters), section("Parameters", "{Type: String}", template.MaxParameters+1), "maximum allowed, 200"},
		"outputs":    {section("Outputs", "{Value: 1}", template.MaxOutputs), section("Outputs", "{Value: 1}", template.MaxOutputs+1), "maximum allowed, 200"},
		"mappings":   {section("Mappings", "{a: {b: 1}}", template.MaxMappings), section("Mappings", "{a: {b: 1}}", template.MaxMappings+1), "maximum allowed, 200"},
		"bytes":      {pad(template.MaxBytes), pad(template.MaxBytes + 1), "may not exceed 1048576 bytes"},
		"depth":      {deep(template.MaxDepth), deep(template.MaxDepth + 1), "nested deeper than 64 levels"},
		"logical id": {"Resources: {" + strings.Repeat("a", 255) + ": {Type: T}}", "Resources: {" + strings.Repeat("a", 256) + ": {Type: T}}", "at most 255"},
	} {
		for src, wantErr := range map[string]bool{c.at: false, c.past: true} {
			root, err := template.Load("t", []byte(src))
			if err == nil {
				_, err = template.New(root)
			}
			if (err != nil) != wantErr || wantErr && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %.200v (error wanted: %v)", name, err, wantErr)
			}
		}
	}
}

func TestAliasesCannotGrowATreeWithoutBound(t *testing.T) {
	t.Parallel()
	src := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 8 {
		src += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 10), ", "))
	}
	if _, err := template.Load("t", []byte(src)); err == nil {
		t.Error("a tree of 10^9 values was read")
	}
}

func FuzzLoadAndEvaluate(f *testing.F) {
	for _, c := range broken {
		f.Add(c.src)
	}
	f.Add("Parameters: {P: {Type: CommaDelimitedList, Default: 'a,b'}}\nRules: {R: {RuleCondition: !Equals [a, a], Assertions: [{Assert: {'Fn::EachMemberIn': [!Ref P, [a]]}}, {Assert: !Not [{'Fn::Contains': [[1], !Ref AWS::Region]}]}]}}\nResources: {A: {Type: T}}\n")
	f.Add(functionsTemplate + "!Sub '${Env}'")
	f.Fuzz(func(t *testing.T, src string) {
		root, err := template.Load("t", []byte(src))
		if err != nil {
			return
		}
		back, err := template.FromJSON(root.JSON())
		if err != nil || !template.Equal(back, root) {
			t.Fatalf("%s does not survive JSON: %v", root.JSON(), err)
		}
		tm, err := template.New(root)
		if err != nil {
			return
		}
		params, err := tm.ResolveParameters(nil)
		if err != nil {
			return
		}
		s := &template.Scope{Template: tm, Parameters: params, Resource: func(string) *template.ResourceState { return nil }}
		for _, r := range tm.Resources {
			_, _ = s.Eval(r.Properties)
		}
		_ = s.CheckRules()
	})
}

package serverless_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/deploy/serverless"
	"github.com/leatdev/leat/internal/deploy/template"
)

var rewrite = flag.Bool("rewrite", false, "write golden files anew")

func options(dir string) serverless.Options {
	env := map[string]string{"HOME_TOWN": "Leeds"}
	return serverless.Options{Dir: dir, Account: "000000000000", Params: map[string]string{"given": "yes"}, Opt: map[string]string{"flag": "on"},
		Env: func(n string) (string, bool) { v, ok := env[n]; return v, ok },
		Output: func(_, stack, key string) (string, error) {
			if stack == "net-dev" && key == "Vpc" {
				return "vpc-7", nil
			}
			return "", nil
		},
		Package: func(a serverless.Artifact) (serverless.Code, error) {
			return serverless.Code{Bucket: "code", Key: a.Name + a.Dir + a.Zip + ".zip", SHA256: "sha="}, nil
		}}
}

func TestServicesBecomeWhatTheGoldenFilesSay(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("testdata/*/serverless.yml")
	if err != nil || len(dirs) == 0 {
		t.Fatal(dirs, err)
	}
	for _, f := range dirs {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		p, err := serverless.Compile("serverless.yml", src, options(filepath.Dir(f)))
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		if _, err := template.New(p.Template); err != nil {
			t.Errorf("%s is no CloudFormation template: %v", f, err)
		}
		golden := filepath.Join(filepath.Dir(f), "golden.json")
		got := append(p.Template.Indented(), '\n')
		if *rewrite {
			if err := os.WriteFile(golden, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from %s; run with -rewrite and look at the difference", f, golden)
		}
	}
}

const head = "service: shop\nprovider: {name: aws, runtime: python3.12}\n"

func compile(t *testing.T, src string) (*serverless.Project, error) {
	t.Helper()
	return serverless.Compile("serverless.yml", []byte(src), options(t.TempDir()))
}

func TestVariablesTakeTheirValuesFromTheirSources(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"vars.yml": "town: ${env:HOME_TOWN}\nlist: [a, b]\n", "note.txt": "hello\n", "x.json": `{"n": 5}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const doc = `
service: shop
params: {default: {size: 1, tier: low}, dev: {size: 2}}
stages: {default: {params: {v4: new}}}
custom:
  a: {b: [x, y], dev: z}
  prefix: ${self:service}-${sls:stage}
provider: {name: aws, region: eu-west-1}
resources: {Resources: {R: {Type: T, Properties: {V: "`
	for expr, want := range map[string]string{
		"${self:custom.a.b.1}":                 `"y"`,
		"${self:custom.a.b}":                   `["x","y"]`,
		"${self:custom.a.${opt:stage, 'dev'}}": `"z"`,
		"${self:custom.prefix}-q":              `"shop-dev-q"`,
		"${env:HOME_TOWN}":                     `"Leeds"`,
		"${env:NONE, 'else'}":                  `"else"`,
		"${env:NONE, env:NONE2, self:service}": `"shop"`,
		"${opt:flag}":                          `"on"`,
		"${opt:stage, self:provider.stage}":    `"dev"`,
		"${param:size}":                        `2`,
		"${param:tier}":                        `"low"`,
		"${param:given}":                       `"yes"`,
		"${param:v4}":                          `"new"`,
		"${file(vars.yml):town}":               `"Leeds"`,
		"${file(./vars.yml):list.0}":           `"a"`,
		"${file(note.txt)}":                    `"hello"`,
		"${file(x.json):n}":                    `5`,
		"${file(none.yml):x, 'd'}":             `"d"`,
		"${cf:net-${sls:stage}.Vpc}":           `"vpc-7"`,
		"${cf.us-east-1:net-dev.Vpc}":          `"vpc-7"`,
		"${cf(us-east-1):net-dev.Vpc}":         `"vpc-7"`,
		"${aws:accountId}/${aws:region}":       `"000000000000/eu-west-1"`,
		"${strToBool(true)}":                   `true`,
		"${strToBool(${env:NONE, 'false'})}":   `false`,
		"${env:NONE, true}":                    `true`,
		"${env:NONE, 12}":                      `12`,
		"arn:${AWS::Region}:${Name}":           `"arn:${AWS::Region}:${Name}"`,
	} {
		p, err := serverless.Compile("serverless.yml", []byte(doc+expr+"\"}}}}\n"), options(dir))
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if got := p.Template.At("Resources", "R", "Properties", "V").JSON(); string(got) != want {
			t.Errorf("%s = %s, want %s", expr, got, want)
		}
	}
}

func TestWhatCannotBeCompiledIsRefusedAtItsPlace(t *testing.T) {
	t.Parallel()
	fn := func(rest string) string { return head + "functions:\n  a:\n    handler: a.b\n" + rest }
	for src, want := range map[string]string{
		head + "custom: {x: '${self:custom.y}'}\n":                                "serverless.yml:3:13: ${self:custom.y} — Cannot resolve variable: Value not found at \"self\" source — define custom.y, or give a fallback after a comma",
		head + "custom: {x: '${self:custom.x}'}\n":                                "it leads back to itself — break the circle",
		head + "custom: {x: '${ssm:/a}'}\n":                                       "the SSM parameter store is not here",
		head + "custom: {x: '${nope:a}'}\n":                                       "Unrecognized configuration variable sources: \"nope\"",
		head + "custom: {x: '${file(a.js)}'}\n":                                   "JavaScript files are not run here",
		head + "custom: {x: '${strToBool(maybe)}'}\n":                             "Invalid \"strToBool\" input",
		"service: 1shop\nprovider: {name: aws}\n":                                 "\"service\" property must start with a letter",
		"service: shop\nprovider: {name: google}\n":                               "\"provider.name\" must be aws",
		fn("    handlr: x\n"):                                                     "serverless.yml:6:5: functions.a.handlr — unrecognized property 'handlr' — the properties here are handler",
		fn("    image: x\n"):                                                      "functions run as processes here, not as container images",
		fn("    events: [{schedule: rate(1 minute)}]\n"):                          "serverless.yml:6:15: schedule — schedules are EventBridge rules, which are not here — use http, httpApi, stream, sqs, sns or s3",
		fn("    events: [{nope: x}]\n"):                                           "unsupported function event 'nope'",
		fn("    events: [{http: {path: a, method: fetch}}]\n"):                    "an http event needs a method and a path",
		fn("    events: [{http: {path: a, method: get, private: true}}]\n"):       "usage plans and keys are not kept here",
		fn("    events: [{http: {path: a, method: get, integration: lambda}}]\n"): "only the proxy integration is served here",
		fn("    events: [{http: GET a}, {http: GET a}]\n"):                        "this method and path is another event's already",
		fn("    events: [{http: {path: a, method: get, authorizer: none}}]\n"):    "no function of this service has this name",
		fn("    events: [{stream: {arn: !GetAtt X.Arn}}]\n"):                      "Missing \"type\" property",
		fn("    events: [{stream: {type: kinesis, arn: x, batchsize: 1}}]\n"):     "stream.batchsize — unrecognized property",
		fn("    events: [{s3: {bucket: b, existing: true}}]\n"):                   "buckets of others are not changed here",
		fn("    events: [{sns: !Ref T}]\n"):                                       "write arn: and topicName:",
		fn("    provisionedConcurrency: 1\n"):                                     "provisioned concurrency is not kept here",
		head + "functions: {a: {}}\n":                                             "function \"a\" has no handler",
		"service: shop\nprovider: {name: aws, alb: {}}\n":                         "load balancers are not here",
		fn("    events: [{httpApi: {path: /a, method: get, authorizer: j}}]\n"):   "Event references not configured authorizer 'j'",
	} {
		if _, err := compile(t, src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}

func TestWhatHasNoEffectIsSaid(t *testing.T) {
	t.Parallel()
	p, err := compile(t, head+"plugins: [serverless-offline]\nbuild: {esbuild: true}\nstepFunctions: {}\norg: me\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"serverless.yml:4:1: build has no effect: code is not bundled here: build it before deploying",
		"serverless.yml:5:1: stepFunctions has no effect: it is not a key of the Framework, and plugins are not run",
		"serverless.yml:6:1: org has no effect: the dashboard is not used here",
		"serverless.yml:3:11: plugin serverless-offline is not run here",
	}
	if !slices.Equal(p.Warnings, want) {
		t.Errorf("warnings %q", p.Warnings)
	}
}

func TestSectionsOfTheResourcesReachTheTemplate(t *testing.T) {
	t.Parallel()
	p, err := compile(t, head+"functions: {a: {handler: a.b}}\nresources:\n  - Conditions: {C: !Equals [a, b]}\n    Mappings: {M: {a: {b: c}}}\n  - Resources: {R: {Type: T, Condition: C}}\n    extensions: {ALambdaFunction: {Properties: {Timeout: 99}}}\n    Outputs: {O: {Value: !FindInMap [M, a, b]}}\n")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := template.New(p.Template); err != nil {
		t.Error(err)
	}
	if got := p.Template.At("Resources", "ALambdaFunction", "Properties", "Timeout").Text(); got != "99" {
		t.Errorf("the extension gave %q", got)
	}
}

func TestTheSameServiceTwiceGivesTheSameTemplate(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("testdata/all/serverless.yml")
	if err != nil {
		t.Fatal(err)
	}
	var last []byte
	for range 5 {
		p, err := serverless.Compile("serverless.yml", src, options("testdata/all"))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Template.JSON(); last != nil && !bytes.Equal(got, last) {
			t.Fatal("templates differ")
		} else {
			last = got
		}
	}
}

func FuzzCompile(f *testing.F) {
	src, err := os.ReadFile("testdata/all/serverless.yml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(src))
	f.Add(head + "functions: [{a: {events: [1, {http: []}, {stream: {}}, {sns: {}}]}}]\nlayers: {x: 1}\nresources: [1, {Resources: []}]\n")
	f.Add(head + "custom: {a: '${self:custom.${self:custom.a}, ${env:X, ''}}'}\n")
	f.Fuzz(func(t *testing.T, src string) {
		if strings.Contains(src, "file(") {
			return // reads nothing of the machine
		}
		p, err := serverless.Compile("s.yml", []byte(src), options(t.TempDir()))
		if err == nil {
			_, _ = template.New(p.Template)
		}
	})
}

func TestFunctionsMayBeAListOfMaps(t *testing.T) {
	t.Parallel()
	src := "service: s\nprovider: {name: aws, runtime: python3.12, httpApi: {authorizers: {who: {type: request, functionName: auth}}}}\nfunctions:\n" +
		"  - auth: {handler: a.b}\n  - api: {handler: a.b, events: [{httpApi: {path: /x, method: get, authorizer: {name: who}}}]}\n"
	p, err := serverless.Compile("serverless.yml", []byte(src), options(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"AuthLambdaFunction", "ApiLambdaFunction", "HttpApiAuthorizerWho"} {
		if p.Template.At("Resources", id) == nil {
			t.Errorf("no %s", id)
		}
	}
}

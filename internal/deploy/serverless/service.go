package serverless

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/leatdev/leat/internal/deploy/template"
)

// Artifact is something to be packaged: a function's code or a layer's content.
type Artifact struct {
	Name     string // of the function or layer; empty for the code that functions share
	Dir      string // relative to the service
	Zip      string // a ready archive, relative to the service; Dir is empty then
	Patterns []string
	Layer    bool // the content of a layer, not code
	Pos      template.Pos
}

// Code says where an artifact was put.
type Code struct {
	Bucket, Key string
	SHA256      string // base64, as Lambda shows it; may be empty
}

// Options are what a compilation may look at besides the file.
type Options struct {
	Dir        string // of the service
	Stage      string // --stage
	Region     string // --region
	Account    string
	InstanceID string
	Opt        map[string]string // further options
	Params     map[string]string // --param
	// Env looks up an environment variable; nil for none.
	Env func(name string) (string, bool)
	// Output reads another stack's output for ${cf:…}; nil for none. An empty value is none.
	Output func(region, stack, key string) (string, error)
	// Package puts an artifact where Lambda finds it.
	Package func(Artifact) (Code, error)
}

// Project is a compiled service.
type Project struct {
	Service   string
	Stage     string
	Region    string
	StackName string
	Template  *template.Node
	Tags      map[string]string // for the stack
	// Functions maps names in the file to names of functions.
	Functions []Function
	// Warnings tell what of the file has no effect, each with its place.
	Warnings []string
}

// Function is a function of a service.
type Function struct{ Key, Name, LogicalID string }

var serviceName = regexp.MustCompile(`^[a-zA-Z][0-9a-zA-Z-]*$`)

// Compile reads a serverless.yml. The error is template.Errors, or that of Options.Package.
func Compile(file string, src []byte, o Options) (*Project, error) {
	root, err := template.Load(file, src)
	if err != nil {
		return nil, err
	}
	if root.Kind != template.Map {
		return nil, template.Errors{template.Errorf(root, "", "a service is a map", "begin with service: name")}
	}
	if o.Env == nil {
		o.Env = func(string) (string, bool) { return "", false }
	}
	if o.InstanceID == "" {
		o.InstanceID = "leat"
	}
	r := &resolver{o: o, root: root, files: map[string]*template.Node{}, busy: map[*template.Node]bool{}}
	doc, err := r.resolve(root)
	if err != nil {
		var m *missing
		if errors.As(err, &m) {
			err = template.Errorf(root, m.source+":"+m.address, m.Error(), "")
		}
		var errs template.Errors
		errs.Append(err)
		return nil, errs.Err()
	}
	c := &compiler{o: o, doc: doc, provider: doc.Get("provider"), stage: r.stage(), region: r.region(), resources: template.M(), outputs: template.M(), sections: template.M(), artifacts: map[string]Code{}, role: map[string]*statement{}}
	if err := c.compile(); err != nil {
		return nil, err
	}
	return c.project, nil
}

// compiler holds one run.
type compiler struct {
	o             Options
	doc, provider *template.Node
	service       string
	stage, region string
	resources     *template.Node
	outputs       *template.Node
	sections      *template.Node // others, from the resources section
	errs          template.Errors
	project       *Project
	artifacts     map[string]Code
	failed        error // of packaging

	rest      *restAPI
	httpAPI   *httpAPI
	role      map[string]*statement // statements that events need, by their first action
	roleOrder []string
}

// statement is a permission that grows with the events that need it.
type statement struct{ actions, resources *template.Node }

func (c *compiler) fail(n *template.Node, text, reason, next string) {
	c.errs = append(c.errs, template.Errorf(n, text, reason, next))
}

func (c *compiler) warn(n *template.Node, format string, args ...any) {
	c.project.Warnings = append(c.project.Warnings, n.Pos.String()+": "+fmt.Sprintf(format, args...))
}

// topKeys are the keys of a service; a text says why one has no effect here.
var topKeys = map[string]string{
	"service": "", "provider": "", "functions": "", "layers": "", "package": "", "resources": "", "custom": "", "params": "", "stages": "", "plugins": "", "useDotenv": "",
	"frameworkVersion": "", "configValidationMode": "", "deprecationNotificationMode": "", "disabledDeprecations": "", "variablesResolutionMode": "", "unresolvedVariablesNotificationMode": "",
	"org": "the dashboard is not used here", "app": "the dashboard is not used here", "tenant": "the dashboard is not used here", "licenseKey": "no licence is needed here",
	"console": "the dashboard is not used here", "dashboard": "the dashboard is not used here", "build": "code is not bundled here: build it before deploying", "state": "states are not shared here",
}

func (c *compiler) compile() error {
	c.project = &Project{Stage: c.stage, Region: c.region, Tags: map[string]string{}}
	s := c.doc.Get("service")
	if s != nil && s.Kind == template.Map {
		s = s.Get("name")
	}
	c.service = s.Text()
	if !serviceName.MatchString(c.service) {
		c.fail(orNode(s, c.doc), c.service, "\"service\" property must start with a letter and hold letters, digits and hyphens only", "name the service")
	}
	c.top()
	if c.provider == nil || c.provider.Get("name").Text() != "aws" {
		c.fail(orNode(c.provider, c.doc), "", "\"provider.name\" must be aws", "write provider: {name: aws}")
		return c.errs.Err()
	}
	c.checkProvider()
	c.project.Service, c.project.StackName = c.service, c.service+"-"+c.stage
	if n := c.provider.Get("stackName"); n != nil {
		c.project.StackName = n.Text()
	}
	for _, key := range []string{"stackTags", "tags"} {
		if tags := c.provider.Get(key); tags != nil && key == "stackTags" {
			for _, e := range tags.Entries {
				c.project.Tags[e.Key.Value] = e.Val.Text()
			}
		}
	}
	c.project.Tags["STAGE"] = c.stage
	c.functions()
	c.layers()
	c.writeREST()
	c.writeHTTP()
	c.writeRole()
	c.userResources()
	if err := c.errs.Err(); err != nil {
		return err
	}
	c.project.Template = template.M("AWSTemplateFormatVersion", "2010-09-09", "Description", "The AWS CloudFormation template for this Serverless application", "Resources", c.resources, "Outputs", c.outputs)
	for _, e := range c.sections.Entries {
		c.project.Template.Set(e.Key.Value, e.Val)
	}
	c.project.Template.Place(template.Pos{File: c.doc.Pos.File, Line: 1, Col: 1})
	return c.failed
}

func orNode(n, or *template.Node) *template.Node {
	if n != nil {
		return n
	}
	return or
}

func (c *compiler) top() {
	for _, e := range c.doc.Entries {
		switch why, known := topKeys[e.Key.Value]; {
		case !known:
			c.warn(e.Key, "%s has no effect: it is not a key of the Framework, and plugins are not run", e.Key.Value)
		case why != "":
			c.warn(e.Key, "%s has no effect: %s", e.Key.Value, why)
		}
	}
	plugins := c.doc.Get("plugins")
	if plugins.Get("modules") != nil {
		plugins = plugins.Get("modules")
	}
	if plugins != nil {
		for _, p := range plugins.Items {
			c.warn(p, "plugin %s is not run here", p.Text())
		}
	}
}

// providerKeys are acted on; providerIgnored have no meaning here and are said;
// providerRefused would lose their effect.
var (
	providerKeys = []string{"name", "runtime", "stage", "region", "stackName", "memorySize", "timeout", "environment", "iam", "iamRoleStatements", "iamManagedPolicies", "role", "tags", "stackTags", "logRetentionInDays",
		"architecture", "layers", "apiName", "httpApi", "apiGateway", "versionFunctions", "ephemeralStorageSize", "kmsKeyArn", "tracing", "endpointType", "rolePermissionsBoundary", "vpc", "logs", "kinesis"}
	providerIgnored = map[string]string{"profile": "credentials are Leat's own", "deploymentBucket": "code goes to Leat's own bucket", "deploymentPrefix": "code goes to Leat's own bucket", "deploymentMethod": "deploys are always direct",
		"lambdaHashingVersion": "there is one hashing", "resolver": "credentials are Leat's own", "disableRollback": "a failed deploy is rolled back", "notificationArns": "events are shown while deploying",
		"cfnRole": "resources are made with Leat's own rights", "runtimeManagement": "runtimes are those of this machine", "rollbackConfiguration": "nothing is monitored while deploying", "stackPolicy": "stack policies are not kept"}
	providerRefused = map[string]string{"websocketsApiName": "WebSocket APIs are not served here", "websocketsApiRouteSelectionExpression": "WebSocket APIs are not served here", "alb": "load balancers are not here", "ecr": "functions run as processes here, not as container images",
		"usagePlan": "usage plans are not kept here", "apiKeys": "usage plans are not kept here", "resourcePolicy": "policies of APIs are not checked here", "vpcEndpointIds": "there are no VPCs here", "provisionedConcurrency": "provisioned concurrency is not kept here", "eventBridge": "EventBridge is not here", "s3": "name the bucket's settings under resources", "stackParameters": "write values instead of parameters"}
)

func (c *compiler) checkProvider() {
	c.keys("provider", c.provider, providerKeys, providerIgnored, providerRefused)
}

// keys checks the keys of a part of the file.
func (c *compiler) keys(where string, n *template.Node, known []string, ignored, refused map[string]string) {
	if n == nil {
		return
	}
	if n.Kind != template.Map {
		c.fail(n, "", where+" must be a map", "write key: value pairs")
		return
	}
	for _, e := range n.Entries {
		name := e.Key.Value
		switch {
		case slices.Contains(known, name):
		case ignored[name] != "":
			c.warn(e.Key, "%s.%s has no effect: %s", where, name, ignored[name])
		case refused[name] != "":
			c.fail(e.Key, where+"."+name, refused[name], "remove it")
		default:
			c.fail(e.Key, where+"."+name, "unrecognized property '"+name+"'", "the properties here are "+strings.Join(known, ", "))
		}
	}
}

// add puts a resource into the template.
func (c *compiler) add(id string, from *template.Node, res *template.Node) {
	key := template.Str(id)
	if from != nil {
		res.Place(from.Pos)
		key.Pos = from.Pos
	}
	if c.resources.Get(id) != nil {
		return // the same bucket, role or topic of another event
	}
	c.resources.Entries = append(c.resources.Entries, template.Entry{Key: key, Val: res})
}

func (c *compiler) output(id, description string, value *template.Node) {
	c.outputs.Set(id, template.M("Description", description, "Value", value, "Export", template.M("Name", "sls-"+c.service+"-"+c.stage+"-"+id)))
}

// allow adds to the function's role what an event needs.
func (c *compiler) allow(resource *template.Node, actions ...string) {
	s := c.role[actions[0]]
	if s == nil {
		s = &statement{actions: template.Of(actions), resources: template.L()}
		c.role[actions[0]] = s
		c.roleOrder = append(c.roleOrder, actions[0])
	}
	s.resources.Items = append(s.resources.Items, resource)
}

// userResources merges the resources section into the template: its own resources, and
// extensions of generated ones.
func (c *compiler) userResources() {
	parts := []*template.Node{c.doc.Get("resources")}
	if parts[0] != nil && parts[0].Kind == template.List {
		parts = parts[0].Items
	}
	for _, p := range parts {
		if p == nil || p.Kind == template.Null {
			continue
		}
		for _, e := range p.Entries {
			switch e.Key.Value {
			case "Resources", "extensions":
				for _, r := range e.Val.Entries {
					c.merge(c.resources, r)
				}
			case "Outputs":
				for _, r := range e.Val.Entries {
					c.merge(c.outputs, r)
				}
			case "Conditions", "Mappings", "Parameters", "Metadata", "Description", "Transform":
				c.merge(c.sections, e)
			default:
				c.fail(e.Key, "resources."+e.Key.Value, "this section is not taken up here", "the sections are Resources, extensions, Outputs, Conditions, Mappings, Parameters, Metadata and Transform")
			}
		}
	}
}

// merge joins a resource with the generated one of its id, deeply.
func (c *compiler) merge(into *template.Node, e template.Entry) {
	if old := into.Get(e.Key.Value); old != nil {
		into.Set(e.Key.Value, deepMerge(old, e.Val))
		return
	}
	into.Entries = append(into.Entries, e)
}

func deepMerge(a, b *template.Node) *template.Node {
	if a == nil || b == nil || a.Kind != template.Map || b.Kind != template.Map {
		return orNode(b, a)
	}
	out := a.Clone()
	for _, e := range b.Entries {
		out.Set(e.Key.Value, deepMerge(out.Get(e.Key.Value), e.Val))
	}
	return out
}

// upperFirst is the Framework's normalizeName.
func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

var notAlphaNumeric = regexp.MustCompile(`[^0-9A-Za-z]`)

// functionID is a function's name as it stands in logical ids.
func functionID(name string) string {
	return upperFirst(strings.ReplaceAll(strings.ReplaceAll(name, "-", "Dash"), "_", "Underscore"))
}

func alnum(s string) string { return upperFirst(notAlphaNumeric.ReplaceAllString(s, "")) }

var pathVariable = regexp.MustCompile(`\{(.*)\}`)

// pathID is a path as it stands in logical ids.
func pathID(path string) string {
	var b strings.Builder
	for _, part := range strings.Split(path, "/") {
		part = upperFirst(strings.ToLower(part))
		part = strings.ReplaceAll(part, "-", "Dash")
		part = pathVariable.ReplaceAllString(part, "${1}Var")
		b.WriteString(alnum(part))
	}
	return b.String()
}

func hash(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// joined makes an Fn::Join without a separator.
func joined(parts ...any) *template.Node {
	return template.M("Fn::Join", template.L("", template.L(parts...)))
}

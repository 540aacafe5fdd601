package cloudformation_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/template"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/cloudformation"
)

// things is a provider of Test::Thing that keeps what it makes in a map.
type things struct {
	mu    sync.Mutex
	stand map[string]string
	fail  map[string]error
	// gate, if set, holds every create until it is closed or the call's context ends.
	gate  chan struct{}
	begun chan string
}

func newThings() *things {
	return &things{stand: map[string]string{}, fail: map[string]error{}, begun: make(chan string, 100)}
}

func (w *things) Schema() *deploy.Schema {
	return &deploy.Schema{Type: "Test::Thing", NameProp: "Name", Attrs: []string{"Arn"}, Props: map[string]deploy.Mode{"Name": deploy.Replace, "Size": deploy.InPlace, "Kind": deploy.Replace, "Link": deploy.InPlace}}
}

func (w *things) Check(*template.Node) error { return nil }

func (w *things) Create(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	w.begun <- r.LogicalID
	if w.gate != nil {
		select {
		case <-w.gate:
		case <-ctx.Done():
			return deploy.State{}, ctx.Err()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail[r.LogicalID]; err != nil {
		return deploy.State{}, err
	}
	w.stand[r.Name] = string(r.Props.Canonical())
	return deploy.State{PhysicalID: r.Name, Attrs: map[string]string{"Arn": "arn:" + r.Name}}, nil
}

func (w *things) Update(_ context.Context, r *deploy.Request) (deploy.State, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail[r.LogicalID]; err != nil {
		return deploy.State{}, err
	}
	w.stand[r.PhysicalID] = string(r.Props.Canonical())
	return deploy.State{PhysicalID: r.PhysicalID, Attrs: map[string]string{"Arn": "arn:" + r.PhysicalID}}, nil
}

func (w *things) Delete(_ context.Context, r *deploy.Request) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail["delete "+r.LogicalID]; err != nil {
		return err
	}
	delete(w.stand, r.PhysicalID)
	return nil
}

func (w *things) Read(_ context.Context, r *deploy.Request) (deploy.State, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.stand[r.Name]; !ok {
		return deploy.State{}, deploy.ErrNotFound
	}
	return deploy.State{PhysicalID: r.Name, Attrs: map[string]string{"Arn": "arn:" + r.Name}}, nil
}

func (w *things) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.stand)
}

type objects map[string]string

func (o objects) ReadObject(_ context.Context, bucket, key, _ string) (io.ReadCloser, error) {
	if v, ok := o[bucket+"/"+key]; ok {
		return io.NopCloser(strings.NewReader(v)), nil
	}
	return nil, aws.StatusErrorf(404, "NoSuchKey", "The specified key does not exist.")
}

func open(t *testing.T, store kv.Store, w *things) *cloudformation.Service {
	t.Helper()
	s := cloudformation.New(cloudformation.Options{Store: store, Clock: clock.System(), Logger: slog.New(slog.DiscardHandler), Objects: objects{"b/t.yaml": one},
		Engine: func(string, string) cloudformation.Engine {
			return &deploy.Engine{Providers: deploy.Registry{"Test::Thing": w, "AWS::IAM::Role": w}}
		}})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

const one = `
Parameters: {Size: {Type: Number, Default: 1}, Secret: {Type: String, NoEcho: true, Default: hush}}
Resources:
  A: {Type: Test::Thing, Properties: {Size: !Ref Size}}
  B: {Type: Test::Thing, Properties: {Link: !GetAtt A.Arn}}
Outputs: {Out: {Value: !Ref A, Export: {Name: !Sub '${AWS::StackName}-a'}}}
`

func ptr[T any](v T) *T { return &v }

// settled waits until a stack is not in progress and describes it.
func settled(t *testing.T, s *cloudformation.Service, name string) types.Stack {
	t.Helper()
	for {
		out, err := s.DescribeStacks(t.Context(), &sdk.DescribeStacksInput{StackName: &name})
		if err != nil {
			t.Fatal(err)
		}
		st := out.Stacks[0]
		if !strings.HasSuffix(string(st.StackStatus), "_IN_PROGRESS") || st.StackStatus == types.StackStatusReviewInProgress {
			return st
		}
		pause()
	}
}

// pause lets the drivers run; what is waited for is a status, not a time.
func pause() {
	timer := time.NewTimer(time.Millisecond)
	defer timer.Stop()
	<-timer.C
}

func create(t *testing.T, s *cloudformation.Service, name, body string) types.Stack {
	t.Helper()
	if _, err := s.CreateStack(t.Context(), &sdk.CreateStackInput{StackName: &name, TemplateBody: &body}); err != nil {
		t.Fatal(err)
	}
	return settled(t, s, name)
}

func TestAStackIsCreatedUpdatedAndDeleted(t *testing.T) {
	t.Parallel()
	w := newThings()
	s := open(t, kvtest.New(t), w)
	st := create(t, s, "shop", one)
	if st.StackStatus != types.StackStatusCreateComplete || len(st.Outputs) != 1 || *st.Outputs[0].ExportName != "shop-a" {
		t.Fatalf("created: %+v", st)
	}
	if p := st.Parameters; len(p) != 2 || *p[0].ParameterValue != "****" || *p[1].ParameterValue != "1" {
		t.Errorf("parameters %v", p)
	}
	_, err := s.UpdateStack(t.Context(), &sdk.UpdateStackInput{StackName: ptr("shop"), UsePreviousTemplate: ptr(true)})
	if !says(err, "ValidationError", "No updates are to be performed.") {
		t.Errorf("an update without a difference: %v", err)
	}
	_, err = s.UpdateStack(t.Context(), &sdk.UpdateStackInput{StackName: ptr("shop"), UsePreviousTemplate: ptr(true), Parameters: []types.Parameter{{ParameterKey: ptr("Size"), ParameterValue: ptr("2")}, {ParameterKey: ptr("Secret"), UsePreviousValue: ptr(true)}}})
	if err != nil {
		t.Fatal(err)
	}
	if st = settled(t, s, "shop"); st.StackStatus != types.StackStatusUpdateComplete {
		t.Fatalf("updated: %s %v", st.StackStatus, st.StackStatusReason)
	}
	ev, err := s.DescribeStackEvents(t.Context(), &sdk.DescribeStackEventsInput{StackName: ptr("shop")})
	if err != nil || ev.StackEvents[0].ResourceStatus != types.ResourceStatusUpdateComplete || *ev.StackEvents[len(ev.StackEvents)-1].ResourceStatusReason != "User Initiated" {
		t.Errorf("events: %v %v", ev, err)
	}
	if at := slices.IndexFunc(ev.StackEvents, func(e types.StackEvent) bool {
		return e.ResourceStatusReason != nil && *e.ResourceStatusReason == "Resource creation Initiated"
	}); at < 1 || *ev.StackEvents[at].PhysicalResourceId == "" || ev.StackEvents[at-1].ResourceStatus == types.ResourceStatusCreateInProgress {
		t.Errorf("no event tells a physical id before the resource is complete: %v", ev)
	}
	if _, err := s.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: ptr("shop")}); err != nil {
		t.Fatal(err)
	}
	if st = settled(t, s, *st.StackId); st.StackStatus != types.StackStatusDeleteComplete || w.count() != 0 {
		t.Errorf("deleted: %s, %d stand", st.StackStatus, w.count())
	}
	_, err = s.DescribeStacks(t.Context(), &sdk.DescribeStacksInput{StackName: ptr("shop")})
	if !says(err, "ValidationError", "Stack with id shop does not exist") {
		t.Errorf("a deleted stack by its name: %v", err)
	}
}

func TestACallWaitsForItsStackAsLongAsItIsAskedTo(t *testing.T) {
	t.Parallel()
	w := newThings()
	s := cloudformation.New(cloudformation.Options{Store: kvtest.New(t), Clock: clock.System(), Logger: slog.New(slog.DiscardHandler), Settle: time.Minute,
		Engine: func(string, string) cloudformation.Engine {
			return &deploy.Engine{Providers: deploy.Registry{"Test::Thing": w}}
		}})
	t.Cleanup(func() { _ = s.Close() })
	body := one
	if _, err := s.CreateStack(t.Context(), &sdk.CreateStackInput{StackName: ptr("shop"), TemplateBody: &body}); err != nil {
		t.Fatal(err)
	}
	out, err := s.DescribeStacks(t.Context(), &sdk.DescribeStacksInput{StackName: ptr("shop")})
	if err != nil || out.Stacks[0].StackStatus != types.StackStatusCreateComplete {
		t.Errorf("at once: %v %v", out, err)
	}
}

func says(err error, code, text string) bool {
	e, ok := aws.AsError(err)
	return ok && e.Code == code && strings.Contains(e.Message, text)
}

func TestAFailedCreateRollsBackAndAFailedUpdatePutsBack(t *testing.T) {
	t.Parallel()
	w := newThings()
	w.fail["B"] = errors.New("no room")
	s := open(t, kvtest.New(t), w)
	st := create(t, s, "shop", one)
	if st.StackStatus != types.StackStatusRollbackComplete || w.count() != 0 {
		t.Errorf("%s, %d stand", st.StackStatus, w.count())
	}
	delete(w.fail, "B")
	create(t, s, "two", one)
	w.fail["C"] = errors.New("no room")
	body := strings.Replace(one, "Outputs", "  C: {Type: Test::Thing, DependsOn: A, Properties: {Size: 1}}\nOutputs", 1)
	if _, err := s.UpdateStack(t.Context(), &sdk.UpdateStackInput{StackName: ptr("two"), TemplateBody: &body, Parameters: []types.Parameter{{ParameterKey: ptr("Size"), ParameterValue: ptr("9")}}}); err != nil {
		t.Fatal(err)
	}
	st = settled(t, s, "two")
	if st.StackStatus != types.StackStatusUpdateRollbackComplete || *st.Parameters[1].ParameterValue != "1" {
		t.Errorf("%s %v", st.StackStatus, st.Parameters)
	}
	for _, v := range w.stand {
		if strings.Contains(v, "9") {
			t.Errorf("not put back: %s", v)
		}
	}
	for _, on := range []struct {
		onFailure types.OnFailure
		want      types.StackStatus
	}{{types.OnFailureDoNothing, types.StackStatusCreateFailed}, {types.OnFailureDelete, types.StackStatusDeleteComplete}} {
		out, err := s.CreateStack(t.Context(), &sdk.CreateStackInput{StackName: ptr("x-" + strings.ReplaceAll(string(on.onFailure), "_", "")), TemplateBody: &body, OnFailure: on.onFailure})
		if err != nil {
			t.Fatal(err)
		}
		if st := settled(t, s, *out.StackId); st.StackStatus != on.want {
			t.Errorf("on failure %s: %s", on.onFailure, st.StackStatus)
		}
	}
}

func TestAStackKilledOnItsWayIsFinishedByTheNextStart(t *testing.T) {
	t.Parallel()
	store, w := kvtest.New(t), newThings()
	w.gate = make(chan struct{})
	first := open(t, store, w)
	body := one
	if _, err := first.CreateStack(t.Context(), &sdk.CreateStackInput{StackName: ptr("shop"), TemplateBody: &body}); err != nil {
		t.Fatal(err)
	}
	<-w.begun // A is being made
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	close(w.gate)
	second := open(t, store, w)
	if st := settled(t, second, "shop"); st.StackStatus != types.StackStatusCreateComplete || w.count() != 2 {
		t.Errorf("%s, %d stand", st.StackStatus, w.count())
	}
}

func TestDeletingAStackThatIsBeingMadeStopsIt(t *testing.T) {
	t.Parallel()
	w := newThings()
	w.gate = make(chan struct{})
	s := open(t, kvtest.New(t), w)
	body := one
	out, err := s.CreateStack(t.Context(), &sdk.CreateStackInput{StackName: ptr("shop"), TemplateBody: &body})
	if err != nil {
		t.Fatal(err)
	}
	<-w.begun
	if _, err := s.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: ptr("shop")}); err != nil {
		t.Fatal(err)
	}
	if st := settled(t, s, *out.StackId); st.StackStatus != types.StackStatusDeleteComplete || w.count() != 0 {
		t.Errorf("%s, %d stand", st.StackStatus, w.count())
	}
}

func TestAnUpdateCanBeCancelled(t *testing.T) {
	t.Parallel()
	w := newThings()
	s := open(t, kvtest.New(t), w)
	create(t, s, "shop", one)
	<-w.begun
	<-w.begun
	w.gate = make(chan struct{})
	body := strings.Replace(one, "Outputs", "  C: {Type: Test::Thing, Properties: {Size: 1}}\nOutputs", 1)
	if _, err := s.UpdateStack(t.Context(), &sdk.UpdateStackInput{StackName: ptr("shop"), TemplateBody: &body}); err != nil {
		t.Fatal(err)
	}
	<-w.begun
	if _, err := s.CancelUpdateStack(t.Context(), &sdk.CancelUpdateStackInput{StackName: ptr("shop")}); err != nil {
		t.Fatal(err)
	}
	if st := settled(t, s, "shop"); st.StackStatus != types.StackStatusUpdateRollbackComplete || w.count() != 2 {
		t.Errorf("%s, %d stand", st.StackStatus, w.count())
	}
}

func TestChangeSetsShowAndCarryOutChanges(t *testing.T) {
	t.Parallel()
	w := newThings()
	s := open(t, kvtest.New(t), w)
	body := one
	cs, err := s.CreateChangeSet(t.Context(), &sdk.CreateChangeSetInput{StackName: ptr("shop"), ChangeSetName: ptr("first"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: &body})
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.DescribeChangeSet(t.Context(), &sdk.DescribeChangeSetInput{ChangeSetName: cs.Id})
	if err != nil || d.Status != types.ChangeSetStatusCreateComplete || len(d.Changes) != 2 || d.Changes[0].ResourceChange.Action != types.ChangeActionAdd {
		t.Fatalf("%+v %v", d, err)
	}
	if st := settled(t, s, "shop"); st.StackStatus != types.StackStatusReviewInProgress {
		t.Errorf("status %s", st.StackStatus)
	}
	if _, err := s.ExecuteChangeSet(t.Context(), &sdk.ExecuteChangeSetInput{ChangeSetName: ptr("first"), StackName: ptr("shop")}); err != nil {
		t.Fatal(err)
	}
	if st := settled(t, s, "shop"); st.StackStatus != types.StackStatusCreateComplete || *st.ChangeSetId != *cs.Id {
		t.Errorf("status %s", st.StackStatus)
	}
	if _, err := s.CreateChangeSet(t.Context(), &sdk.CreateChangeSetInput{StackName: ptr("shop"), ChangeSetName: ptr("same"), TemplateBody: &body}); err != nil {
		t.Fatal(err)
	}
	d, err = s.DescribeChangeSet(t.Context(), &sdk.DescribeChangeSetInput{ChangeSetName: ptr("same"), StackName: ptr("shop")})
	if err != nil || d.Status != types.ChangeSetStatusFailed || !strings.HasPrefix(*d.StatusReason, "The submitted information didn't contain changes.") {
		t.Errorf("%+v %v", d, err)
	}
	_, err = s.ExecuteChangeSet(t.Context(), &sdk.ExecuteChangeSetInput{ChangeSetName: ptr("same"), StackName: ptr("shop")})
	if !says(err, "InvalidChangeSetStatus", "cannot be executed in its current status of [FAILED]") {
		t.Errorf("%v", err)
	}
	changed := strings.Replace(one, "Size: !Ref Size", "Size: !Ref Size, Kind: k", 1)
	if _, err := s.CreateChangeSet(t.Context(), &sdk.CreateChangeSetInput{StackName: ptr("shop"), ChangeSetName: ptr("kind"), TemplateBody: &changed}); err != nil {
		t.Fatal(err)
	}
	d, err = s.DescribeChangeSet(t.Context(), &sdk.DescribeChangeSetInput{ChangeSetName: ptr("kind"), StackName: ptr("shop")})
	if err != nil || d.Changes[0].ResourceChange.Replacement != types.ReplacementTrue || d.Changes[1].ResourceChange.Details[0].Evaluation != types.EvaluationTypeDynamic {
		t.Errorf("%+v %v", d, err)
	}
	if _, err := s.DeleteChangeSet(t.Context(), &sdk.DeleteChangeSetInput{ChangeSetName: ptr("kind"), StackName: ptr("shop")}); err != nil {
		t.Error(err)
	}
}

func TestExportsTieStacksTogether(t *testing.T) {
	t.Parallel()
	s := open(t, kvtest.New(t), newThings())
	create(t, s, "net", one)
	user := "Resources: {U: {Type: Test::Thing, Properties: {Link: !ImportValue net-a}}}"
	create(t, s, "app", user)
	x, err := s.ListExports(t.Context(), &sdk.ListExportsInput{})
	if err != nil || len(x.Exports) != 1 || *x.Exports[0].Name != "net-a" {
		t.Errorf("%v %v", x, err)
	}
	if im, err := s.ListImports(t.Context(), &sdk.ListImportsInput{ExportName: ptr("net-a")}); err != nil || im.Imports[0] != "app" {
		t.Errorf("%v %v", im, err)
	}
	if _, err := s.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: ptr("net")}); err != nil {
		t.Fatal(err)
	}
	if st := settled(t, s, "net"); st.StackStatus != types.StackStatusDeleteFailed || *st.StackStatusReason != "Export net-a cannot be deleted as it is in use by app" {
		t.Errorf("%s %v", st.StackStatus, *st.StackStatusReason)
	}
	again := strings.Replace(one, "!Sub '${AWS::StackName}-a'", "net-a", 1)
	if st := create(t, s, "other", again); st.StackStatus != types.StackStatusRollbackComplete {
		t.Errorf("a second export of the name: %s", st.StackStatus)
	}
	_, err = s.CreateStack(t.Context(), &sdk.CreateStackInput{StackName: ptr("bad"), TemplateBody: ptr(strings.Replace(user, "net-a", "nope", 1))})
	if !says(err, "ValidationError", "template:1:81: nope — No export named nope found. — deploy the stack that exports it first") {
		t.Errorf("an export that is not there: %v", err)
	}
}

func TestWhatCannotBeEvaluatedIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t, kvtest.New(t), newThings())
	for property, want := range map[string]string{
		"!FindInMap [M, other, k]": "Unable to get mapping for M::other::k",
		"!Select [5, [a, b]]":      "Fn::Select cannot select nonexistent value at index 5",
	} {
		body := "Mappings: {M: {a: {k: v}}}\nResources: {U: {Type: Test::Thing, Properties: {Link: " + property + "}}}"
		_, err := s.CreateStack(t.Context(), &sdk.CreateStackInput{StackName: ptr("bad"), TemplateBody: &body})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", property, err)
		}
	}
	if out, err := s.ListStacks(t.Context(), &sdk.ListStacksInput{}); err != nil || len(out.StackSummaries) != 0 {
		t.Errorf("stacks %v, %v", out, err)
	}
}

func TestRequestsAreRefusedInAWSsWords(t *testing.T) {
	t.Parallel()
	s := open(t, kvtest.New(t), newThings())
	create(t, s, "shop", one)
	role := "Resources: {R: {Type: AWS::IAM::Role, Properties: {Name: x}}}"
	named := "Resources: {R: {Type: AWS::IAM::Role, Properties: {RoleName: x}}}"
	for name, c := range map[string]struct {
		in         sdk.CreateStackInput
		code, text string
	}{
		"taken":             {sdk.CreateStackInput{StackName: ptr("shop"), TemplateBody: ptr(one)}, "AlreadyExistsException", "Stack [shop] already exists"},
		"bad name":          {sdk.CreateStackInput{StackName: ptr("1x"), TemplateBody: ptr(one)}, "ValidationError", "Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"},
		"no template":       {sdk.CreateStackInput{StackName: ptr("x")}, "ValidationError", "Either Template URL or Template Body must be specified."},
		"two":               {sdk.CreateStackInput{StackName: ptr("x"), TemplateBody: ptr(one), TemplateURL: ptr("https://b.s3.amazonaws.com/t.yaml")}, "ValidationError", "not both"},
		"long":              {sdk.CreateStackInput{StackName: ptr("x"), TemplateBody: ptr(one + "#" + strings.Repeat("x", 51200))}, "ValidationError", "less than or equal to 51200"},
		"no object":         {sdk.CreateStackInput{StackName: ptr("x"), TemplateURL: ptr("https://b.s3.amazonaws.com/none")}, "ValidationError", "S3 error: The specified key does not exist."},
		"unknown parameter": {sdk.CreateStackInput{StackName: ptr("x"), TemplateBody: ptr(one), Parameters: []types.Parameter{{ParameterKey: ptr("No"), ParameterValue: ptr("1")}}}, "ValidationError", "Parameters: [No] do not exist in the template"},
		"output":            {sdk.CreateStackInput{StackName: ptr("x"), TemplateBody: ptr("Resources: {A: {Type: Test::Thing}}\nOutputs: {O: {Value: !Select [9, [a]]}}")}, "ValidationError", "Fn::Select cannot select nonexistent value at index 9"},
		"output's import":   {sdk.CreateStackInput{StackName: ptr("x"), TemplateBody: ptr("Resources: {A: {Type: Test::Thing}}\nOutputs: {O: {Value: !ImportValue nope}}")}, "ValidationError", "No export named nope found."},
		"capability":        {sdk.CreateStackInput{StackName: ptr("x"), TemplateBody: &role}, "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]"},
		"unknown type":      {sdk.CreateStackInput{StackName: ptr("x"), TemplateBody: ptr("Resources: {A: {Type: AWS::EC2::VPC}}")}, "ValidationError", "template:1:23: AWS::EC2::VPC — Template format error: Unrecognized resource types: [AWS::EC2::VPC]"},
		"syntax":            {sdk.CreateStackInput{StackName: ptr("x"), TemplateBody: ptr("Resources: [")}, "ValidationError", "Template format error: YAML not well-formed"},
		"tags":              {sdk.CreateStackInput{StackName: ptr("x"), TemplateBody: ptr(one), Tags: []types.Tag{{Key: ptr("aws:x"), Value: ptr("")}}}, "ValidationError", "aws: prefixed tag key names are not allowed for external use."},
		"too many tags":     {sdk.CreateStackInput{StackName: ptr("x"), TemplateBody: ptr(one), Tags: make([]types.Tag, 51)}, "ValidationError", "less than or equal to 50"},
		"policy":            {sdk.CreateStackInput{StackName: ptr("x"), TemplateBody: ptr(one), StackPolicyBody: ptr("{}")}, "ValidationError", "StackPolicyBody is not supported here."},
	} {
		if _, err := s.CreateStack(t.Context(), &c.in); !says(err, c.code, c.text) {
			t.Errorf("%s: %v, want %s %s", name, err, c.code, c.text)
		}
	}
	v, err := s.ValidateTemplate(t.Context(), &sdk.ValidateTemplateInput{TemplateURL: ptr("http://localhost:4566/b/t.yaml")})
	if err != nil || len(v.Parameters) != 2 {
		t.Errorf("%v %v", v, err)
	}
	if _, err := s.DescribeStackEvents(t.Context(), &sdk.DescribeStackEventsInput{StackName: ptr("none")}); !says(err, "ValidationError", "Stack [none] does not exist") {
		t.Errorf("%v", err)
	}
	sum, err := s.GetTemplateSummary(t.Context(), &sdk.GetTemplateSummaryInput{TemplateBody: &named})
	if err == nil || sum != nil {
		t.Errorf("the fake has no RoleName: %v", sum)
	}
}

func TestPagesOfEventsJoinUp(t *testing.T) {
	t.Parallel()
	s := open(t, kvtest.New(t), newThings())
	var b strings.Builder
	b.WriteString("Resources:\n")
	for i := range 60 {
		fmt.Fprintf(&b, "  R%d: {Type: Test::Thing}\n", i)
	}
	create(t, s, "big", b.String())
	seen := map[string]bool{}
	var token *string
	for {
		out, err := s.DescribeStackEvents(t.Context(), &sdk.DescribeStackEventsInput{StackName: ptr("big"), NextToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out.StackEvents {
			seen[*e.EventId] = true
		}
		if token = out.NextToken; token == nil {
			break
		}
	}
	if len(seen) != 182 {
		t.Errorf("%d events, want 3 for each of 60 resources and 2 for the stack", len(seen))
	}
	if _, err := s.DescribeStackEvents(t.Context(), &sdk.DescribeStackEventsInput{StackName: ptr("big"), NextToken: ptr("x")}); !says(err, "ValidationError", "Invalid NextToken") {
		t.Errorf("%v", err)
	}
}

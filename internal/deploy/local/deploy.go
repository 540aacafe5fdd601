package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// maxInlineBody is the longest template that travels in a request; longer ones
// go by the bucket templateBucket.
const (
	maxInlineBody  = 51200
	templateBucket = "leat-templates"
)

// pollPause is the time between looks at a stack in progress.
const pollPause = 50 * time.Millisecond

// ErrNoChanges is what Plan returns if nothing differs.
var ErrNoChanges = errors.New("no changes")

// Deployer deploys projects through CloudFormation's API.
type Deployer struct {
	Stacks   *cloudformation.Client
	Objects  *s3.Client // for long templates
	Endpoint string     // the base URL that the server knows itself by
	Region   string
	Wait     func() // called between looks at a stack in progress; may be nil
}

// Planned is a change set that waits to be carried out.
type Planned struct {
	StackName string
	ID        string
	StackID   string
	New       bool // the stack is created
	Changes   []types.Change
}

// Plan makes a change set of a project. It returns ErrNoChanges, and the stack
// stays untouched, if nothing differs.
func (d *Deployer) Plan(ctx context.Context, p *Project) (*Planned, error) {
	exists, err := d.exists(ctx, p.StackName)
	if err != nil {
		return nil, err
	}
	in := &cloudformation.CreateChangeSetInput{StackName: &p.StackName, ChangeSetName: aws.String("leat-" + fmt.Sprint(time.Now().UnixNano())), ChangeSetType: types.ChangeSetTypeCreate,
		Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam, types.CapabilityCapabilityAutoExpand}}
	if exists {
		in.ChangeSetType = types.ChangeSetTypeUpdate
	}
	for _, k := range slices.Sorted(maps.Keys(p.Parameters)) {
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: aws.String(k), ParameterValue: aws.String(p.Parameters[k])})
	}
	for _, k := range slices.Sorted(maps.Keys(p.Tags)) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(k), Value: aws.String(p.Tags[k])})
	}
	if err := d.upload(ctx, p); err != nil {
		return nil, err
	}
	if err := d.body(ctx, p, in); err != nil {
		return nil, err
	}
	cs, err := d.Stacks.CreateChangeSet(ctx, in)
	if err != nil {
		return nil, err
	}
	planned := &Planned{StackName: p.StackName, ID: aws.ToString(cs.Id), StackID: aws.ToString(cs.StackId), New: !exists}
	return planned, d.fill(ctx, planned)
}

// body puts the template into the request, or into a bucket if it is long.
func (d *Deployer) body(ctx context.Context, p *Project, in *cloudformation.CreateChangeSetInput) error {
	if len(p.Body) <= maxInlineBody {
		in.TemplateBody = &p.Body
		return nil
	}
	if err := d.bucket(ctx, templateBucket); err != nil {
		return err
	}
	key := p.StackName + ".json"
	if _, err := d.Objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(templateBucket), Key: &key, Body: strings.NewReader(p.Body)}); err != nil {
		return err
	}
	in.TemplateURL = aws.String(d.Endpoint + "/" + templateBucket + "/" + key)
	return nil
}

// bucket makes a bucket unless it is there.
func (d *Deployer) bucket(ctx context.Context, name string) error {
	in := &s3.CreateBucketInput{Bucket: &name}
	if d.Region != "us-east-1" {
		in.CreateBucketConfiguration = &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(d.Region)}
	}
	_, err := d.Objects.CreateBucket(ctx, in)
	var api smithy.APIError
	if errors.As(err, &api) && strings.HasPrefix(api.ErrorCode(), "BucketAlready") {
		return nil
	}
	return err
}

// upload puts ready archives into CodeBucket, unless they are there already.
func (d *Deployer) upload(ctx context.Context, p *Project) error {
	if len(p.Archives) == 0 {
		return nil
	}
	if err := d.bucket(ctx, CodeBucket); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(p.Archives)) {
		if _, err := d.Objects.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(CodeBucket), Key: &key}); err == nil {
			continue
		}
		if err := d.put(ctx, key, p.Archives[key]); err != nil {
			return fmt.Errorf("uploading %s: %w", p.Archives[key].Path, err)
		}
	}
	return nil
}

func (d *Deployer) put(ctx context.Context, key string, a Archive) error {
	in := &s3.PutObjectInput{Bucket: aws.String(CodeBucket), Key: &key}
	if a.Data != nil {
		in.Body = bytes.NewReader(a.Data)
		_, err := d.Objects.PutObject(ctx, in)
		return err
	}
	f, err := os.Open(a.Path)
	if err != nil {
		return err
	}
	in.Body = f
	_, err = d.Objects.PutObject(ctx, in)
	return errors.Join(err, f.Close())
}

// exists reports whether a stack can be updated. One whose creation was rolled back is
// deleted, as CloudFormation's own tools ask for.
func (d *Deployer) exists(ctx context.Context, name string) (bool, error) {
	st, err := d.describe(ctx, name)
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "ValidationError" {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch st.StackStatus {
	case types.StackStatusReviewInProgress:
		return false, nil
	case types.StackStatusRollbackComplete, types.StackStatusRollbackFailed, types.StackStatusDeleteFailed:
		if err := d.Destroy(ctx, name, nil); err != nil {
			return false, err
		}
		return false, nil
	}
	return true, nil
}

func (d *Deployer) describe(ctx context.Context, name string) (types.Stack, error) {
	out, err := d.Stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		return types.Stack{}, err
	}
	return out.Stacks[0], nil
}

// fill reads the changes of a change set.
func (d *Deployer) fill(ctx context.Context, p *Planned) error {
	pages := cloudformation.NewDescribeChangeSetPaginator(d.Stacks, &cloudformation.DescribeChangeSetInput{ChangeSetName: &p.ID})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		if out.Status == types.ChangeSetStatusFailed {
			if err := d.Discard(ctx, p); err != nil {
				return err
			}
			if reason := aws.ToString(out.StatusReason); !strings.Contains(reason, "didn't contain changes") {
				return errors.New(reason)
			}
			return ErrNoChanges
		}
		p.Changes = append(p.Changes, out.Changes...)
	}
	return nil
}

// Discard drops a plan; a stack that was only planned goes with it.
func (d *Deployer) Discard(ctx context.Context, p *Planned) error {
	if p.New {
		return d.Destroy(ctx, p.StackName, nil)
	}
	_, err := d.Stacks.DeleteChangeSet(ctx, &cloudformation.DeleteChangeSetInput{ChangeSetName: &p.ID})
	return err
}

// Carry carries a plan out and returns the stack as it ends. Each event is shown as it
// happens, oldest first. A stack that ends in a failure is an error with its reason.
func (d *Deployer) Carry(ctx context.Context, p *Planned, show func(types.StackEvent)) (types.Stack, error) {
	seen, err := d.lastEvent(ctx, p.StackID)
	if err != nil {
		return types.Stack{}, err
	}
	if _, err := d.Stacks.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{ChangeSetName: &p.ID}); err != nil {
		return types.Stack{}, err
	}
	return d.follow(ctx, p.StackID, seen, show)
}

// Destroy deletes a stack and waits until it is gone.
func (d *Deployer) Destroy(ctx context.Context, name string, show func(types.StackEvent)) error {
	st, err := d.describe(ctx, name)
	if err != nil {
		return err
	}
	seen, err := d.lastEvent(ctx, *st.StackId)
	if err != nil {
		return err
	}
	if _, err := d.Stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: st.StackId}); err != nil {
		return err
	}
	_, err = d.follow(ctx, *st.StackId, seen, show)
	return err
}

func (d *Deployer) lastEvent(ctx context.Context, id string) (string, error) {
	out, err := d.Stacks.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: &id})
	if err != nil || len(out.StackEvents) == 0 {
		return "", err
	}
	return aws.ToString(out.StackEvents[0].EventId), nil
}

// follow shows events until the stack is no longer in progress.
func (d *Deployer) follow(ctx context.Context, id, seen string, show func(types.StackEvent)) (types.Stack, error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var failures []string
	for {
		select {
		case <-ctx.Done():
			return types.Stack{}, ctx.Err()
		case <-timer.C:
		}
		st, err := d.describe(ctx, id)
		if err != nil {
			return st, err
		}
		fresh, err := d.eventsSince(ctx, id, seen)
		if err != nil {
			return st, err
		}
		for _, e := range fresh {
			seen = aws.ToString(e.EventId)
			if strings.HasSuffix(string(e.ResourceStatus), "_FAILED") && aws.ToString(e.PhysicalResourceId) != id {
				failures = append(failures, aws.ToString(e.LogicalResourceId)+": "+aws.ToString(e.ResourceStatusReason))
			}
			if show != nil {
				show(e)
			}
		}
		if strings.HasSuffix(string(st.StackStatus), "_IN_PROGRESS") {
			if d.Wait != nil {
				d.Wait()
			}
			timer.Reset(pollPause)
			continue
		}
		return st, failure(st, failures)
	}
}

// failure is the error of a stack that did not end as it should.
func failure(st types.Stack, failures []string) error {
	switch st.StackStatus {
	case types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusDeleteComplete:
		return nil
	}
	if len(failures) == 0 { // the stack as a whole was refused: an export of it is in use, say
		failures = []string{aws.ToString(st.StackStatusReason)}
	}
	return fmt.Errorf("stack %s ended as %s: %s", aws.ToString(st.StackName), st.StackStatus, strings.Join(failures, "; "))
}

// eventsSince reads the events after one, oldest first.
func (d *Deployer) eventsSince(ctx context.Context, id, seen string) ([]types.StackEvent, error) {
	var fresh []types.StackEvent
	pages := cloudformation.NewDescribeStackEventsPaginator(d.Stacks, &cloudformation.DescribeStackEventsInput{StackName: &id})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, e := range out.StackEvents {
			if aws.ToString(e.EventId) == seen {
				slices.Reverse(fresh)
				return fresh, nil
			}
			fresh = append(fresh, e)
		}
	}
	slices.Reverse(fresh)
	return fresh, nil
}

package cloudformation

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

var stackNames = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]{0,127}$`)

// uuid makes a random identity as AWS writes them.
func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func (p place) stackID(name string) string {
	return "arn:aws:cloudformation:" + p.region + ":" + p.account + ":stack/" + name + "/" + uuid()
}

// CreateStack creates a stack from a template and answers at once; the stack is
// made in the background, and survives a restart on its way.
//
// Limits: template 51,200 bytes in the request, 1 MiB by URL; 500 resources; 200 parameters, outputs and mappings;
// 50 tags; 2,000 stacks; 64 stacks in progress at a time.
// Errors: AlreadyExistsException, InsufficientCapabilitiesException, LimitExceededException, TokenAlreadyExistsException, ValidationError.
// Differs: what cannot be evaluated, an export that is not there included, is refused at once. A template's problem is worded `place: text — AWS's reason — next step`. RoleARN is kept and
// shown, but resources are made with the platform's own rights. ResourceTypes, RollbackConfiguration, StackPolicyBody, StackPolicyURL and
// RetainExceptOnCreate are refused.
func (s *Service) CreateStack(ctx context.Context, in *cloudformation.CreateStackInput) (*cloudformation.CreateStackOutput, error) {
	if err := refuse(map[string]bool{"ResourceTypes": len(in.ResourceTypes) > 0, "RollbackConfiguration": monitored(in.RollbackConfiguration), "StackPolicyBody": in.StackPolicyBody != nil,
		"StackPolicyURL": in.StackPolicyURL != nil, "RetainExceptOnCreate": in.RetainExceptOnCreate != nil && *in.RetainExceptOnCreate}); err != nil {
		return nil, err
	}
	name := deref(in.StackName)
	if !stackNames.MatchString(name) {
		return nil, validation("1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*", name)
	}
	if in.OnFailure != "" && in.DisableRollback != nil {
		return nil, validation("Either DisableRollback or OnFailure can be specified, not both.")
	}
	rev, _, err := s.revise(ctx, name, request{body: in.TemplateBody, url: in.TemplateURL, parameters: in.Parameters, tags: in.Tags, capabilities: in.Capabilities, topics: in.NotificationARNs, role: in.RoleARN})
	if err != nil {
		return nil, err
	}
	p := here(ctx)
	st := &stack{ID: p.stackID(name), Name: name, Account: p.account, Region: p.region, Status: creating, Reason: "User Initiated", Created: s.o.Clock.Now().UTC(), Current: *rev,
		OnFailure: string(in.OnFailure), DisableRollback: in.DisableRollback != nil && *in.DisableRollback, Protected: in.EnableTerminationProtection != nil && *in.EnableTerminationProtection,
		Token: deref(in.ClientRequestToken)}
	if in.TimeoutInMinutes != nil {
		st.TimeoutMinutes = *in.TimeoutInMinutes
	}
	if _, err := s.plan(ctx, st, rev); err != nil { // what cannot be evaluated is refused now, not by a rollback
		return nil, err
	}
	id, err := s.enter(ctx, st)
	if err != nil {
		return nil, err
	}
	return &cloudformation.CreateStackOutput{StackId: &id}, nil
}

func monitored(c *types.RollbackConfiguration) bool {
	return c != nil && (len(c.RollbackTriggers) > 0 || c.MonitoringTimeInMinutes != nil && *c.MonitoringTimeInMinutes > 0)
}

// refuse refuses parameters that nothing acts on.
func refuse(given map[string]bool) error {
	for name, is := range given {
		if is {
			return validation("%s is not supported here.", name)
		}
	}
	return nil
}

// enter stores a new stack and begins to make it. The same token again gives the
// same stack.
func (s *Service) enter(ctx context.Context, st *stack) (string, error) {
	if s.busy() {
		return "", aws.Errorf("LimitExceededException", "Limit for stacks in progress has been exceeded")
	}
	id := st.ID
	fresh := false
	err := s.o.Store.Update(ctx, func(t kv.Txn) error {
		fresh, id = false, st.ID
		taken, err := get[string](t, st.place().key("name", st.Name))
		if err != nil {
			return err
		}
		if taken != nil {
			old, err := load(t, st.place(), *taken)
			if err != nil {
				return err
			}
			if st.Token != "" && old.Token == st.Token {
				id = old.ID
				return nil
			}
			return aws.Errorf("AlreadyExistsException", "Stack [%s] already exists", st.Name)
		}
		stacks, err := stacksOf(t, st.place())
		if err != nil {
			return err
		}
		live := 0
		for _, x := range stacks {
			if x.Status != deleted {
				live++
			}
		}
		if live >= maxStacks {
			return aws.Errorf("LimitExceededException", "Limit for stack has been exceeded")
		}
		fresh = true
		st.Events = 0
		if err := s.stackEvent(t, st); err != nil {
			return err
		}
		if err := put(t, st.place().key("name", st.Name), &st.ID); err != nil {
			return err
		}
		return put(t, st.key(), st)
	})
	if err == nil && fresh && st.inProgress() {
		s.drive(st)
		s.settled(ctx, st.ID)
	}
	return id, err
}

package iam

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/policy"
)

// maxSimulations bounds actions × resources of one simulation.
const maxSimulations = 10_000

// SimulatePrincipalPolicy tells what a role's or user's policies decide on actions and resources.
//
// Limits: 10,000 pairs of action and resource.
// Errors: NoSuchEntity, InvalidInput.
// Differs: one page; permissions boundary lists, policy exclusion lists and resource handling options are refused; matched statements are not told.
func (s *Service) SimulatePrincipalPolicy(ctx context.Context, in *iam.SimulatePrincipalPolicyInput) (*iam.SimulatePrincipalPolicyOutput, error) {
	if len(in.PermissionsBoundaryPolicyInputList) > 0 || len(in.PolicyExclusionList) > 0 || in.ResourceHandlingOption != nil || in.ResourceOwner != nil {
		return nil, aws.Errorf("InvalidInput", "Permissions boundary and exclusion lists, resource owner and handling options are not supported.")
	}
	arn, err := aws.ParseARN(*in.PolicySourceArn)
	if err != nil {
		return nil, aws.Errorf("InvalidInput", "Invalid Entity Arn: %s does not clearly define entity type and name.", *in.PolicySourceArn)
	}
	kind, _, _ := strings.Cut(arn.Resource, "/")
	id := &identity{}
	err = s.store.View(ctx, func(r kv.Reader) error {
		p, err := loadPrincipal(r, arn.Account, kind, lastElement(arn.Resource))
		if err != nil {
			return err
		}
		return s.gather(r, p, id)
	})
	if err != nil {
		return nil, err
	}
	results, err := s.simulate(id, in.PolicyInputList, simulation{
		actions: in.ActionNames, resources: in.ResourceArns, entries: in.ContextEntries,
		resourcePolicy: deref(in.ResourcePolicy), principal: *in.PolicySourceArn, account: arn.Account,
	})
	return &iam.SimulatePrincipalPolicyOutput{EvaluationResults: results}, err
}

// SimulateCustomPolicy tells what given policies decide on actions and resources.
//
// Limits: 10,000 pairs of action and resource.
// Errors: InvalidInput.
// Differs: as SimulatePrincipalPolicy.
func (s *Service) SimulateCustomPolicy(ctx context.Context, in *iam.SimulateCustomPolicyInput) (*iam.SimulateCustomPolicyOutput, error) {
	if len(in.PermissionsBoundaryPolicyInputList) > 0 || in.ResourceHandlingOption != nil || in.ResourceOwner != nil {
		return nil, aws.Errorf("InvalidInput", "Permissions boundary lists, resource owner and handling options are not supported.")
	}
	results, err := s.simulate(&identity{}, in.PolicyInputList, simulation{
		actions: in.ActionNames, resources: in.ResourceArns, entries: in.ContextEntries,
		resourcePolicy: deref(in.ResourcePolicy), principal: deref(in.CallerArn), account: account(ctx),
	})
	return &iam.SimulateCustomPolicyOutput{EvaluationResults: results}, err
}

type simulation struct {
	actions, resources []string
	entries            []types.ContextEntry
	resourcePolicy     string
	principal, account string
}

func (s *Service) simulate(id *identity, more []string, sim simulation) ([]types.EvaluationResult, error) {
	if len(sim.resources) == 0 {
		sim.resources = []string{"*"}
	}
	if len(sim.actions)*len(sim.resources) > maxSimulations {
		return nil, aws.Errorf("InvalidInput", "At most %d pairs of action and resource can be simulated.", maxSimulations)
	}
	docs := append([]*policy.Document{}, id.policies...)
	for _, text := range more {
		doc, err := policy.Parse(text)
		if err != nil {
			return nil, aws.Errorf("InvalidInput", "Invalid policy document: %v", err)
		}
		docs = append(docs, doc)
	}
	keys := map[string][]string{}
	for _, e := range sim.entries {
		keys[strings.ToLower(deref(e.ContextKeyName))] = e.ContextKeyValues
	}
	results := []types.EvaluationResult{}
	for _, action := range sim.actions {
		for _, resource := range sim.resources {
			req := &policy.Request{Action: action, Resource: resource, Principal: sim.principal, Account: sim.account, Context: keys}
			decision, err := sim.decide(req, docs, id.boundary)
			if err != nil {
				return nil, err
			}
			results = append(results, types.EvaluationResult{
				EvalActionName: ptr(action), EvalResourceName: ptr(resource),
				EvalDecision:      types.PolicyEvaluationDecisionType(decision.String()),
				MatchedStatements: []types.Statement{}, MissingContextValues: []string{},
			})
		}
	}
	return results, nil
}

func (sim *simulation) decide(req *policy.Request, docs, boundary []*policy.Document) (policy.Decision, error) {
	decision := policy.Identity(req, docs...)
	if boundary != nil && decision == policy.Allow {
		decision = policy.Identity(req, boundary...)
	}
	if sim.resourcePolicy == "" || decision == policy.ExplicitDeny {
		return decision, nil
	}
	doc, err := policy.Parse(sim.resourcePolicy)
	if err != nil {
		return decision, aws.Errorf("InvalidInput", "Invalid policy document: %v", err)
	}
	if byResource := policy.Resource(req, doc); byResource != policy.ImplicitDeny {
		return byResource, nil
	}
	return decision, nil
}

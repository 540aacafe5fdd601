package iam

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/policy"
)

// policyCache keeps compiled identity policies between changes of any policy.
type policyCache struct {
	mu   sync.Mutex
	docs map[string]*identity
	// changes counts clears: what was read before a change must not be kept after it.
	changes uint64
}

// maxCachedIdentities bounds the cache; past it the cache starts afresh.
const maxCachedIdentities = 10_000

// identity is what a principal's policies say.
type identity struct {
	policies []*policy.Document
	boundary []*policy.Document
	tags     map[string]string
	// byTag tells that a policy looks at the tags of resources.
	byTag bool
}

func (c *policyCache) clear() {
	c.mu.Lock()
	c.docs = nil
	c.changes++
	c.mu.Unlock()
}

// get gives an identity, or nil and the count of changes that put asks for.
func (c *policyCache) get(key string) (*identity, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.docs[key], c.changes
}

// put keeps an identity that was read after get, unless policies changed since.
func (c *policyCache) put(key string, id *identity, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if changes != c.changes {
		return
	}
	if c.docs == nil || len(c.docs) >= maxCachedIdentities {
		c.docs = map[string]*identity{}
	}
	c.docs[key] = id
}

// Access is one question: may the caller do Action to Resource.
type Access struct {
	Action   string // "dynamodb:PutItem"
	Resource string // an ARN, or "*"
	// ResourcePolicy is the resource's own policy document, "" if it has none.
	ResourcePolicy string
	// Context are condition keys particular to the service.
	Context map[string][]string
}

// Check refuses what the caller in ctx may not do, in AWS's words. Administrators may do all.
func (s *Service) Check(ctx context.Context, asks ...Access) error {
	caller := aws.RequestFrom(ctx).Caller
	if caller.Admin {
		return nil
	}
	id, err := s.identity(ctx, caller)
	if err != nil {
		return err
	}
	session, byTag, err := s.sessionPolicy(ctx, caller)
	if err != nil {
		return err
	}
	byTag = byTag || id.byTag
	for _, ask := range asks {
		if err := s.addResourceTags(ctx, &ask, byTag); err != nil {
			return err
		}
		if err := s.decide(ctx, caller, id, session, ask); err != nil {
			return err
		}
	}
	return nil
}

// tagKey begins the condition key of a resource's tag.
const tagKey = "aws:resourcetag/"

// looksAtTags finds aws:ResourceTag/KEY and IAM's own name for it, iam:ResourceTag/KEY.
func looksAtTags(document string) bool {
	return strings.Contains(strings.ToLower(document), ":resourcetag/")
}

// addResourceTags gives a question the tags of its resource, if a policy will look at them.
func (s *Service) addResourceTags(ctx context.Context, ask *Access, byTag bool) error {
	if s.tags == nil || ask.Resource == "*" || !byTag && !looksAtTags(ask.ResourcePolicy) {
		return nil
	}
	tags, err := s.tags(ctx, ask.Resource)
	if err != nil || len(tags) == 0 {
		return err
	}
	ask.Context = maps.Clone(ask.Context) // it may be shared
	if ask.Context == nil {
		ask.Context = map[string][]string{}
	}
	for k, v := range tags {
		ask.Context[tagKey+strings.ToLower(k)] = []string{v}
		if strings.HasPrefix(ask.Action, "iam:") {
			ask.Context["iam:resourcetag/"+strings.ToLower(k)] = []string{v}
		}
	}
	return nil
}

// CheckResource asks a resource's own policy alone, as for a caller of another
// account; its administrators are held to it too.
func (s *Service) CheckResource(ctx context.Context, ask Access) error {
	caller := aws.RequestFrom(ctx).Caller
	doc, err := policy.Parse(ask.ResourcePolicy)
	if err == nil {
		req := &policy.Request{
			Action: ask.Action, Resource: ask.Resource, Principal: caller.ARN, RoleARN: caller.RoleARN,
			Account: caller.Account, Context: s.conditionKeys(ctx),
		}
		if policy.Resource(req, doc) == policy.Allow {
			return nil
		}
	}
	return denied(caller, ask, "because no resource-based policy allows the "+ask.Action+" action")
}

func (s *Service) decide(ctx context.Context, caller aws.Caller, id *identity, session []*policy.Document, ask Access) error {
	req := &policy.Request{
		Action: ask.Action, Resource: ask.Resource, Principal: caller.ARN, RoleARN: caller.RoleARN,
		Account: caller.Account, Context: s.conditionKeys(ctx),
	}
	for k, v := range id.tags {
		req.Context["aws:principaltag/"+strings.ToLower(k)] = []string{v}
	}
	for k, v := range ask.Context {
		req.Context[strings.ToLower(k)] = v
	}
	byIdentity := policy.Identity(req, id.policies...)
	if byIdentity == policy.ExplicitDeny {
		return denied(caller, ask, "with an explicit deny in an identity-based policy")
	}
	byResource := policy.ImplicitDeny
	if ask.ResourcePolicy != "" {
		if doc, err := policy.Parse(ask.ResourcePolicy); err == nil {
			byResource = policy.Resource(req, doc)
		}
	}
	if byResource == policy.ExplicitDeny {
		return denied(caller, ask, "with an explicit deny in a resource-based policy")
	}
	for _, bound := range []struct {
		docs []*policy.Document
		word string
	}{{id.boundary, "permissions boundary"}, {session, "session policy"}} {
		if bound.docs == nil {
			continue
		}
		switch policy.Identity(req, bound.docs...) {
		case policy.ExplicitDeny:
			return denied(caller, ask, "with an explicit deny in a "+bound.word)
		case policy.ImplicitDeny:
			if byResource == policy.Allow { // what a resource grants to the session itself needs no other leave
				continue
			}
			return denied(caller, ask, "because no "+bound.word+" allows the "+ask.Action+" action")
		}
	}
	if byIdentity == policy.Allow || byResource == policy.Allow {
		return nil
	}
	return denied(caller, ask, "because no identity-based policy allows the "+ask.Action+" action")
}

// denied words a refusal as AWS does ("Troubleshoot access denied error messages"),
// with the code and the spelling of the service that refuses.
func denied(caller aws.Caller, ask Access, reason string) error {
	service, operation, _ := strings.Cut(ask.Action, ":")
	code, action, on := "AccessDeniedException", ask.Action, ""
	if ask.Resource != "*" {
		on = " on resource: " + ask.Resource
	}
	switch {
	case service == "lambda" && on == "":
		on = " on resource: *"
	case service == "sqs":
		code, action = "AccessDenied", strings.ToLower(ask.Action)
	case service == "sns":
		code, action = "AuthorizationError", "SNS:"+operation
	case service == "iam" && operation != "PassRole":
		code = "AccessDenied"
		if kind, path, ok := strings.Cut(strings.TrimPrefix(on, " on resource: arn:aws:iam::"+caller.Account+":"), "/"); ok && (kind == "role" || kind == "user") {
			on = " on resource: " + kind + " " + lastElement(path)
		}
	case service == "cloudformation" || service == "cloudwatch":
		code = "AccessDenied"
	}
	reason = strings.ReplaceAll(reason, ask.Action, action)
	return aws.StatusErrorf(403, code, "User: %s is not authorized to perform: %s%s %s", caller.ARN, action, on, reason)
}

// identity gathers a principal's policies, compiled.
func (s *Service) identity(ctx context.Context, caller aws.Caller) (*identity, error) {
	kind, name := "user", lastElement(caller.ARN)
	if caller.RoleARN != "" {
		kind, name = "role", lastElement(caller.RoleARN)
	}
	key := caller.Account + "/" + kind + "/" + name
	id, changes := s.policies.get(key)
	if id != nil {
		return id, nil
	}
	id = &identity{}
	err := s.store.View(ctx, func(r kv.Reader) error {
		p, err := loadPrincipal(r, caller.Account, kind, name)
		if aws.IsCode(err, "NoSuchEntity") {
			return nil // deleted: its credentials may do nothing
		}
		if err != nil {
			return err
		}
		return s.gather(r, p, id)
	})
	if err != nil {
		return nil, err
	}
	s.policies.put(key, id, changes)
	return id, nil
}

func (s *Service) gather(r kv.Reader, p *principal, id *identity) error {
	id.tags = p.Tags
	add := func(to *[]*policy.Document, text string) error {
		doc, err := policy.Parse(text)
		*to, id.byTag = append(*to, doc), id.byTag || looksAtTags(text)
		return err
	}
	for _, text := range p.Inline {
		if err := add(&id.policies, text); err != nil {
			return err
		}
	}
	for _, arn := range p.Attached {
		m, err := s.loadPolicy(r, arn)
		if err != nil {
			return err
		}
		if err := add(&id.policies, m.Versions[m.Default].Document); err != nil {
			return err
		}
	}
	if p.Boundary == "" {
		return nil
	}
	m, err := s.loadPolicy(r, p.Boundary)
	if err != nil {
		return err
	}
	return add(&id.boundary, m.Versions[m.Default].Document)
}

// sessionPolicy is the policy an AssumeRole call narrowed the session with; byTag tells that it looks at the tags of resources.
func (s *Service) sessionPolicy(ctx context.Context, caller aws.Caller) (docs []*policy.Document, byTag bool, err error) {
	if caller.RoleARN == "" {
		return nil, false, nil
	}
	k, err := s.find(ctx, caller.AccessKeyID)
	if err != nil || k == nil {
		return nil, false, err
	}
	add := func(text string) error {
		doc, err := policy.Parse(text)
		docs, byTag = append(docs, doc), byTag || looksAtTags(text)
		return err
	}
	if k.SessionDoc != "" {
		if err := add(k.SessionDoc); err != nil {
			return nil, false, err
		}
	}
	if len(k.SessionARNs) == 0 {
		return docs, byTag, nil
	}
	err = s.store.View(ctx, func(r kv.Reader) error {
		for _, arn := range k.SessionARNs {
			m, err := s.loadPolicy(r, arn)
			if err != nil {
				return err // a policy that is gone allows nothing, and says so
			}
			if err := add(m.Versions[m.Default].Document); err != nil {
				return err
			}
		}
		return nil
	})
	return docs, byTag, err
}

// conditionKeys are the global condition keys of a request ("AWS global condition context keys").
func (s *Service) conditionKeys(ctx context.Context) map[string][]string {
	r := aws.RequestFrom(ctx)
	now := s.clock.Now().UTC()
	keys := map[string][]string{
		"aws:currenttime":      {now.Format(time.RFC3339)},
		"aws:epochtime":        {strconv.FormatInt(now.Unix(), 10)},
		"aws:requestedregion":  {r.Region},
		"aws:principalarn":     {r.Caller.ARN},
		"aws:principalaccount": {r.Caller.Account},
		"aws:userid":           {r.Caller.UserID},
		"aws:securetransport":  {strconv.FormatBool(r.TLS)},
	}
	if r.Caller.RoleARN != "" {
		keys["aws:principalarn"] = []string{r.Caller.RoleARN}
		keys["aws:principaltype"] = []string{"AssumedRole"}
	} else if strings.Contains(r.Caller.ARN, ":user/") {
		keys["aws:username"] = []string{lastElement(r.Caller.ARN)}
		keys["aws:principaltype"] = []string{"User"}
	}
	if r.SourceIP != "" {
		keys["aws:sourceip"] = []string{r.SourceIP}
	}
	if r.UserAgent != "" {
		keys["aws:useragent"] = []string{r.UserAgent}
	}
	return keys
}

// lastElement is what follows the last slash.
func lastElement(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }

package resources

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/template"
)

func (c *clients) identities() map[string]*kind {
	return map[string]*kind{
		"AWS::IAM::Role":   {create: c.createRole, update: c.updateRole, remove: c.deleteRole, read: c.readRole},
		"AWS::IAM::Policy": {create: c.putPolicy, update: c.putPolicy, remove: c.deletePolicy},
		"AWS::IAM::RolePolicy": {create: c.putRolePolicy, update: c.putRolePolicy, remove: func(ctx context.Context, r *deploy.Request) error {
			_, err := c.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: ptr(r.Props.Get("RoleName").Text()), PolicyName: ptr(r.Props.Get("PolicyName").Text())})
			return err
		}},
		"AWS::IAM::ManagedPolicy": {create: c.createManagedPolicy, update: c.updateManagedPolicy, remove: c.deleteManagedPolicy, read: c.readManagedPolicy},
	}
}

// putRolePolicy writes one policy into a role that is made elsewhere.
func (c *clients) putRolePolicy(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	role, name := r.Props.Get("RoleName").Text(), r.Props.Get("PolicyName").Text()
	_, err := c.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &role, PolicyName: &name, PolicyDocument: ptr(document(r.Props.Get("PolicyDocument")))})
	return deploy.State{PhysicalID: name + "|" + role}, err
}

func roleState(r *types.Role) deploy.State {
	return deploy.State{PhysicalID: str(r.RoleName), Attrs: map[string]string{"Arn": str(r.Arn), "RoleId": str(r.RoleId)}}
}

func (c *clients) readRole(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	name := r.PhysicalID
	if name == "" {
		name = r.Name
	}
	out, err := c.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if err != nil {
		return deploy.State{}, err
	}
	return roleState(out.Role), nil
}

func iamTags(m map[string]string) []types.Tag {
	var out []types.Tag
	for _, k := range sortedKeys(m) {
		out = append(out, types.Tag{Key: ptr(k), Value: ptr(m[k])})
	}
	return out
}

func (c *clients) createRole(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &iam.CreateRoleInput{}
	b := binding{skip: []string{"AssumeRolePolicyDocument", "ManagedPolicyArns", "Policies", "RoleName", "Tags"}}
	if err := b.bind(r.Props, in); err != nil {
		return deploy.State{}, err
	}
	in.RoleName, in.AssumeRolePolicyDocument = &r.Name, ptr(document(r.Props.Get("AssumeRolePolicyDocument")))
	in.Tags = iamTags(tagMap(r.Props.Get("Tags"), r.Tags))
	out, err := c.iam.CreateRole(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	return roleState(out.Role), c.rolePolicies(ctx, r, r.Name)
}

// rolePolicies puts inline and managed policies on a role and takes away those it had before.
func (c *clients) rolePolicies(ctx context.Context, r *deploy.Request, role string) error {
	var inline []string
	if list := r.Props.Get("Policies"); list != nil {
		for _, p := range list.Items {
			name := p.Get("PolicyName").Text()
			inline = append(inline, name)
			if _, err := c.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &role, PolicyName: &name, PolicyDocument: ptr(document(p.Get("PolicyDocument")))}); err != nil {
				return err
			}
		}
	}
	if list := r.Old.Get("Policies"); list != nil {
		for _, p := range list.Items {
			if name := p.Get("PolicyName").Text(); !slices.Contains(inline, name) {
				if _, err := c.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &role, PolicyName: &name}); err != nil && !gone(err) {
					return err
				}
			}
		}
	}
	want, had := strs(r.Props.Get("ManagedPolicyArns")), strs(r.Old.Get("ManagedPolicyArns"))
	for _, arn := range want {
		if _, err := c.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &role, PolicyArn: &arn}); err != nil {
			return err
		}
	}
	for _, arn := range had {
		if !slices.Contains(want, arn) {
			if _, err := c.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &role, PolicyArn: &arn}); err != nil && !gone(err) {
				return err
			}
		}
	}
	return nil
}

func (c *clients) updateRole(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	name := r.PhysicalID
	if changed(r, "AssumeRolePolicyDocument") {
		if _, err := c.iam.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: &name, PolicyDocument: ptr(document(r.Props.Get("AssumeRolePolicyDocument")))}); err != nil {
			return deploy.State{}, err
		}
	}
	if changed(r, "Description", "MaxSessionDuration") {
		in := &iam.UpdateRoleInput{RoleName: &name, Description: ptr(r.Props.Get("Description").Text()), MaxSessionDuration: ptr(int32(3600))}
		if d := r.Props.Get("MaxSessionDuration"); d != nil {
			if err := (binding{}).bind(template.M("MaxSessionDuration", d), in); err != nil {
				return deploy.State{}, err
			}
		}
		if _, err := c.iam.UpdateRole(ctx, in); err != nil {
			return deploy.State{}, err
		}
	}
	if changed(r, "PermissionsBoundary") {
		if err := c.setBoundary(ctx, name, r.Props.Get("PermissionsBoundary").Text()); err != nil {
			return deploy.State{}, err
		}
	}
	if err := c.rolePolicies(ctx, r, name); err != nil {
		return deploy.State{}, err
	}
	set, drop := tagDiff(r)
	if len(drop) > 0 {
		if _, err := c.iam.UntagRole(ctx, &iam.UntagRoleInput{RoleName: &name, TagKeys: drop}); err != nil {
			return deploy.State{}, err
		}
	}
	if len(set) > 0 {
		if _, err := c.iam.TagRole(ctx, &iam.TagRoleInput{RoleName: &name, Tags: iamTags(set)}); err != nil {
			return deploy.State{}, err
		}
	}
	return c.readRole(ctx, r)
}

func (c *clients) setBoundary(ctx context.Context, role, arn string) error {
	if arn == "" {
		_, err := c.iam.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: &role})
		return err
	}
	_, err := c.iam.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: &role, PermissionsBoundary: &arn})
	return err
}

// deleteRole takes its policies off first, as the service asks.
func (c *clients) deleteRole(ctx context.Context, r *deploy.Request) error {
	name := r.PhysicalID
	attached, err := c.iam.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: &name})
	if err != nil {
		return err
	}
	for _, p := range attached.AttachedPolicies {
		if _, err := c.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &name, PolicyArn: p.PolicyArn}); err != nil && !gone(err) {
			return err
		}
	}
	inline, err := c.iam.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &name})
	if err != nil {
		return err
	}
	for _, p := range inline.PolicyNames {
		if _, err := c.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &name, PolicyName: &p}); err != nil && !gone(err) {
			return err
		}
	}
	_, err = c.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &name})
	return err
}

// putPolicy puts an inline policy on roles and users.
func (c *clients) putPolicy(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	name, doc := r.Props.Get("PolicyName").Text(), document(r.Props.Get("PolicyDocument"))
	if len(strs(r.Props.Get("Groups"))) > 0 {
		return deploy.State{}, errors.New("groups are not kept here: put the policy on roles or users")
	}
	for _, role := range strs(r.Props.Get("Roles")) {
		if _, err := c.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &role, PolicyName: &name, PolicyDocument: &doc}); err != nil {
			return deploy.State{}, err
		}
	}
	for _, user := range strs(r.Props.Get("Users")) {
		if _, err := c.iam.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &user, PolicyName: &name, PolicyDocument: &doc}); err != nil {
			return deploy.State{}, err
		}
	}
	if r.Old != nil {
		stale := *r
		stale.Props = r.Old.Clone()
		if r.Old.Get("PolicyName").Text() == name {
			drop(stale.Props, "Roles", strs(r.Props.Get("Roles")))
			drop(stale.Props, "Users", strs(r.Props.Get("Users")))
		}
		if err := c.deletePolicy(ctx, &stale); err != nil {
			return deploy.State{}, err
		}
	}
	return deploy.State{PhysicalID: name, Attrs: map[string]string{"Id": name}}, nil
}

// drop takes values out of a list property.
func drop(props *template.Node, name string, values []string) {
	if list := props.Get(name); list != nil {
		list.Items = slices.DeleteFunc(list.Items, func(n *template.Node) bool { return slices.Contains(values, n.Text()) })
	}
}

func (c *clients) deletePolicy(ctx context.Context, r *deploy.Request) error {
	name := r.Props.Get("PolicyName").Text()
	for _, role := range strs(r.Props.Get("Roles")) {
		if _, err := c.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &role, PolicyName: &name}); err != nil && !gone(err) {
			return err
		}
	}
	for _, user := range strs(r.Props.Get("Users")) {
		if _, err := c.iam.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: &user, PolicyName: &name}); err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

func managedState(arn string) deploy.State {
	return deploy.State{PhysicalID: arn, Attrs: map[string]string{"PolicyArn": arn}}
}

func (c *clients) readManagedPolicy(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	arn := r.PhysicalID
	if arn == "" {
		path := r.Props.Get("Path").Text()
		if path == "" {
			path = "/"
		}
		arn = "arn:aws:iam::" + c.o.Account + ":policy" + path + r.Name
	}
	_, err := c.iam.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})
	return managedState(arn), err
}

func (c *clients) createManagedPolicy(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &iam.CreatePolicyInput{PolicyName: &r.Name, PolicyDocument: ptr(document(r.Props.Get("PolicyDocument")))}
	if p := r.Props.Get("Path"); p != nil {
		in.Path = ptr(p.Text())
	}
	if d := r.Props.Get("Description"); d != nil {
		in.Description = ptr(d.Text())
	}
	out, err := c.iam.CreatePolicy(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	arn := str(out.Policy.Arn)
	return managedState(arn), c.attachments(ctx, r, arn)
}

// attachments attaches a managed policy to the roles and users it lists, and
// detaches it from those it listed before.
func (c *clients) attachments(ctx context.Context, r *deploy.Request, arn string) error {
	if len(strs(r.Props.Get("Groups"))) > 0 {
		return errors.New("groups are not kept here: attach the policy to roles or users")
	}
	roles, users := strs(r.Props.Get("Roles")), strs(r.Props.Get("Users"))
	for _, role := range roles {
		if _, err := c.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &role, PolicyArn: &arn}); err != nil {
			return err
		}
	}
	for _, user := range users {
		if _, err := c.iam.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &user, PolicyArn: &arn}); err != nil {
			return err
		}
	}
	for _, role := range strs(r.Old.Get("Roles")) {
		if slices.Contains(roles, role) {
			continue
		}
		if _, err := c.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &role, PolicyArn: &arn}); err != nil && !gone(err) {
			return err
		}
	}
	for _, user := range strs(r.Old.Get("Users")) {
		if slices.Contains(users, user) {
			continue
		}
		if _, err := c.iam.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: &user, PolicyArn: &arn}); err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

// updateManagedPolicy makes a new default version, and drops the old ones, of
// which the service keeps five at most.
func (c *clients) updateManagedPolicy(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	arn := r.PhysicalID
	if changed(r, "PolicyDocument") {
		versions, err := c.iam.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: &arn})
		if err != nil {
			return deploy.State{}, err
		}
		for _, v := range versions.Versions {
			if !v.IsDefaultVersion {
				if _, err := c.iam.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: v.VersionId}); err != nil {
					return deploy.State{}, err
				}
			}
		}
		if _, err := c.iam.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: ptr(document(r.Props.Get("PolicyDocument"))), SetAsDefault: true}); err != nil {
			return deploy.State{}, err
		}
	}
	return managedState(arn), c.attachments(ctx, r, arn)
}

func (c *clients) deleteManagedPolicy(ctx context.Context, r *deploy.Request) error {
	bare := *r
	bare.Old, bare.Props = r.Props, template.M()
	if err := c.attachments(ctx, &bare, r.PhysicalID); err != nil {
		return err
	}
	versions, err := c.iam.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: &r.PhysicalID})
	if err != nil {
		return err
	}
	for _, v := range versions.Versions {
		if !v.IsDefaultVersion {
			if _, err := c.iam.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: &r.PhysicalID, VersionId: v.VersionId}); err != nil {
				return err
			}
		}
	}
	_, err = c.iam.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &r.PhysicalID})
	return err
}

func (c *clients) logGroups() map[string]*kind {
	state := func(name string) deploy.State {
		return deploy.State{PhysicalID: name, Attrs: map[string]string{"Arn": c.arn("logs", "log-group:"+name+":*")}}
	}
	return map[string]*kind{"AWS::Logs::LogGroup": {
		create: func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
			in := &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &r.Name}
			if err := (binding{skip: []string{"LogGroupName", "RetentionInDays", "Tags"}}).bind(r.Props, in); err != nil {
				return deploy.State{}, err
			}
			if tags := tagMap(r.Props.Get("Tags"), r.Tags); len(tags) > 0 {
				in.Tags = tags
			}
			if _, err := c.logs.CreateLogGroup(ctx, in); err != nil {
				return deploy.State{}, err
			}
			return state(r.Name), c.retention(ctx, r, r.Name)
		},
		update: func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
			if changed(r, "LogGroupClass") {
				return deploy.State{}, errors.New("the class of a log group cannot be changed")
			}
			if err := c.retention(ctx, r, r.PhysicalID); err != nil {
				return deploy.State{}, err
			}
			return state(r.PhysicalID), c.tagGroup(ctx, r)
		},
		read: func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
			name := r.PhysicalID
			if name == "" {
				name = r.Name
			}
			out, err := c.logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
			if err != nil {
				return deploy.State{}, err
			}
			for _, g := range out.LogGroups {
				if str(g.LogGroupName) == name {
					return state(name), nil
				}
			}
			return deploy.State{}, deploy.ErrNotFound
		},
		remove: func(ctx context.Context, r *deploy.Request) error {
			_, err := c.logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &r.PhysicalID})
			return err
		},
	}}
}

func (c *clients) retention(ctx context.Context, r *deploy.Request, group string) error {
	days := r.Props.Get("RetentionInDays")
	if template.Equal(days, r.Old.Get("RetentionInDays")) {
		return nil
	}
	if days == nil {
		_, err := c.logs.DeleteRetentionPolicy(ctx, &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: &group})
		return err
	}
	in := &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &group}
	if err := (binding{}).bind(template.M("RetentionInDays", days), in); err != nil {
		return err
	}
	_, err := c.logs.PutRetentionPolicy(ctx, in)
	return err
}

func (c *clients) tagGroup(ctx context.Context, r *deploy.Request) error {
	arn := c.arn("logs", "log-group:"+r.PhysicalID)
	set, drop := tagDiff(r)
	if len(drop) > 0 {
		if _, err := c.logs.UntagResource(ctx, &cloudwatchlogs.UntagResourceInput{ResourceArn: &arn, TagKeys: drop}); err != nil {
			return err
		}
	}
	if len(set) == 0 || !changed(r, "Tags") && len(r.Tags) == 0 {
		return nil
	}
	_, err := c.logs.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: &arn, Tags: set})
	return err
}

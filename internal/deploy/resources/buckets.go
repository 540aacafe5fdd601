package resources

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/template"
)

func (c *clients) buckets() map[string]*kind {
	return map[string]*kind{
		"AWS::S3::Bucket": {
			create: c.createBucket,
			check: func(props *template.Node) error {
				_, err := notifications(props.Get("NotificationConfiguration"))
				return err
			},
			update: func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
				return c.bucketState(r.PhysicalID), c.bucketSettings(ctx, r, r.PhysicalID)
			},
			read: func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
				name := r.PhysicalID
				if name == "" {
					name = r.Name
				}
				_, err := c.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &name})
				return c.bucketState(name), err
			},
			remove: func(ctx context.Context, r *deploy.Request) error {
				_, err := c.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &r.PhysicalID})
				return err
			},
		},
		"AWS::S3::BucketPolicy": {
			create: c.putBucketPolicy, update: c.putBucketPolicy,
			remove: func(ctx context.Context, r *deploy.Request) error {
				_, err := c.s3.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: ptr(r.Props.Get("Bucket").Text())})
				return err
			},
		},
	}
}

func (c *clients) bucketState(name string) deploy.State {
	return deploy.State{PhysicalID: name, Attrs: map[string]string{
		"Arn": "arn:aws:s3:::" + name, "DomainName": name + ".s3.amazonaws.com", "DualStackDomainName": name + ".s3.dualstack." + c.o.Region + ".amazonaws.com",
		"RegionalDomainName": name + ".s3." + c.o.Region + ".amazonaws.com"}}
}

func (c *clients) putBucketPolicy(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	bucket := r.Props.Get("Bucket").Text()
	_, err := c.s3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: ptr(document(r.Props.Get("PolicyDocument")))})
	return deploy.State{PhysicalID: bucket}, err
}

// cannedACLs maps CloudFormation's names of ready-made access lists to the API's.
var cannedACLs = map[string]types.BucketCannedACL{"Private": types.BucketCannedACLPrivate, "PublicRead": types.BucketCannedACLPublicRead,
	"PublicReadWrite": types.BucketCannedACLPublicReadWrite, "AuthenticatedRead": types.BucketCannedACLAuthenticatedRead}

func (c *clients) createBucket(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &s3.CreateBucketInput{Bucket: &r.Name}
	if acl := r.Props.Get("AccessControl").Text(); acl != "" {
		in.ACL = cannedACLs[acl]
		if in.ACL == "" {
			in.ACL = types.BucketCannedACL(acl)
		}
	}
	if c.o.Region != "us-east-1" {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(c.o.Region)}
	}
	if _, err := c.s3.CreateBucket(ctx, in); err != nil {
		return deploy.State{}, err
	}
	return c.bucketState(r.Name), c.bucketSettings(ctx, r, r.Name)
}

// bucketSettings makes the calls for every setting that differs from before.
func (c *clients) bucketSettings(ctx context.Context, r *deploy.Request, bucket string) error {
	for _, s := range c.bucketCalls(bucket) {
		now := r.Props.Get(s.prop)
		if template.Equal(now, r.Old.Get(s.prop)) {
			continue
		}
		call := s.put
		if now == nil {
			call = s.clear
		}
		if err := call(ctx, now); err != nil {
			return err
		}
	}
	if tags := tagMap(r.Props.Get("Tags"), r.Tags); len(tags) > 0 && (r.Old == nil || changed(r, "Tags")) {
		set := &types.Tagging{}
		for _, k := range sortedKeys(tags) {
			set.TagSet = append(set.TagSet, types.Tag{Key: ptr(k), Value: ptr(tags[k])})
		}
		_, err := c.s3.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: &bucket, Tagging: set})
		return err
	}
	return nil
}

type bucketCall struct {
	prop  string
	put   func(context.Context, *template.Node) error
	clear func(context.Context, *template.Node) error
}

// bucketCalls are the settings of a bucket that calls of their own set.
func (c *clients) bucketCalls(bucket string) []bucketCall {
	return []bucketCall{
		{"VersioningConfiguration", func(ctx context.Context, n *template.Node) error {
			in := &s3.PutBucketVersioningInput{Bucket: &bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatus(n.Get("Status").Text())}}
			_, err := c.s3.PutBucketVersioning(ctx, in)
			return err
		}, func(ctx context.Context, _ *template.Node) error {
			in := &s3.PutBucketVersioningInput{Bucket: &bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended}}
			_, err := c.s3.PutBucketVersioning(ctx, in)
			return err
		}},
		{"BucketEncryption", c.putEncryption(bucket), func(ctx context.Context, _ *template.Node) error {
			_, err := c.s3.DeleteBucketEncryption(ctx, &s3.DeleteBucketEncryptionInput{Bucket: &bucket})
			return err
		}},
		{"CorsConfiguration", c.putCors(bucket), func(ctx context.Context, _ *template.Node) error {
			_, err := c.s3.DeleteBucketCors(ctx, &s3.DeleteBucketCorsInput{Bucket: &bucket})
			return err
		}},
		{"LifecycleConfiguration", c.putLifecycle(bucket), func(ctx context.Context, _ *template.Node) error {
			_, err := c.s3.DeleteBucketLifecycle(ctx, &s3.DeleteBucketLifecycleInput{Bucket: &bucket})
			return err
		}},
		{"PublicAccessBlockConfiguration", func(ctx context.Context, n *template.Node) error {
			in := &types.PublicAccessBlockConfiguration{}
			if err := (binding{}).bind(n, in); err != nil {
				return err
			}
			_, err := c.s3.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: &bucket, PublicAccessBlockConfiguration: in})
			return err
		}, func(ctx context.Context, _ *template.Node) error {
			_, err := c.s3.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: &bucket})
			return err
		}},
		{"OwnershipControls", func(ctx context.Context, n *template.Node) error {
			in := &types.OwnershipControls{}
			if err := (binding{}).bind(n, in); err != nil {
				return err
			}
			_, err := c.s3.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{Bucket: &bucket, OwnershipControls: in})
			return err
		}, func(ctx context.Context, _ *template.Node) error {
			_, err := c.s3.DeleteBucketOwnershipControls(ctx, &s3.DeleteBucketOwnershipControlsInput{Bucket: &bucket})
			return err
		}},
		{"NotificationConfiguration", c.putNotifications(bucket), c.putNotifications(bucket)},
	}
}

func (c *clients) putEncryption(bucket string) func(context.Context, *template.Node) error {
	return func(ctx context.Context, n *template.Node) error {
		in := &types.ServerSideEncryptionConfiguration{}
		b := binding{rename: map[string]string{"ServerSideEncryptionConfiguration": "Rules",
			"ServerSideEncryptionConfiguration.ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}}
		if err := b.bind(n, in); err != nil {
			return err
		}
		_, err := c.s3.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{Bucket: &bucket, ServerSideEncryptionConfiguration: in})
		return err
	}
}

func (c *clients) putCors(bucket string) func(context.Context, *template.Node) error {
	return func(ctx context.Context, n *template.Node) error {
		in := &types.CORSConfiguration{}
		b := binding{rename: map[string]string{"CorsRules.Id": "ID", "CorsRules": "CORSRules", "CorsRules.MaxAge": "MaxAgeSeconds", "CorsRules.ExposedHeaders": "ExposeHeaders"}}
		if err := b.bind(n, in); err != nil {
			return err
		}
		_, err := c.s3.PutBucketCors(ctx, &s3.PutBucketCorsInput{Bucket: &bucket, CORSConfiguration: in})
		return err
	}
}

// putLifecycle turns CloudFormation's flat rules into the API's nested ones.
func (c *clients) putLifecycle(bucket string) func(context.Context, *template.Node) error {
	return func(ctx context.Context, n *template.Node) error {
		rules := template.L()
		if list := n.Get("Rules"); list != nil {
			for _, r := range list.Items {
				rule := template.M("Status", r.Get("Status"), "ID", r.Get("Id"), "Filter", template.M("Prefix", orEmpty(r.Get("Prefix"))))
				if d := r.Get("ExpirationInDays"); d != nil {
					rule.Set("Expiration", template.M("Days", d))
				}
				if d := r.Get("NoncurrentVersionExpirationInDays"); d != nil {
					rule.Set("NoncurrentVersionExpiration", template.M("NoncurrentDays", d))
				}
				if d := r.Get("AbortIncompleteMultipartUpload"); d != nil {
					rule.Set("AbortIncompleteMultipartUpload", d)
				}
				for _, e := range r.Entries {
					switch e.Key.Value {
					case "Status", "Id", "Prefix", "ExpirationInDays", "NoncurrentVersionExpirationInDays", "AbortIncompleteMultipartUpload":
					default:
						return template.Errorf(e.Key, "LifecycleConfiguration.Rules."+e.Key.Value, "this part of a lifecycle rule is not acted on here", "remove it")
					}
				}
				rules.Items = append(rules.Items, rule)
			}
		}
		in := &types.BucketLifecycleConfiguration{}
		if err := (binding{}).bind(template.M("Rules", rules), in); err != nil {
			return err
		}
		_, err := c.s3.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{Bucket: &bucket, LifecycleConfiguration: in})
		return err
	}
}

func orEmpty(n *template.Node) *template.Node {
	if n == nil {
		return template.Str("")
	}
	return n
}

func (c *clients) putNotifications(bucket string) func(context.Context, *template.Node) error {
	return func(ctx context.Context, n *template.Node) error {
		in, err := notifications(n)
		if err != nil {
			return err
		}
		_, err = c.s3.PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{Bucket: &bucket, NotificationConfiguration: in})
		return err
	}
}

// notifications turns CloudFormation's form, one event a configuration, into the API's.
func notifications(n *template.Node) (*types.NotificationConfiguration, error) {
	in := &types.NotificationConfiguration{}
	if n == nil || n.Kind != template.Map {
		return in, nil
	}
	api := template.M()
	for _, e := range n.Entries {
		target := map[string][2]string{"LambdaConfigurations": {"LambdaFunctionConfigurations", "Function"}, "QueueConfigurations": {"QueueConfigurations", "Queue"},
			"TopicConfigurations": {"TopicConfigurations", "Topic"}}[e.Key.Value]
		if target[0] == "" {
			return nil, template.Errorf(e.Key, "NotificationConfiguration."+e.Key.Value, "objects are announced to functions, queues and topics only", "remove it")
		}
		list := template.L()
		for _, it := range e.Val.Items {
			arn := map[string]string{"Function": "LambdaFunctionArn", "Queue": "QueueArn", "Topic": "TopicArn"}[target[1]]
			cfg := template.M(arn, it.Get(target[1]), "Events", template.L(it.Get("Event")))
			if f := it.At("Filter", "S3Key", "Rules"); f != nil {
				cfg.Set("Filter", template.M("Key", template.M("FilterRules", f)))
			}
			list.Items = append(list.Items, cfg)
		}
		api.Set(target[0], list)
	}
	return in, (binding{}).bind(api, in)
}

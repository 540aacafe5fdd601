package lambda

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
)

// PublishVersion makes a numbered, unchangeable version of $LATEST. If nothing has changed since the last
// one was published, that one is the answer.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException (another CodeSha256), PreconditionFailedException.
// Differs: a function made of a folder of this machine is bound to the folder's content of now.
func (s *Service) publishVersion(ctx context.Context, in *lambda.PublishVersionInput) (*types.FunctionConfiguration, error) {
	ref, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if err := ref.unqualified("PublishVersion"); err != nil {
		return nil, err
	}
	if in.PublishTo != "" {
		return nil, unsupported("PublishTo")
	}
	fresh, err := s.folderNow(ctx, ref)
	if err != nil {
		return nil, err
	}
	var out *types.FunctionConfiguration
	err = s.change(ctx, ref, func(t kv.Txn, f *function) error {
		if fresh != nil {
			f.Latest.Code = *fresh
		}
		if err := revised(in.RevisionId, &f.Latest); err != nil {
			return err
		}
		if sha := f.Latest.Code.sha256Base64(); in.CodeSha256 != nil && *in.CodeSha256 != sha {
			return invalidParameter("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", *in.CodeSha256, sha)
		}
		out, err = s.publishIn(t, ref.functionKey, f, in.Description)
		return err
	})
	return out, err
}

// folderNow builds the content that a function's folder has now; nil if the function has none.
func (s *Service) folderNow(ctx context.Context, ref reference) (*code, error) {
	var c config
	err := s.view(ctx, ref, func(_ kv.Reader, f *function, _ *config) error {
		c = f.Latest
		return nil
	})
	if err != nil || c.Code.Folder == "" {
		return nil, err
	}
	taken, err := s.buildFolder(ctx, c.Code.Folder, c.Runtime, c.Handler)
	return &taken, err
}

// publishIn publishes a version inside a transaction.
func (s *Service) publishIn(t kv.Txn, k functionKey, f *function, description *string) (*types.FunctionConfiguration, error) {
	if f.LastVersion > 0 {
		last, err := getRecord[config](t, keyOfVersion(k, f.LastVersion))
		if err != nil {
			return nil, err
		}
		if last != nil && last.sameAs(&f.Latest) && (description == nil || *description == last.Description) {
			return s.describe(t, last, k, last.Version)
		}
	}
	v := f.publish(deref(description), newUUID())
	if err := record.Save(t, keyOfVersion(k, f.LastVersion), &v); err != nil {
		return nil, err
	}
	return s.describe(t, &v, k, v.Version)
}

// publish makes the next version of $LATEST.
func (f *function) publish(description, revision string) config {
	f.LastVersion++
	v := f.Latest
	v.Version = formatVersion(f.LastVersion)
	v.RevisionID = revision
	if description != "" {
		v.Description = description
	}
	return v
}

// sameAs tells whether nothing but the name of the version differs: AWS goes by the
// time of the last change, which publishing keeps.
func (c *config) sameAs(o *config) bool {
	return c.LastModified == o.LastModified && c.Code.SHA256 == o.Code.SHA256
}

// ListVersionsByFunction lists $LATEST and the published versions in order.
//
// Limits: 50 in a page.
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) listVersionsByFunction(ctx context.Context, in *lambda.ListVersionsByFunctionInput) (*lambda.ListVersionsByFunctionOutput, error) {
	ref, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	after, err := unmark(in.Marker)
	if err != nil {
		return nil, err
	}
	out := &lambda.ListVersionsByFunctionOutput{Versions: []types.FunctionConfiguration{}}
	limit := page(in.MaxItems)
	err = s.store.View(ctx, func(r kv.Reader) error {
		f, err := readFunction(r, ref)
		if err != nil {
			return err
		}
		add := func(c *config) error {
			if len(out.Versions) == limit {
				out.NextMarker = mark(*out.Versions[limit-1].Version)
				return kv.ErrStop
			}
			d, err := s.describe(r, c, ref.functionKey, c.Version)
			if err == nil {
				out.Versions = append(out.Versions, *d)
			}
			return err
		}
		from := uint64(1)
		if after == "" {
			if err := add(&f.Latest); err != nil {
				return err
			}
		} else if after != latest {
			from = versionNumber(after) + 1
		}
		return scanVersions(r, ref.functionKey, from, add)
	})
	return out, err
}

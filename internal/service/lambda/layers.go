package lambda

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
)

// layer is the record of a layer as a whole: the last number given.
type layer struct{ Last uint64 }

// layerVersion is one version of a layer as it is stored.
type layerVersion struct {
	Number        uint64
	Description   string
	License       string
	Runtimes      []types.Runtime
	Architectures []types.Architecture
	Created       string
	Code          code
	Policy        *resourcePolicy
}

type layerKey struct{ account, region, name string }

var layerName = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,140}$`)

// layerRef parses a layer's name or ARN.
func layerRef(ctx context.Context, name *string) (layerKey, error) {
	at := requester(ctx)
	k := layerKey{at.account, at.region, deref(name)}
	if arn, err := aws.ParseARN(k.name); err == nil {
		rest, ok := strings.CutPrefix(arn.Resource, "layer:")
		if !ok || arn.Service != "lambda" {
			return k, invalidParameter("Invalid Layer name: %s", k.name)
		}
		k = layerKey{arn.Account, arn.Region, rest}
	}
	if !layerName.MatchString(k.name) {
		return k, invalidParameter("Invalid Layer name: %s", deref(name))
	}
	return k, nil
}

func (k layerKey) arn() string {
	return aws.NewARN("lambda", k.region, k.account, "layer:"+k.name).String()
}

func (k layerKey) versionARN(n uint64) string { return k.arn() + ":" + formatVersion(n) }

func (k layerKey) key() []byte { return kv.Key(kv.SpaceLambda, "l", k.account, k.region, k.name) }

func (k layerKey) versions() []byte { return kv.Key(kv.SpaceLambda, "n", k.account, k.region, k.name) }

func (k layerKey) version(n uint64) []byte { return kv.Append(k.versions(), n) }

func noLayerVersion(arn string) error {
	return invalidParameter("Layer version %s does not exist.", arn)
}

// parseLayerVersion takes the ARN of a layer version apart.
func parseLayerVersion(arn string) (layerKey, uint64, error) {
	a, err := aws.ParseARN(arn)
	p := strings.Split(a.Resource, ":")
	if err != nil || a.Service != "lambda" || len(p) != 3 || p[0] != "layer" || versionNumber(p[2]) == 0 {
		return layerKey{}, 0, invalidParameter("Invalid layer version ARN: %s", arn)
	}
	return layerKey{a.Account, a.Region, p[1]}, versionNumber(p[2]), nil
}

// layerByARN gets a layer version that a function names.
func layerByARN(r kv.Reader, arn string) (*layerVersion, error) {
	k, n, err := parseLayerVersion(arn)
	if err != nil {
		return nil, err
	}
	v, err := getRecord[layerVersion](r, k.version(n))
	if err == nil && v == nil {
		err = noLayerVersion(arn)
	}
	return v, err
}

// checkLayers checks that a version's layers exist and fit with its code.
func (s *Service) checkLayers(r kv.Reader, c *config) error {
	sum := c.Code.Unzipped
	seen := map[string]bool{}
	for _, arn := range c.Layers {
		v, err := layerByARN(r, arn)
		if err != nil {
			return err
		}
		name := arn[:strings.LastIndexByte(arn, ':')]
		if seen[name] {
			return invalidParameter("Two different versions of the same layer are not allowed to be referenced in the same function. %s", arn)
		}
		seen[name] = true
		sum += v.Code.Unzipped
	}
	if sum > MaxUnzippedBytes {
		return invalidParameter("Function code combined with layers exceeds the maximum allowed size of %d bytes. The actual size is %d bytes.", MaxUnzippedBytes, sum)
	}
	return nil
}

// PublishLayerVersion makes the next version of a layer, which functions find unpacked at /opt.
//
// Limits: as CreateFunction.
// Errors: InvalidParameterValueException, RequestTooLargeException.
// Differs: numbers of deleted versions are not given again, as on AWS; /opt is mounted where the system permits it,
// elsewhere the runtimes' search paths name the layer's directory.
func (s *Service) publishLayerVersion(ctx context.Context, in *lambda.PublishLayerVersionInput) (*lambda.PublishLayerVersionOutput, error) {
	k, err := layerRef(ctx, in.LayerName)
	if err != nil {
		return nil, err
	}
	if in.Content == nil || deref(in.Content.S3Bucket) == FolderBucket {
		return nil, invalidParameter("Please provide a source for layer code.")
	}
	taken, err := s.take(ctx, source{
		zip: in.Content.ZipFile, bucket: deref(in.Content.S3Bucket), key: deref(in.Content.S3Key), version: deref(in.Content.S3ObjectVersion),
	})
	if err != nil {
		return nil, err
	}
	v := &layerVersion{
		Description: deref(in.Description), License: deref(in.LicenseInfo), Runtimes: in.CompatibleRuntimes,
		Architectures: in.CompatibleArchitectures, Created: s.now(), Code: taken,
	}
	err = s.store.Update(ctx, func(t kv.Txn) error {
		l, err := getRecord[layer](t, k.key())
		if err != nil {
			return err
		}
		if l == nil {
			l = &layer{}
		}
		l.Last++
		v.Number = l.Last
		if err := record.Save(t, k.key(), l); err != nil {
			return err
		}
		return record.Save(t, k.version(v.Number), v)
	})
	if err != nil {
		return nil, err
	}
	g := s.showLayer(ctx, k, v)
	return &lambda.PublishLayerVersionOutput{
		LayerArn: g.LayerArn, LayerVersionArn: g.LayerVersionArn, Version: g.Version, Description: g.Description, CreatedDate: g.CreatedDate,
		LicenseInfo: g.LicenseInfo, CompatibleRuntimes: g.CompatibleRuntimes, CompatibleArchitectures: g.CompatibleArchitectures, Content: g.Content,
	}, nil
}

func (s *Service) showLayer(ctx context.Context, k layerKey, v *layerVersion) *lambda.GetLayerVersionOutput {
	return &lambda.GetLayerVersionOutput{
		LayerArn: ptr(k.arn()), LayerVersionArn: ptr(k.versionARN(v.Number)), Version: int64(v.Number), Description: &v.Description,
		CreatedDate: &v.Created, LicenseInfo: optional(v.License), CompatibleRuntimes: v.Runtimes, CompatibleArchitectures: v.Architectures,
		Content: &types.LayerVersionContentOutput{CodeSha256: ptr(v.Code.sha256Base64()), CodeSize: v.Code.Size, Location: ptr(s.link(ctx, v.Code))},
	}
}

// GetLayerVersion shows a layer version, with a link to its content.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) getLayerVersion(ctx context.Context, in *lambda.GetLayerVersionInput) (*lambda.GetLayerVersionOutput, error) {
	k, err := layerRef(ctx, in.LayerName)
	if err != nil {
		return nil, err
	}
	return s.findLayer(ctx, k, uint64(max(0, deref(in.VersionNumber))))
}

// GetLayerVersionByArn is GetLayerVersion with an ARN.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) getLayerVersionByArn(ctx context.Context, in *lambda.GetLayerVersionByArnInput) (*lambda.GetLayerVersionOutput, error) {
	k, n, err := parseLayerVersion(deref(in.Arn))
	if err != nil {
		return nil, err
	}
	return s.findLayer(ctx, k, n)
}

func (s *Service) findLayer(ctx context.Context, k layerKey, n uint64) (*lambda.GetLayerVersionOutput, error) {
	var v *layerVersion
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		v, err = readLayer(r, k, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.showLayer(ctx, k, v), nil
}

func readLayer(r kv.Reader, k layerKey, n uint64) (*layerVersion, error) {
	v, err := getRecord[layerVersion](r, k.version(n))
	if err == nil && v == nil {
		err = resourceNotFound("The resource you requested does not exist.")
	}
	return v, err
}

// fits tells whether a layer version is for a runtime and an architecture, "" for any.
func (v *layerVersion) fits(runtime types.Runtime, arch types.Architecture) bool {
	return (runtime == "" || slices.Contains(v.Runtimes, runtime)) && (arch == "" || slices.Contains(v.Architectures, arch))
}

func (v *layerVersion) item(k layerKey) types.LayerVersionsListItem {
	return types.LayerVersionsListItem{
		LayerVersionArn: ptr(k.versionARN(v.Number)), Version: int64(v.Number), Description: optional(v.Description), CreatedDate: &v.Created,
		CompatibleRuntimes: v.Runtimes, CompatibleArchitectures: v.Architectures, LicenseInfo: optional(v.License),
	}
}

// ListLayers lists the layers of the account in the region by name, each with its latest version that fits.
//
// Limits: 50 in a page.
// Errors: InvalidParameterValueException.
// Differs: nothing.
func (s *Service) listLayers(ctx context.Context, in *lambda.ListLayersInput) (*lambda.ListLayersOutput, error) {
	at := requester(ctx)
	after, err := unmark(in.Marker)
	if err != nil {
		return nil, err
	}
	prefix := kv.Key(kv.SpaceLambda, "l", at.account, at.region)
	rng := kv.PrefixRange(prefix)
	if after != "" {
		rng.Start = kv.After(kv.Append(prefix, after))
	}
	out := &lambda.ListLayersOutput{Layers: []types.LayersListItem{}}
	err = s.store.View(ctx, func(r kv.Reader) error {
		return r.Scan(rng, func(key, _ []byte) error {
			d := kv.DecodeKey(key, len(prefix))
			k := layerKey{at.account, at.region, d.String()}
			v, err := latestLayer(r, k, in.CompatibleRuntime, in.CompatibleArchitecture)
			if err != nil || v == nil {
				return err
			}
			if len(out.Layers) == page(in.MaxItems) {
				out.NextMarker = mark(*out.Layers[len(out.Layers)-1].LayerName)
				return kv.ErrStop
			}
			out.Layers = append(out.Layers, types.LayersListItem{LayerName: &k.name, LayerArn: ptr(k.arn()), LatestMatchingVersion: ptr(v.item(k))})
			return nil
		})
	})
	return out, err
}

// latestLayer is the newest version of a layer that fits; nil if there is none.
func latestLayer(r kv.Reader, k layerKey, runtime types.Runtime, arch types.Architecture) (found *layerVersion, err error) {
	err = scanLayer(r, k, 0, func(v *layerVersion) error {
		if !v.fits(runtime, arch) {
			return nil
		}
		found = v
		return kv.ErrStop
	})
	return found, err
}

// scanLayer visits the versions of a layer below number before (0: all), newest first.
func scanLayer(r kv.Reader, k layerKey, before uint64, visit func(*layerVersion) error) error {
	rng := kv.PrefixRange(k.versions())
	rng.Reverse = true
	if before > 0 {
		rng.End = k.version(before)
	}
	err := r.Scan(rng, func(_, value []byte) error {
		v := new(layerVersion)
		if err := record.Unmarshal(value, v); err != nil {
			return err
		}
		return visit(v)
	})
	if errors.Is(err, kv.ErrStop) {
		return nil
	}
	return err
}

// ListLayerVersions lists the versions of a layer, newest first.
//
// Limits: 50 in a page.
// Errors: InvalidParameterValueException.
// Differs: nothing.
func (s *Service) listLayerVersions(ctx context.Context, in *lambda.ListLayerVersionsInput) (*lambda.ListLayerVersionsOutput, error) {
	k, err := layerRef(ctx, in.LayerName)
	if err != nil {
		return nil, err
	}
	after, err := unmark(in.Marker)
	if err != nil {
		return nil, err
	}
	out := &lambda.ListLayerVersionsOutput{LayerVersions: []types.LayerVersionsListItem{}}
	err = s.store.View(ctx, func(r kv.Reader) error {
		return scanLayer(r, k, versionNumber(after), func(v *layerVersion) error {
			if !v.fits(in.CompatibleRuntime, in.CompatibleArchitecture) {
				return nil
			}
			if n := len(out.LayerVersions); n == page(in.MaxItems) {
				out.NextMarker = mark(strconv.FormatInt(out.LayerVersions[n-1].Version, 10))
				return kv.ErrStop
			}
			out.LayerVersions = append(out.LayerVersions, v.item(k))
			return nil
		})
	})
	return out, err
}

// DeleteLayerVersion deletes a layer version. Functions that have it keep it until their configuration changes.
//
// Errors: InvalidParameterValueException.
// Differs: a function that has the version and is not running here cannot be started again.
func (s *Service) deleteLayerVersion(ctx context.Context, in *lambda.DeleteLayerVersionInput) (*lambda.DeleteLayerVersionOutput, error) {
	k, err := layerRef(ctx, in.LayerName)
	if err != nil {
		return nil, err
	}
	return nil, s.store.Update(ctx, func(t kv.Txn) error { return t.Delete(k.version(uint64(max(0, deref(in.VersionNumber))))) })
}

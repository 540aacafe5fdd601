package lambda

import (
	"context"
	"encoding/base64"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
)

// ListFunctions lists the functions of the account in the region by name, with
// FunctionVersion ALL every published version too.
//
// Limits: 50 in a page.
// Errors: InvalidParameterValueException.
// Differs: MasterRegion other than ALL or the region lists nothing: there are no replicas of edge functions.
func (s *Service) listFunctions(ctx context.Context, in *lambda.ListFunctionsInput) (*lambda.ListFunctionsOutput, error) {
	at := requester(ctx)
	out := &lambda.ListFunctionsOutput{Functions: []types.FunctionConfiguration{}}
	if m := deref(in.MasterRegion); m != "" && m != "ALL" && m != at.region {
		return out, nil
	}
	after, err := unmark(in.Marker)
	if err != nil {
		return nil, err
	}
	prefix := kv.Key(kv.SpaceLambda, "f", at.account, at.region)
	rng := kv.PrefixRange(prefix)
	if after != "" {
		rng.Start = kv.After(kv.Append(prefix, after))
	}
	limit := page(in.MaxItems)
	err = s.store.View(ctx, func(r kv.Reader) error {
		last := ""
		return scanRange(r, rng, func(k functionKey, f *function) error {
			if len(out.Functions) >= limit {
				out.NextMarker = mark(last)
				return kv.ErrStop
			}
			last = k.name
			c, err := s.describe(r, &f.Latest, k, "")
			if err != nil {
				return err
			}
			if in.FunctionVersion != types.FunctionVersionAll {
				out.Functions = append(out.Functions, *c)
				return nil
			}
			c.FunctionArn = ptr(k.arn(latest))
			out.Functions = append(out.Functions, *c)
			return scanVersions(r, k, 0, func(v *config) error {
				c, err := s.describe(r, v, k, v.Version)
				if err == nil {
					out.Functions = append(out.Functions, *c)
				}
				return err
			})
		})
	})
	return out, err
}

// page is the size of a page: AWS gives at most 50 items, whatever is asked for.
func page(max *int32) int {
	if max == nil || *max <= 0 || *max > pageSize {
		return pageSize
	}
	return int(*max)
}

// mark makes a marker of the last item of a page.
func mark(last string) *string { return ptr(base64.RawURLEncoding.EncodeToString([]byte(last))) }

func unmark(marker *string) (string, error) {
	if marker == nil || *marker == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*marker)
	if err != nil {
		return "", invalidParameter("The marker is not valid: %s", *marker)
	}
	return string(b), nil
}

// paged gives one page of sorted names that come after a marker.
func paged(names []string, marker *string, max *int32) (list []string, next *string, err error) {
	after, err := unmark(marker)
	if err != nil {
		return nil, nil, err
	}
	for _, n := range names {
		if after != "" && n <= after {
			continue
		}
		if len(list) == page(max) {
			return list, mark(list[len(list)-1]), nil
		}
		list = append(list, n)
	}
	return list, nil, nil
}

// scanVersions visits published versions from number from on.
func scanVersions(r kv.Reader, k functionKey, from uint64, visit func(*config) error) error {
	rng := kv.PrefixRange(prefixOfVersions(k))
	if from > 0 {
		rng.Start = keyOfVersion(k, from)
	}
	err := r.Scan(rng, func(_, value []byte) error {
		c := new(config)
		if err := record.Unmarshal(value, c); err != nil {
			return err
		}
		return visit(c)
	})
	if errors.Is(err, kv.ErrStop) {
		return nil
	}
	return err
}

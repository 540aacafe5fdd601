package cloudwatch

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/leatdev/leat/internal/kv"
)

// Limits of ListMetrics.
const (
	listPage           = 500
	maxDimensionFilter = 10
	listedFor          = 14 * day
	recently           = 3 * time.Hour
)

// ListMetrics lists the series that were put to within two weeks, or three hours with
// RecentlyActive, by namespace, name and dimensions.
//
// Limits: 500 metrics per page, 10 dimension filters.
// Errors: InvalidParameterValue, MissingParameter.
// Differs: a new metric is listed at once; OwningAccount and IncludeLinkedAccounts are refused, for there are no linked accounts.
func (s *Service) ListMetrics(ctx context.Context, in *cloudwatch.ListMetricsInput) (*cloudwatch.ListMetricsOutput, error) {
	prefix := placeOf(ctx).key("s")
	from, err := checkList(in, prefix)
	if err != nil {
		return nil, err
	}
	if err := s.Flush(ctx); err != nil {
		s.log.Warn("figures of the platform's own were not written", "error", err)
	}
	keep := listedFor
	if in.RecentlyActive != "" {
		keep = recently
	}
	oldest := s.clock.Now().Add(-keep - activeGrain).Unix()
	if ns := deref(in.Namespace); ns != "" {
		prefix = kv.Append(prefix, ns)
		if name := deref(in.MetricName); name != "" {
			prefix = kv.Append(prefix, name)
		}
	}
	all := kv.PrefixRange(prefix)
	if string(from) > string(all.Start) {
		all.Start = from
	}
	out := &cloudwatch.ListMetricsOutput{Metrics: []types.Metric{}}
	err = s.store.View(ctx, func(r kv.Reader) error {
		out.Metrics, out.NextToken = out.Metrics[:0], nil
		return r.Scan(all, func(key, value []byte) error {
			x, err := decodeStored(key, value)
			if err != nil || x.active < oldest || in.MetricName != nil && x.name != *in.MetricName {
				return err
			}
			dims := decodeDims(x.dims)
			if !matches(in.Dimensions, dims) {
				return nil
			}
			if len(out.Metrics) == listPage {
				out.NextToken = ptr(base64.RawURLEncoding.EncodeToString(key[len(placeOf(ctx).key("s")):]))
				return kv.ErrStop
			}
			out.Metrics = append(out.Metrics, types.Metric{Namespace: &x.namespace, MetricName: &x.name, Dimensions: sdkDimensions(dims)})
			return nil
		})
	})
	return out, err
}

// checkList checks a request and gives the key that a page begins with.
func checkList(in *cloudwatch.ListMetricsInput, prefix []byte) ([]byte, error) {
	c := &checks{}
	if in.Namespace != nil {
		c.namespace(in.Namespace, false)
	}
	if in.MetricName != nil {
		c.text("MetricName", in.MetricName, maxName)
	}
	if len(in.Dimensions) > maxDimensionFilter {
		c.value("The collection Dimensions must not have a size greater than %d.", maxDimensionFilter)
	}
	for i, d := range in.Dimensions {
		c.text(fmt.Sprintf("Dimensions.member.%d.Name", i+1), d.Name, maxName)
	}
	if in.RecentlyActive != "" && in.RecentlyActive != types.RecentlyActivePt3h {
		c.value("The parameter RecentlyActive must be a value in the set [ PT3H ].")
	}
	if deref(in.IncludeLinkedAccounts) || in.OwningAccount != nil {
		c.value("The parameters IncludeLinkedAccounts and OwningAccount are not supported: there are no linked accounts.")
	}
	var from []byte
	if in.NextToken != nil {
		suffix, err := base64.RawURLEncoding.DecodeString(*in.NextToken)
		if err != nil || len(suffix) == 0 {
			c.value("The value for parameter NextToken is invalid.")
		}
		from = append(slices.Clone(prefix), suffix...)
	}
	return from, c.err()
}

// matches tells whether a series has all the dimensions that are filtered by.
func matches(filters []types.DimensionFilter, dims []Dimension) bool {
	for _, f := range filters {
		if !slices.ContainsFunc(dims, func(d Dimension) bool {
			return d.Name == *f.Name && (f.Value == nil || d.Value == *f.Value)
		}) {
			return false
		}
	}
	return true
}

func sdkDimensions(dims []Dimension) []types.Dimension {
	out := make([]types.Dimension, len(dims))
	for i := range dims {
		out[i] = types.Dimension{Name: &dims[i].Name, Value: &dims[i].Value}
	}
	return out
}

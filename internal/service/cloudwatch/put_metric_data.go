package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// Limits of PutMetricData.
const (
	maxDatums    = 1000
	maxValues    = 150
	maxPast      = 14 * day
	maxFuture    = 2 * time.Hour
	secondsOfMin = 60
)

// PutMetricData publishes figures: single values, arrays of values with counts, or
// statistic sets. They are durable, and visible to every read, once it has answered.
//
// Limits: 1000 figures per request, 30 dimensions, 150 values; 100,000 series per account and region.
// Errors: InvalidParameterValue, InvalidParameterCombination, MissingParameter, LimitExceeded.
// Differs: EntityMetricData and StrictEntityValidation are refused; the number of series is bounded.
func (s *Service) PutMetricData(ctx context.Context, in *cloudwatch.PutMetricDataInput) (*cloudwatch.PutMetricDataOutput, error) {
	c := &checks{}
	c.namespace(in.Namespace, true)
	if len(in.EntityMetricData) > 0 || in.StrictEntityValidation != nil {
		c.fail(badCombination, "EntityMetricData and StrictEntityValidation are not supported.")
	}
	if len(in.MetricData) == 0 {
		c.fail(missing, "The parameter MetricData is required.")
	}
	if len(in.MetricData) > maxDatums {
		c.value("The collection MetricData must not have a size greater than %d.", maxDatums)
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	now := s.clock.Now()
	points := map[pointID]*point{}
	for i := range in.MetricData {
		s.datum(c, fmt.Sprintf("MetricData.member.%d.", i+1), series{place: placeOf(ctx), namespace: *in.Namespace}, &in.MetricData[i], now, points)
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	err := s.update(ctx, func(t kv.Txn) error {
		for id, p := range points {
			if err := s.touch(t, id.series, now); err != nil {
				return err
			}
			if err := mergeInto(t, pointKey(id.points(), id.tier, id.start, id.unit), p); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, errTooMany) {
		return nil, aws.Errorf("LimitExceededFault", "The account has reached its %d metrics in this region.", s.maxSeries)
	}
	return &cloudwatch.PutMetricDataOutput{}, err
}

// datum checks one figure and adds it to the points of its request.
func (s *Service) datum(c *checks, at string, x series, d *types.MetricDatum, now time.Time, points map[pointID]*point) {
	c.text(at+"MetricName", d.MetricName, maxName)
	dims := c.dimensions(at+"Dimensions", d.Dimensions)
	c.unit(at+"Unit", d.Unit)
	when := now
	if d.Timestamp != nil {
		when = *d.Timestamp
	}
	switch {
	case when.Before(now.Add(-maxPast)):
		c.value("The parameter %sTimestamp must specify a time within the past two weeks.", at)
	case when.After(now.Add(maxFuture)):
		c.value("The parameter %sTimestamp must specify a time no more than two hours in the future.", at)
	}
	tier := int64(secondsOfMin)
	switch r := d.StorageResolution; {
	case r == nil || *r == secondsOfMin:
	case *r == 1:
		tier = 1
	default:
		c.value("The parameter %sStorageResolution must be a value in the set [ 1, 60 ].", at)
	}
	p := &point{}
	c.figures(at, d, p)
	if c.code != "" {
		return
	}
	x.name, x.dims = *d.MetricName, encodeDims(dims)
	unit := string(d.Unit)
	if unit == "" {
		unit = noUnit
	}
	id := pointID{series: x, unit: unit, tier: tier, start: when.Unix() / tier * tier}
	if sum := points[id]; sum != nil {
		sum.merge(p)
	} else {
		points[id] = p
	}
}

// figures checks the one form in which a figure comes, and sums it up.
func (c *checks) figures(at string, d *types.MetricDatum, p *point) {
	both := func(a, b string) {
		c.fail(badCombination, "The parameters %s%s and %s%s are mutually exclusive and you have specified both.", at, a, at, b)
	}
	switch {
	case d.Value != nil && d.StatisticValues != nil:
		both("Value", "StatisticValues")
	case d.Value != nil && len(d.Values) > 0:
		both("Value", "Values")
	case d.StatisticValues != nil && len(d.Values) > 0:
		both("StatisticValues", "Values")
	case len(d.Counts) > 0 && len(d.Values) == 0:
		c.fail(badCombination, "The parameter %sCounts requires the parameter %sValues.", at, at)
	case d.Value != nil:
		c.number(at+"Value", *d.Value)
		p.add(*d.Value, 1)
	case d.StatisticValues != nil:
		c.set(at+"StatisticValues.", d.StatisticValues, p)
	case len(d.Values) > 0:
		c.values(at, d, p)
	default:
		c.fail(missing, "At least one of the parameters %sValue, %sValues and %sStatisticValues must be specified.", at, at, at)
	}
}

// values sums up an array of values with their counts.
func (c *checks) values(at string, d *types.MetricDatum, p *point) {
	if len(d.Values) > maxValues {
		c.value("The collection %sValues must not have a size greater than %d.", at, maxValues)
		return
	}
	if len(d.Counts) > 0 && len(d.Counts) != len(d.Values) {
		c.value("The parameters %sValues and %sCounts must be of the same size.", at, at)
		return
	}
	for i, v := range d.Values {
		c.number(fmt.Sprintf("%sValues.member.%d", at, i+1), v)
		n := 1.0
		if len(d.Counts) > 0 {
			n = d.Counts[i]
			c.positive(fmt.Sprintf("%sCounts.member.%d", at, i+1), n)
		}
		p.add(v, n)
	}
}

// set takes a statistic set.
func (c *checks) set(at string, set *types.StatisticSet, p *point) {
	for _, m := range []struct {
		name  string
		value *float64
	}{{"SampleCount", set.SampleCount}, {"Sum", set.Sum}, {"Minimum", set.Minimum}, {"Maximum", set.Maximum}} {
		if m.value == nil {
			c.fail(missing, "The parameter %s%s is required.", at, m.name)
			return
		}
		c.number(at+m.name, *m.value)
	}
	c.positive(at+"SampleCount", *set.SampleCount)
	if *set.Minimum > *set.Maximum {
		c.fail(badCombination, "The parameter %sMinimum must be less than or equal to the parameter %sMaximum.", at, at)
	}
	p.addSet(*set.SampleCount, *set.Sum, *set.Minimum, *set.Maximum)
}

// positive checks a number of samples.
func (c *checks) positive(param string, n float64) {
	c.number(param, n)
	if !(n > 0) {
		c.value("The parameter %s must be greater than 0.", param)
	}
}
